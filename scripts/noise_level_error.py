"""How far the estimated noise level is off, on the benchmarks, beside scikit-image's.

    python scripts/noise_level_error.py [--data DATA] [--readme README.md]

DATA holds ``test/BSD68`` and ``test/Kodak24``; default: $DENOISE_ZOO_DATA. Writes the table of the README, between the
lines ``<!-- noise level -->`` and ``<!-- /noise level -->``. Nothing of the estimator was chosen on these images.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.progress import track
from score_entries import write_between
from skimage.restoration import estimate_sigma

from zoo.inference.files import read_image
from zoo.inference.noise_level import BLOCK, SHARE, _by_wavelets, noise_level

SETS = ("BSD68", "Kodak24")
SIGMAS = (0, 2, 5, 10, 15, 25, 35, 50, 75)


def errors(images: list[np.ndarray], sigma: float, estimate: Callable[[np.ndarray], float]) -> np.ndarray:
    """Estimate − truth for each image, on the 0–255 scale."""
    found = []
    for i, image in enumerate(images):
        noise = np.random.default_rng(i).normal(0, sigma / 255, image.shape)
        found.append(estimate((image / 255 + noise).astype(np.float32)) - sigma)
    return np.array(found)


def library(image: np.ndarray) -> float:
    """The median of the finest wavelet coefficients, of all channels together."""
    sigmas = estimate_sigma(image, channel_axis=-1 if image.ndim == 3 else None)
    return float(255 * np.sqrt(np.mean(np.square(sigmas))))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("DENOISE_ZOO_DATA"), help="holds test/")
    parser.add_argument("--readme", type=Path, default=Path(__file__).parents[1] / "README.md")
    args = parser.parse_args()
    if args.data is None:
        parser.error("no data: give --data FOLDER (with test/) or set DENOISE_ZOO_DATA")
    noise = np.random.default_rng(0).normal(0, 1, (2048, 2048)).astype(np.float32)
    quietest = _by_wavelets(noise)
    print(f"in pure noise, the quietest {SHARE:.0%} of blocks of {BLOCK}: {quietest[1] / quietest[0]:.4f} of the truth")
    lines = ["| set | σ | error, mean | mean of its size | largest | scikit-image: mean | mean of its size | largest |"]
    lines.append("| --- |" + " ---: |" * 7)
    for name in SETS:
        images = [read_image(path)[0] for path in sorted((Path(args.data) / "test" / name).iterdir())]
        for sigma in track(SIGMAS, name):
            cells = []
            for found in (errors(images, sigma, noise_level), errors(images, sigma, library)):
                cells += [f"{found.mean():.2f}", f"{np.abs(found).mean():.2f}", f"{np.abs(found).max():.2f}"]
            lines.append(f"| {name} | {sigma} | " + " | ".join(cells) + " |")
    note = "On the 0–255 scale. Measured by `python scripts/noise_level_error.py`, which writes this table."
    write_between(args.readme, "noise level", "\n".join([*lines, "", note]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
