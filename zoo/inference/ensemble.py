"""Self-ensemble: the mean of what a model makes of an image as it is, turned and mirrored.

Augmentation where a network is used, not where it is trained: each orientation is denoised with errors of its own, and
a mean has less of them (Timofte et al. 2016, "Seven ways to improve example-based single image super resolution";
Lim et al. 2017, EDSR, "Geometric Self-ensemble").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zoo.errors import UsageError

# Quarter turns, and whether the image is mirrored before. The first 1, 2, 4 and 8 are groups: whichever of them the
# image is turned by, the result is the same, turned.
ORIENTATIONS = ((0, False), (2, False), (1, False), (3, False), (0, True), (2, True), (1, True), (3, True))
SIZES = (1, 2, 4, 8)


def check_ensemble(size: int) -> None:
    """Refuse what is no number of orientations. Raises UsageError."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size not in SIZES:
        raise UsageError(f"ensemble={size!r}; expected 1 (the image as it is), 2, 4 or 8 orientations")


def run_ensemble(
    model: Callable[[np.ndarray], np.ndarray], images: np.ndarray, *, size: int, multiple_of: int
) -> np.ndarray:
    """The mean of the model's answers to the images in the first ``size`` orientations, turned back.

    Args:
        model: (..., h, w, C) → the same shape, for any h, w ≥ 1.
        images: (..., H, W, C), float32.
        size: 1, 2, 4 or 8; as many times as long.
        multiple_of: The model's total stride in pixels. The images are mirrored at their ends up to such a multiple, as
            the model itself does it: turned, tiles of an image then have the model's grid where the whole image has it.

    Returns:
        float32 array (..., H, W, C).
    """
    if size == 1:
        return model(images)
    height, width = images.shape[-3:-1]
    padded = _mirrored(_mirrored(images, -3, multiple_of), -2, multiple_of)
    total = np.zeros(padded.shape, np.float32)
    for turns, mirror in ORIENTATIONS[:size]:
        turned = np.rot90(padded[..., ::-1, :] if mirror else padded, turns, axes=(-3, -2))
        answer = np.rot90(model(np.ascontiguousarray(turned)), -turns, axes=(-3, -2))
        total += answer[..., ::-1, :] if mirror else answer
    total /= size
    return total[..., :height, :width, :]


def _mirrored(images: np.ndarray, axis: int, multiple: int) -> np.ndarray:
    """With the last rows (or columns) mirrored, as :class:`zoo.architectures.layers.PadToMultiple` does it."""
    size = images.shape[axis]
    if size % multiple == 0:
        return images
    index = np.arange(-(-size // multiple) * multiple)
    last = size - 1
    return images.take(np.minimum(index, last) if size < multiple else last - abs(last - index), axis=axis)
