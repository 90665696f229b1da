"""Measure the shipped entries on the benchmarks, and write the figures where they are read.

    python scripts/score_entries.py [NAME ...] [--data DATA] [--readme README.md]

DATA holds ``test/`` with Set12 and BSD68 (gray), CBSD68 and Kodak24 (colour); default: $DENOISE_ZOO_DATA. The scores of
the entries that are named (default: all) go into their entry.json and card.md; then the table in the README, between
the lines ``<!-- scores -->`` and ``<!-- /scores -->``, is written anew from all entries.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from errors import errors_in_one_line
from readme import README, around, write_between

import zoo
from export.card import summary
from export.entry import measured
from zoo.cli.options import add_data

SETS = {1: ("Set12", "BSD68"), 3: ("CBSD68", "Kodak24")}
# By the kinds of noise that an entry was trained on; one that is not here is measured on its own noise, whose levels
# are drawn per image. Clean input too: a denoiser should leave a clean picture alone. Gaussian and photon noise
# as the literature has them, which black and white do not cut, and as they are in pictures of 8 bits, which is what
# people have.
CLEAN = "gaussian:0"
NOISES = {
    ("gaussian",): ("gaussian:15", "gaussian:25", "gaussian:50", "gaussian:25+bits:8", "gaussian:50+bits:8"),
    ("poisson",): ("poisson:1", "poisson:4", "poisson:10", "poisson:30", "poisson:100")
    + ("poisson:4+bits:8", "poisson:30+bits:8"),
    ("saltpepper",): ("saltpepper:10", "saltpepper:30", "saltpepper:50"),
    ("blocks",): ("blocks:10", "blocks:25"),
    ("raw", "bayer", "gaussian", "jpeg"): ("raw:10,0.5", "raw:10,0.5+jpeg:85", "bayer:20,10", "bayer:20,10+jpeg:85")
    + ("jpeg:75", "gaussian:25"),
}


def noises(entry: zoo.Pretrained) -> tuple[str, ...]:
    """The names of the noises that an entry is measured on, but for none at all."""
    return NOISES.get(zoo.noise_from_name(entry.noise).kinds, (entry.noise,))


def measure(entry: zoo.Pretrained, data: Path) -> list[dict[str, Any]]:
    """A row per benchmark and noise."""
    rows = []
    denoise = zoo.Denoiser(entry)
    for name in SETS[entry.channels]:
        for noise in (CLEAN, *noises(entry)):
            score = zoo.evaluate(denoise, data / "test" / name, noise, progress=sys.stderr.isatty())
            rows.append({"set": name, "noise": noise, **score.row()})
            print(f"{entry.name}  {name}  {noise}  {score.psnr:.2f} dB  SSIM {score.ssim:.4f}", flush=True)
    return rows


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries or their folders (default: all shipped ones)")
    add_data(parser, "test")
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    around(args.readme, "scores")
    entries = [zoo.describe(name) for name in args.names or zoo.list_pretrained()]
    for entry in entries:
        measured(entry, scores=measure(entry, args.data))
    write_between(args.readme, "scores", summary(zoo.describe(name) for name in zoo.list_pretrained()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
