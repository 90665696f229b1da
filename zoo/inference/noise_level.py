"""How noisy is an image? The standard deviation of additive white noise, from the image alone."""

from __future__ import annotations

import numpy as np

from zoo.inference.images import white_of

# The finest diagonal wavelet (Daubechies, two vanishing moments): what of a clean image is left in it is little.
WAVELET = np.array([-0.12940952255126037, -0.2241438680420134, 0.8365163037378079, -0.48296291314453416], np.float32)
MEDIAN_OF_NORMAL = 0.6744897501960817  # of |x|, x normal with deviation 1
# Blocks of coefficients, and which of their estimates counts: the quietest tenth. In pure noise that is too low by
# QUIETEST, as measured by scripts/noise_level_error.py.
BLOCK, SHARE, QUIETEST = 32, 0.1, 0.940
PATCH = 8
# Patches looked at, at most: more bring no precision, but take time and memory. So for rows of wavelet coefficients.
MOST_PATCHES, MOST_PIXELS = 60_000, 4_000_000
# Patches without a black or white pixel that are enough to leave the others out.
ENOUGH_PATCHES = 400


def noise_level(image: np.ndarray) -> float:
    """The noise's standard deviation on the 0–255 scale: the lowest of three estimates, each of which is too high where
    it takes the image's own texture for noise.

    1. The median of the finest wavelet coefficients (Donoho & Johnstone 1994), as
       ``skimage.restoration.estimate_sigma`` has it: good at strong noise.
    2. The same in blocks, of which the quietest tenth counts: good at weak noise, if a part of the image is smooth.
    3. The smallest eigenvalues of the covariance of patches (Chen, Zhu & Heng, ICCV 2015): a clean image's patches lie
       near few directions, and noise has the same variance in all.

    ``scripts/noise_level_error.py`` measures how far it is off.

    Args:
        image: H×W or H×W×C of any type that a model takes, alpha left out; C channels are taken together. In uint8 and
            uint16, patches with black or white pixels are left out, where noise has been clipped.

    Returns:
        From 0 on; 0 for an image that is too small to tell (less than 8×8).
    """
    pixels = image[..., np.newaxis] if image.ndim == 2 else image
    if pixels.shape[2] in (2, 4):
        pixels = pixels[..., :-1]
    if min(pixels.shape[:2]) < PATCH:
        return 0.0
    white = white_of(image.dtype)
    levels = [_plane(pixels[..., c], white) for c in range(pixels.shape[2])]
    return float(255 / (white or 1) * np.sqrt(np.mean(np.square(levels))))


def _plane(plane: np.ndarray, white: int | None) -> float:
    height, width = plane.shape
    if height * width > MOST_PIXELS:  # the middle is enough; every second pixel would be another image
        side = int(MOST_PIXELS**0.5)
        top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
        plane = plane[top : top + side, left : left + side]
    plane = plane.astype(np.float32)
    return min(*_by_wavelets(plane), _by_patches(plane, white))


def _by_wavelets(plane: np.ndarray) -> tuple[float, float]:
    """From all of the plane, and from its quietest blocks."""
    finest = plane
    for _ in range(2):  # down the columns, then along the rows
        finest = (np.lib.stride_tricks.sliding_window_view(finest, len(WAVELET), axis=0) @ WAVELET).T
    size = np.abs(finest)
    whole = float(np.median(size)) / MEDIAN_OF_NORMAL
    height, width = (n // BLOCK for n in size.shape)
    if height * width < 1 / SHARE:
        return whole, whole
    blocks = size[: height * BLOCK, : width * BLOCK].reshape(height, BLOCK, width, BLOCK).swapaxes(1, 2)
    levels = np.median(blocks.reshape(height * width, -1), axis=1) / MEDIAN_OF_NORMAL
    return whole, float(np.quantile(levels, SHARE)) / QUIETEST


def _by_patches(plane: np.ndarray, white: int | None) -> float:
    windows = np.lib.stride_tricks.sliding_window_view(plane, (PATCH, PATCH))
    step = max(1, int(np.ceil(np.sqrt(windows.shape[0] * windows.shape[1] / MOST_PATCHES))))
    patches = windows[::step, ::step].reshape(-1, PATCH * PATCH).astype(np.float64)
    if white is not None:
        inside = (patches.min(axis=1) > 0) & (patches.max(axis=1) < white)
        if inside.sum() >= ENOUGH_PATCHES:
            patches = patches[inside]
    if len(patches) < 2 * PATCH * PATCH:
        return np.inf
    values = np.maximum(np.linalg.eigvalsh(np.cov(patches, rowvar=False)), 0)
    for most in range(len(values), 1, -1):
        # Structure makes a tail of large ones, and with it the mean larger than the median; noise alone does not.
        if (mean := values[:most].mean()) <= np.median(values[:most]):
            return float(np.sqrt(mean))
    return float(np.sqrt(values[0]))
