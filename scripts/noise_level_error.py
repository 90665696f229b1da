"""How far the estimated noise level is off, on the benchmarks, beside scikit-image's, and what it is good for.

    python scripts/noise_level_error.py [--data DATA] [--readme README.md]

DATA holds ``test/BSD68`` and ``test/Kodak24``; default: $DENOISE_ZOO_DATA. Writes the tables of the README, between the
lines ``<!-- noise level -->`` and ``<!-- /noise level -->``. Nothing of the estimator was chosen on these images.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from errors import errors_in_one_line
from readme import README, around, write_between
from rich.progress import track
from skimage.restoration import estimate_sigma

import zoo
from zoo.cli.options import add_data
from zoo.evaluation import psnr
from zoo.inference.noise_level import noise_level
from zoo.inference.reading import read_image

SETS = {"BSD68": "resnet-gaussian-gray", "Kodak24": "resnet-gaussian-color"}  # and their blind entries
# Sigma, and bits, where black and white cut the noise.
NOISES = (*((sigma, None) for sigma in (0, 5, 15, 25, 50)), (25, 8), (50, 8))


def noisy(images: list[np.ndarray], sigma: float, bits: int | None) -> Iterator[np.ndarray]:
    """The images with noise, as floats that are not clipped, or of so many bits."""
    for i, image in enumerate(images):
        noise = np.random.default_rng(i).normal(0, sigma / 255, image.shape)
        image = image / 255 + noise
        if bits is not None:
            white = 2**bits - 1
            image = np.rint(np.clip(image, 0, 1) * white) / white
        yield image.astype(np.float32)


def errors(
    images: list[np.ndarray], sigma: float, bits: int | None, estimate: Callable[[np.ndarray], float]
) -> np.ndarray:
    """Estimate − truth for each image, on the 0–255 scale."""
    return np.array([estimate(image) - sigma for image in noisy(images, sigma, bits)])


def denoised(
    images: list[np.ndarray], sigma: float, bits: int | None, blind: zoo.Denoiser, aware: zoo.Denoiser
) -> list[tuple[float, float]]:
    """Mean and lowest PSNR of the blind entry, and of the one that takes the level: told it, and by the estimate."""
    ways = (blind, lambda image: aware(image, sigma=sigma), lambda image: aware(image, sigma="auto"))
    found = [
        [psnr(clean / 255, np.clip(way(image), 0, 1)) for way in ways]
        for image, clean in zip(noisy(images, sigma, bits), images, strict=True)
    ]
    return list(zip(np.mean(found, axis=0), np.min(found, axis=0), strict=True))


def estimate_of_denoising(image: np.ndarray, aware: zoo.Denoiser, rounds: int = 15) -> float:
    """The time that the estimate takes, as a share of what denoising takes when told the level: medians, in turn."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        level = noise_level(image)
        middle = time.perf_counter()
        aware(image, sigma=level)
        times.append((middle - start, time.perf_counter() - middle))
    estimate, denoising = np.median(times, axis=0)
    return float(estimate / denoising)


def library(image: np.ndarray) -> float:
    """The median of the finest wavelet coefficients, of all channels together."""
    sigmas = estimate_sigma(image, channel_axis=-1 if image.ndim == 3 else None)
    return float(255 * np.sqrt(np.mean(np.square(sigmas))))


def tables(data: Path) -> str:
    """The README's tables, measured."""
    lines = ["| set | σ | error, mean | mean of its size | largest | scikit-image: mean | mean of its size | largest |"]
    lines.append("| --- |" + " ---: |" * 7)
    gains = ["| set | σ | blind | lowest | told the level | lowest | `--sigma auto` | lowest |"]
    gains.append("| --- |" + " ---: |" * 7)
    shares = []
    for name, entry in SETS.items():
        images = [read_image(path)[0] for path in sorted((data / "test" / name).iterdir())]
        rows = [(f"| {name}{f', {bits} bits' if bits else ''} | {sigma} | ", sigma, bits) for sigma, bits in NOISES]
        for row, sigma, bits in track(rows, f"{name}, estimated"):
            cells = []
            for found in (errors(images, sigma, bits, noise_level), errors(images, sigma, bits, library)):
                cells += [f"{found.mean():.2f}", f"{np.abs(found).mean():.2f}", f"{np.abs(found).max():.2f}"]
            lines.append(row + " | ".join(cells) + " |")
        blind, aware = zoo.load(entry), zoo.load(f"{entry}-aware", threads=2)
        for row, sigma, bits in track(rows, f"{name}, denoised"):
            cells = [f"{value:.2f}" for pair in denoised(images, sigma, bits, blind, aware) for value in pair]
            gains.append(row + " | ".join(cells) + " |")
        [image] = noisy(images[:1], 25, None)
        height, width = image.shape[:2]
        shares.append(f"{estimate_of_denoising(image, aware):.0%} (`{entry}-aware`, {width}×{height})")
    note = (
        "The levels on the 0–255 scale, of noise that is not clipped, or of images of 8 bits; below, PSNR in dB, "
        f"mean and lowest, of {' and '.join(f'`{entry}`' for entry in SETS.values())} and of their aware ones. "
        f"The estimate takes, beside denoising with 2 threads, {' and '.join(shares)} of its time, in this run. "
        "Measured by `python scripts/noise_level_error.py`, which writes these tables."
    )
    return "\n".join([*lines, "", *gains, "", note])


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_data(parser, "test")
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    around(args.readme, "noise level")
    write_between(args.readme, "noise level", tables(args.data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
