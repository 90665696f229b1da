"""How noisy is an image? The standard deviation of additive white noise, from the image alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from zoo.scale import white_of

# The finest diagonal wavelet (Daubechies, two vanishing moments): what of a clean image is left in it is little.
WAVELET = np.array([-0.12940952255126037, -0.2241438680420134, 0.8365163037378079, -0.48296291314453416], np.float32)
MEDIAN_OF_NORMAL = 0.6744897501960817  # of |x|, x normal with deviation 1
SMALLEST = 8  # pixels in height and width, below which nothing is said
PATCH = 6
# Patches of all channels looked at, at most: more bring no precision, but take time and memory. So for a channel's
# pixels, and its wavelet coefficients.
MOST_PATCHES, MOST_PIXELS, MOST_COEFFICIENTS = 60_000, 4_000_000, 200_000
# Patches without a black or white pixel that are enough to leave the others out.
ENOUGH_PATCHES = 400
# Where noise was cut at black and white (this share of the pixels, or more), all patches count around which the mean
# over 7×7 pixels is 2 deviations or more from both; at least those of the third of the pixels that is farthest from
# them. On val/, in 8 bits, the mean error at sigma 25, 50 and 75 is -0.06, -1.3 and -7.7; without it -0.4, -5.9, -15.5.
FEW, AROUND, MARGIN, LEAST_MIDDLE = 0.01, 7, 2.0, 0.35
# A patch is flat if its texture is no stronger than that of pure noise, but for one in 740 (3 deviations of a normal).
# On val/, as it is and shrunk, 2.5 errs more often too low, 3.5 too high; patches of 7 or 8 pixels are no better.
DEVIATIONS = 3.0
GROUPS = 200  # of patches in the order of their texture
# The flattest twentieth comes first; from there on to the level that explains itself. From a hundredth it got stuck far
# too low once on val/; from all of them, what is flat in a corner alone is not found.
FIRST = GROUPS // 20
# A covariance of fewer says little: of four times as many values in a patch, overlapping as they do, the smallest
# eigenvalues are so small that in pictures of 48 pixels every eighth level came out at half of what it is.
FEWEST_FLAT = 12 * PATCH * PATCH
MOST_ROUNDS = 20
CLEAN_SIGMA = 3.0  # what has more noise than this, on the 0–255 scale, is not called clean


def noise_level(image: np.ndarray, white: float | None = None) -> float:
    """The noise's standard deviation on the 0–255 scale: the lower of two estimates, each of which is too high where
    it takes the image's own texture for noise.

    1. The median of the finest wavelet coefficients (Donoho & Johnstone 1994), as
       ``skimage.restoration.estimate_sigma`` has it: good at strong noise.
    2. The smallest eigenvalues of the covariance of patches (Chen, Zhu & Heng, ICCV 2015): a clean image's patches lie
       near few directions, and noise has the same variance in all. Taken of the flat patches alone, those whose texture
       noise of that level explains, which in turn gives the level anew (Liu, Tanaka & Okutomi, IEEE TIP 2013).

    ``scripts/noise_level_error.py`` measures how far it is off.

    Args:
        image: H×W or H×W×C of any type that a model takes, alpha left out; C channels are taken together. Noise that
            was clipped at black and white is looked for where it is whole, or least cut: the level is that of the noise
            before, a little too low where it is strong.
        white: The number that is white; by default the largest of the type, or 1 for floats.

    Returns:
        From 0 on; 0 for an image that is too small to tell (less than 8×8).
    """
    pixels = image[..., np.newaxis] if image.ndim == 2 else image
    if pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    if min(pixels.shape[:2]) < SMALLEST:
        return 0.0
    white = white or white_of(image.dtype) or 1
    most = MOST_PATCHES // pixels.shape[2]
    levels = [_plane(pixels[..., c], white, most) for c in range(pixels.shape[2])]
    return float(255 / white * np.sqrt(np.mean(np.square(levels))))


def swapped(noisy: Sequence[np.ndarray] | np.ndarray, clean: Sequence[np.ndarray] | np.ndarray) -> str:
    """What to say of pairs whose noisy images have less noise than the clean ones; empty if they do not."""
    given, level = (float(np.median([noise_level(image) for image in images])) for images in (noisy, clean))
    if level <= CLEAN_SIGMA or given >= level / 2:
        return ""
    return (
        f"the noisy images are cleaner than the clean ones (sigma {given:.1f} and {level:.1f}): expected first the "
        "noisy ones, then the clean ones"
    )


def _plane(plane: np.ndarray, white: float, most: int) -> float:
    height, width = plane.shape
    if height * width > MOST_PIXELS:  # the middle is enough; every second pixel would be another image
        side = int(MOST_PIXELS**0.5)
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        plane = plane[top : top + side, left : left + side]
    plane = plane.astype(np.float32)
    step = math.ceil(math.sqrt((plane.shape[0] - PATCH + 1) * (plane.shape[1] - PATCH + 1) / most))
    cut = (plane == 0) | (plane == white)  # floats may lie beyond: their noise is not cut
    level = _estimate(plane, cut, step)
    if level is None:
        level = _estimate(plane, np.zeros_like(cut), step) or 0.0
    if cut.mean() < FEW:
        return level
    # What was left is the less noisy part of the dark and the light. So look at all of the middle, cut or not; of two
    # estimates that cutting has lowered, the higher is nearer.
    padded = np.pad(plane, AROUND // 2, mode="edge")
    means = _sums(padded, AROUND, AROUND) / AROUND**2
    inside = np.minimum(means, white - means)
    widest = np.quantile(inside, 1 - LEAST_MIDDLE)
    for _ in range(2):
        before, cut = cut, inside <= min(MARGIN * level, widest)
        if (cut != before).mean() < FEW:
            break
        level = max(level, _estimate(plane, cut, step) or 0.0)
    return level


def _estimate(plane: np.ndarray, left_out: np.ndarray, step: int) -> float | None:
    """The lower of the two, or None if too little is left."""
    whole = np.where(left_out, np.nan, plane)
    textures = _textures(whole, step)
    if left_out.any() and np.isfinite(textures).sum() < ENOUGH_PATCHES:
        return None
    level = min(_by_wavelets(whole), _by_patches(whole, textures, step))
    return level if math.isfinite(level) else None


def _by_wavelets(plane: np.ndarray) -> float:
    every = max(1, plane.size // MOST_COEFFICIENTS)
    for step in (every, 1):  # down the columns, of which some rows are enough, then along the rows
        plane = (np.lib.stride_tricks.sliding_window_view(plane, len(WAVELET), axis=0)[::step] @ WAVELET).T
    left = plane[np.isfinite(plane)]
    return float(np.median(np.abs(left))) / MEDIAN_OF_NORMAL if left.size else math.inf


def _textures(plane: np.ndarray, step: int) -> np.ndarray:
    """Of each patch, ``step`` pixels apart: the sum of squares of its differences two columns, or two rows, apart.

    NaN where a pixel is.
    """
    across = _sums(np.square(plane[:, 2:] - plane[:, :-2]), PATCH, PATCH - 2, step)
    return across + _sums(np.square(plane[2:] - plane[:-2]), PATCH - 2, PATCH, step)


def _sums(plane: np.ndarray, rows: int, columns: int, step: int = 1) -> np.ndarray:
    """Of each window of so many rows and columns, ``step`` pixels apart, the sum."""
    height, width = plane.shape[0] - rows + 1, plane.shape[1] - columns + 1
    plane = reduce(np.add, (plane[i : i + height : step] for i in range(rows)))
    return reduce(np.add, (plane[:, j : j + width : step] for j in range(columns)))


def _by_patches(plane: np.ndarray, textures: np.ndarray, step: int) -> float:
    order = np.argsort(textures, axis=None)[: np.isfinite(textures).sum()]  # NaN last
    size = len(order) // GROUPS
    fewest = -(-FEWEST_FLAT // size) if size else GROUPS
    if fewest >= GROUPS:
        return np.inf
    order = order[: GROUPS * size]
    highest = textures.ravel()[order[size - 1 :: size]]
    rows, columns = np.unravel_index(order, textures.shape)
    corners = step * (rows * plane.shape[1] + columns)
    inside = np.add.outer(np.arange(PATCH) * plane.shape[1], np.arange(PATCH)).ravel()
    patches = plane.ravel()[np.add.outer(corners, inside)].astype(np.float64)
    patches -= patches.mean()  # it only costs digits
    groups = patches.reshape(GROUPS, size, -1)
    # What the covariance of the first n groups is made of, for each n: once, as it takes most of the time.
    sums = groups.sum(axis=1).cumsum(axis=0)
    squares = (groups.transpose(0, 2, 1) @ groups).cumsum(axis=0)
    flat, variance = max(FIRST, fewest), 0.0
    for _ in range(MOST_ROUNDS):
        n, before = flat * size, flat
        mean = sums[flat - 1] / n
        variance = _smallest_variance((squares[flat - 1] / n - np.outer(mean, mean)) * n / (n - 1))
        flat = max(int(np.searchsorted(highest, _FLAT * variance, side="right")), fewest)
        if flat == before:
            break
    return float(np.sqrt(variance))


def _smallest_variance(covariance: np.ndarray) -> float:
    """Of the directions that hold noise alone."""
    values = np.maximum(np.linalg.eigvalsh(covariance), 0)  # ascending
    most = np.arange(1, len(values) + 1)
    means = values.cumsum() / most
    medians = (values[(most - 1) // 2] + values[most // 2]) / 2
    # Structure makes a tail of large ones, and with it the mean larger than the median; noise alone does not.
    return float(means[np.flatnonzero(means <= medians)[-1]])


def _flat() -> float:
    """The texture that a flat patch with noise of variance 1 stays below.

    It is nearly gamma distributed (Liu et al.); its quantile by Wilson & Hilferty (1931).
    """
    apart = np.eye(PATCH)[2:] - np.eye(PATCH)[:-2]
    differences = np.concatenate([np.kron(np.eye(PATCH), apart), np.kron(apart, np.eye(PATCH))])
    form = differences.T @ differences
    mean, variance = np.trace(form), 2 * np.square(form).sum()
    shape = mean**2 / variance
    return float(mean * (1 - 1 / (9 * shape) + DEVIATIONS / (3 * np.sqrt(shape))) ** 3)


_FLAT = _flat()
