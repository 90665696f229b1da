"""What a mean over several orientations is worth (``ensemble=8``), on the benchmarks.

    python scripts/score_ensemble.py [NAME ...] [--data DATA] [--readme README.md]

DATA holds ``test/`` with BSD68 and CBSD68; default: $DENOISE_ZOO_DATA. Writes the table of the README, between the
lines ``<!-- ensemble -->`` and ``<!-- /ensemble -->``. With names, the other entries' rows stay as they stand there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from errors import errors_in_one_line
from readme import README, between, write_between

import zoo
from export.card import decibels, table
from zoo.cli.options import add_data

ENTRIES = (
    *("resnet-gaussian-gray-tiny", "resnet-gaussian-gray", "resnet-gaussian-gray-aware"),
    *("resnet-gaussian-color-tiny", "resnet-gaussian-color", "resnet-gaussian-color-aware"),
    *("resnet-gaussian-color-large", "resnet-photo-color"),
)
NOISES = {"resnet-photo-color": "bayer:20,10+jpeg:85"}
USUAL = "gaussian:25"
SETS = {1: "BSD68", 3: "CBSD68"}
SIZES = (1, 2, 8)


def known(readme: Path) -> dict[str, list[str]]:
    """The rows of the table as it stands, by entry."""
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in between(readme, "ensemble"))
    return {cells[0].strip("`"): cells for cells in rows if cells[0].startswith("`")}


def measured(name: str, data: Path) -> list[str]:
    """A row: PSNR of 1, 2 and 8 orientations."""
    denoise, noise = zoo.load(name), NOISES.get(name, USUAL)
    folder = SETS[denoise.channels]
    cells = [f"`{name}`", folder, noise]
    for size in SIZES:
        progress = sys.stderr.isatty()
        score = zoo.evaluate(denoise, data / "test" / folder, noise, ensemble=size, progress=progress)
        cells.append(decibels(score.psnr))
    print(*cells, flush=True)
    return cells


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ENTRIES)} (default: all)")
    add_data(parser, "test")
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    if unknown := set(args.names) - set(ENTRIES):
        parser.error(f"unknown entry {min(unknown)!r}; expected some of {', '.join(ENTRIES)}")
    there = known(args.readme)
    wanted = args.names or ENTRIES
    if lacking := [name for name in ENTRIES if name not in {*wanted, *there}]:
        raise zoo.ZooError(f"the table has no row of {lacking[0]}; expected all others there, or no names")
    rows = [measured(name, args.data) if name in wanted else there[name] for name in ENTRIES]
    head = ["", "set", "noise", "as it is", *(f"mean of {size}" for size in SIZES[1:])]
    note = (
        "PSNR in dB, of noise that is not clipped. Measured by `python scripts/score_ensemble.py`, which writes "
        "this table."
    )
    write_between(args.readme, "ensemble", f"{table(head, rows, left=3)}\n\n{note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
