"""``zoo show``: all that is known of an entry."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.pretrained import Pretrained


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "show",
        help="show all that is known of an entry",
        description="Show the facts of an entry: its origin, scores, and layer by layer the shape of the output for an "
        "image of 64x64, (Ni, No, d, s, p) = features in and out, kernel, stride, padding, receptive field, parameters "
        "and multiply-accumulates.",
    )
    parser.add_argument("name", metavar="NAME", help="name of an entry (zoo list), or its folder")
    parser.add_argument("--json", action="store_true", help="print entry.json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the facts, from entry.json alone."""
    from zoo.architectures.accounting import layer_table
    from zoo.cli.tables import score_table
    from zoo.pretrained import describe

    entry = describe(args.name)
    if args.json:
        print(entry.to_json(), end="")
        return 0
    facts = _facts(entry)
    wide = max(map(len, facts))
    print("\n".join(f"{name.ljust(wide)}  {value}" for name, value in facts.items()))
    if entry.scores:
        print("\n" + score_table(entry.scores))
    if entry.layers:
        print("\n" + layer_table(entry.layers))
    return 0


def _facts(entry: Pretrained) -> dict[str, str]:
    """Name → value, as a person reads them (each source and author of the training data is in card.md)."""
    return {
        "name": entry.name,
        "architecture": f"{entry.architecture} {_listed(entry.config)}",
        "pictures": "gray" if entry.channels == 1 else "colour",
        "noise": entry.noise + (", and takes the level (--sigma)" if entry.takes_sigma else ""),
        "parameters": f"{entry.num_params:,}",
        "cost": f"{entry.macs_per_pixel / 1000:.1f} kMAC per pixel",
        "tiles": f"halo of {entry.halo} pixels, aligned to {entry.multiple_of}",
        "files": ", ".join(entry.files),
        "folder": str(entry.folder),
        "recipe": _listed(entry.recipe),
        "trained on": _listed({name: fact for name, fact in entry.training_data.items() if name != "sources"}),
        "license": entry.license,
    }


def _listed(facts: Mapping[str, Any]) -> str:
    """What is not empty of a mapping, in one line: "key value, key value"."""
    return ", ".join(f"{name} {_value(value)}" for name, value in facts.items() if value not in (None, "", [], {}))


def _value(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
