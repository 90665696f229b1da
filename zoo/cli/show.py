"""``zoo show``: all that is known of an entry."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.pretrained import Pretrained


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "show",
        help="show all that is known of an entry",
        description="Show the facts of an entry: its origin, its scores, and per layer the block's shape, Ni and No "
        "(features in and out), d, s and p (kernel, stride, padding), what it sees (receptive field), parameters and "
        "multiply-accumulates.",
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
    print("\n".join(_lines(_facts(entry))))
    if entry.scores:
        print("\n" + score_table(entry.scores))
    if entry.layers:
        print("\n" + layer_table(entry.layers))
    return 0


def _facts(entry: Pretrained) -> dict[str, list[str]]:
    """Name → lines, as a person reads them (each source and author of the training data is in card.md)."""
    data = {name: fact for name, fact in entry.training_data.items() if name != "sources"}
    return {
        "name": [entry.name],
        "architecture": [entry.architecture, *_listed(entry.config)],
        "pictures": ["gray" if entry.channels == 1 else "colour"],
        "noise": [entry.noise + (", and takes the level (--sigma)" if entry.takes_sigma else "")],
        "parameters": [f"{entry.num_params:,}"],
        "cost": [f"{entry.macs_per_pixel / 1000:.1f} kMAC per pixel"],
        "tiles": [f"halo of {entry.halo} pixels, aligned to {entry.multiple_of}"],
        "files": [", ".join(entry.files)],
        "folder": [str(entry.folder)],
        "recipe": _listed(entry.recipe),
        "trained on": _listed(data),
        "license": [entry.license],
    }


def _listed(facts: Mapping[str, Any]) -> list[str]:
    """What is not empty of a mapping, a line each."""
    return [f"{name}: {_value(value)}" for name, value in facts.items() if value not in (None, "", [], {})]


def _value(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _lines(facts: Mapping[str, list[str]]) -> Iterator[str]:
    """Names at the left, their lines beside them, wrapped."""
    wide = max(map(len, facts))
    for name, lines in facts.items():
        for line in lines:
            for part in textwrap.wrap(line, 100, subsequent_indent="  ", break_on_hyphens=False):
                yield f"{name.ljust(wide)}  {part}"
                name = ""
