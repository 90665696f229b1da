"""``zoo list``: the entries that are shipped."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from zoo.cli.tables import aligned, number
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.pretrained import Pretrained

HEADLINE = "gaussian:25"  # the literature's usual yardstick, of entries for such noise
# What --json tells of each; `zoo show NAME --json` tells all.
FACTS = ("name", "architecture", "noise", "channels", "takes_sigma", "num_params", "macs_per_pixel", "scores")


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser("list", help="list the entries", description="List the entries that are shipped.")
    parser.add_argument("--architecture", metavar="NAME", help="only those of this architecture")
    parser.add_argument("--noise", metavar="NAME", help="only those for this noise: a kind (gaussian) or a whole name")
    parser.add_argument("--channels", type=int, choices=(1, 3), help="only those for gray (1) or colour (3) pictures")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a line per entry."""
    from zoo.architectures import architectures
    from zoo.pretrained import describe, list_pretrained

    if args.architecture not in (None, *architectures()):
        raise UsageError(f"unknown architecture {args.architecture!r}; expected one of {', '.join(architectures())}")
    names = list_pretrained(architecture=args.architecture, noise=args.noise, channels=args.channels)
    entries = [describe(name) for name in names]
    if args.json:
        print(json.dumps([{fact: getattr(entry, fact) for fact in FACTS} for entry in entries], indent=1))
        return 0
    if not entries:
        print("no entry fits", file=sys.stderr)
        return 0
    rows = [("name", "noise", "channels", "parameters", "kMAC/pixel", "score")]
    for entry in entries:
        size, cost = f"{entry.num_params:,}", f"{entry.macs_per_pixel / 1000:.1f}"
        rows.append((entry.name, entry.noise, str(entry.channels), size, cost, headline(entry)))
    print(aligned(rows, left=2))
    return 0


def headline(entry: Pretrained) -> str:
    """One score in a few words, on noise that the entry is for, such as "29.01 dB (BSD68, gaussian:25)"."""
    if not entry.scores:
        return "not measured"
    noisy = [row for row in entry.scores if row["noisy_psnr"] is not None] or entry.scores
    row = noisy[0]
    if entry.noise.partition(":")[0] == HEADLINE.partition(":")[0]:
        row = next((row for row in noisy if row["noise"] == HEADLINE), row)
    return f"{number(row['psnr'], 2)} dB ({row['set']}, {row['noise']})"
