"""How noisy is an image? The standard deviation of additive white noise, from the image alone."""

from __future__ import annotations

import numpy as np

from zoo.inference.images import white_of

# The finest diagonal wavelet (Daubechies, two vanishing moments): what of a clean image is left in it is little.
WAVELET = np.array([-0.12940952255126037, -0.2241438680420134, 0.8365163037378079, -0.48296291314453416], np.float32)
MEDIAN_OF_NORMAL = 0.6744897501960817  # of |x|, x normal with deviation 1
SMALLEST = 8  # pixels in height and width, below which nothing is said
PATCH = 6
# Patches looked at, at most: more bring no precision, but take time and memory. So for rows of wavelet coefficients.
MOST_PATCHES, MOST_PIXELS = 60_000, 4_000_000
# Patches without a black or white pixel that are enough to leave the others out.
ENOUGH_PATCHES = 400
# A patch is flat if its texture is no stronger than that of pure noise, but for one in 740 (3 deviations of a normal).
# On val/, as it is and shrunk, 2.5 errs more often too low, 3.5 too high; patches of 7 or 8 pixels are no better.
DEVIATIONS = 3.0
GROUPS = 200  # of patches in the order of their texture
# The flattest twentieth comes first; from there on to the level that explains itself. From a hundredth it got stuck far
# too low once on val/; from all of them, what is flat in a corner alone is not found.
FIRST = GROUPS // 20
FEWEST_FLAT = 4 * PATCH * PATCH  # a covariance of fewer says little
MOST_ROUNDS = 20


def noise_level(image: np.ndarray) -> float:
    """The noise's standard deviation on the 0–255 scale: the lower of two estimates, each of which is too high where
    it takes the image's own texture for noise.

    1. The median of the finest wavelet coefficients (Donoho & Johnstone 1994), as
       ``skimage.restoration.estimate_sigma`` has it: good at strong noise.
    2. The smallest eigenvalues of the covariance of patches (Chen, Zhu & Heng, ICCV 2015): a clean image's patches lie
       near few directions, and noise has the same variance in all. Taken of the flat patches alone, those whose texture
       noise of that level explains, which in turn gives the level anew (Liu, Tanaka & Okutomi, IEEE TIP 2013).

    ``scripts/noise_level_error.py`` measures how far it is off.

    Args:
        image: H×W or H×W×C of any type that a model takes, alpha left out; C channels are taken together. Patches
            with pixels that are exactly black or white are left out, where noise has been clipped.

    Returns:
        From 0 on; 0 for an image that is too small to tell (less than 8×8).
    """
    pixels = image[..., np.newaxis] if image.ndim == 2 else image
    if pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    if min(pixels.shape[:2]) < SMALLEST:
        return 0.0
    white = white_of(image.dtype) or 1
    levels = [_plane(pixels[..., c], white) for c in range(pixels.shape[2])]
    return float(255 / white * np.sqrt(np.mean(np.square(levels))))


def _plane(plane: np.ndarray, white: int) -> float:
    height, width = plane.shape
    if height * width > MOST_PIXELS:  # the middle is enough; every second pixel would be another image
        side = int(MOST_PIXELS**0.5)
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        plane = plane[top : top + side, left : left + side]
    plane = plane.astype(np.float32)
    whole = np.where((plane == 0) | (plane == white), np.nan, plane)  # floats may lie beyond: their noise is not cut
    patches = _patches(whole)
    if len(patches) < ENOUGH_PATCHES:
        whole, patches = plane, _patches(plane)
    return min(_by_wavelets(whole), _by_patches(patches))


def _by_wavelets(plane: np.ndarray) -> float:
    for _ in range(2):  # down the columns, then along the rows
        plane = (np.lib.stride_tricks.sliding_window_view(plane, len(WAVELET), axis=0) @ WAVELET).T
    return float(np.median(np.abs(plane[np.isfinite(plane)]))) / MEDIAN_OF_NORMAL


def _patches(plane: np.ndarray) -> np.ndarray:
    """(n, PATCH²) of those patches that are whole."""
    height, width = (n - PATCH + 1 for n in plane.shape)
    step = max(1, int(np.ceil(np.sqrt(height * width / MOST_PATCHES))))
    near = range(PATCH)
    pixels = np.stack([plane[i : i + height : step, j : j + width : step].ravel() for i in near for j in near])
    return pixels[:, np.isfinite(pixels.sum(axis=0))].T.astype(np.float64, order="C")


def _by_patches(patches: np.ndarray) -> float:
    size = len(patches) // GROUPS
    fewest = -(-FEWEST_FLAT // size) if size else GROUPS
    if fewest >= GROUPS:
        return np.inf
    patches -= patches.mean(axis=0)
    texture = np.square(patches @ _DIFFERENCES.T).sum(axis=1)
    order = np.argsort(texture)[: GROUPS * size].reshape(GROUPS, size)
    highest, groups = texture[order[:, -1]], patches[order]
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
    values = np.maximum(np.linalg.eigvalsh(covariance), 0)
    for most in range(len(values), 1, -1):
        # Structure makes a tail of large ones, and with it the mean larger than the median; noise alone does not.
        if (mean := values[:most].mean()) <= np.median(values[:most]):
            return float(mean)
    return float(values[0])


def _differences() -> np.ndarray:
    """Patch → the differences of its pixels that are two columns, or two rows, apart: (2·PATCH·(PATCH − 2), PATCH²)."""
    apart = np.eye(PATCH)[2:] - np.eye(PATCH)[:-2]
    return np.concatenate([np.kron(np.eye(PATCH), apart), np.kron(apart, np.eye(PATCH))])


def _flat() -> float:
    """The sum of squares of these differences that a flat patch with noise of variance 1 stays below.

    Such a sum is nearly gamma distributed (Liu et al.); its quantile by Wilson & Hilferty (1931).
    """
    form = _DIFFERENCES.T @ _DIFFERENCES
    mean, variance = np.trace(form), 2 * np.square(form).sum()
    shape = mean**2 / variance
    return float(mean * (1 - 1 / (9 * shape) + DEVIATIONS / (3 * np.sqrt(shape))) ** 3)


_DIFFERENCES = _differences()
_FLAT = _flat()
