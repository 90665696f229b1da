"""Measure the shipped entries on the benchmarks, and write the figures where they are read.

    python scripts/score_entries.py [NAME ...] [--data DATA] [--readme README.md]

DATA holds ``test/`` with Set12 and BSD68 (gray), CBSD68 and Kodak24 (colour); default: $DENOISE_ZOO_DATA. The scores of
the entries that are named (default: all) go into their entry.json and card.md; then the table in the README, between
the lines ``<!-- scores -->`` and ``<!-- /scores -->``, is written anew from all entries.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import zoo
from export.card import summary
from export.entry import rescore
from zoo.atomic import file_beside

SETS = {1: ("Set12", "BSD68"), 3: ("CBSD68", "Kodak24")}
# Clean input too: a denoiser should leave a clean picture alone.
NOISES = ("gaussian:0", "gaussian:15", "gaussian:25", "gaussian:50")
BEGIN, END = "<!-- scores -->", "<!-- /scores -->"


def measure(entry: zoo.Pretrained, data: Path) -> list[dict[str, Any]]:
    """A row per benchmark and noise."""
    rows = []
    denoise = zoo.Denoiser(entry)
    for name in SETS[entry.channels]:
        for noise in NOISES:
            score = zoo.evaluate(denoise, data / "test" / name, noise, progress=sys.stderr.isatty())
            rows.append({"set": name, "noise": noise, **score.row()})
            print(f"{entry.name}  {name}  {noise}  {score.psnr:.2f} dB  SSIM {score.ssim:.4f}", flush=True)
    return rows


def write_table(readme: Path) -> None:
    """The table of all entries, in place of the one between the marks."""
    text = readme.read_text(encoding="utf-8")
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise zoo.ZooError(f"{str(readme)!r} has no place for the scores; expected the lines {BEGIN} and {END}")
    table = summary(zoo.describe(name) for name in zoo.list_pretrained())
    with file_beside(readme) as temporary:
        temporary.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}", encoding="utf-8", newline="\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries or their folders (default: all shipped ones)")
    parser.add_argument("--data", type=Path, default=os.environ.get("DENOISE_ZOO_DATA"), help="holds test/")
    parser.add_argument("--readme", type=Path, default=Path(__file__).parents[1] / "README.md")
    args = parser.parse_args()
    if args.data is None:
        parser.error("no data: give --data FOLDER (with test/) or set DENOISE_ZOO_DATA")
    try:
        entries = [zoo.describe(name) for name in args.names or zoo.list_pretrained()]
        for entry in entries:
            rescore(entry, measure(entry, args.data))
        write_table(args.readme)
    except zoo.ZooError as error:
        print(f"score_entries: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
