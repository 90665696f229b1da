"""Self-ensemble: the mean of what a model makes of an image as it is, turned and mirrored.

Augmentation where a network is used, not where it is trained: each orientation is denoised with errors of its own, and
a mean has less of them (Timofte et al. 2016, "Seven ways to improve example-based single image super resolution";
Lim et al. 2017, EDSR, "Geometric Self-ensemble").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zoo.errors import UsageError
from zoo.inference.tiling import Tile

# Down or up, to the right or to the left, and whether rows become columns after. The first 1, 2 (half a turn), 4 (all
# turns) and 8 are groups: whichever of them the image is turned by, the result is the same, turned.
ORIENTATIONS = (
    *((1, 1, False), (-1, -1, False), (1, -1, True), (-1, 1, True)),
    *((1, -1, False), (-1, 1, False), (1, 1, True), (-1, -1, True)),
)
SIZES = (1, 2, 4, 8)


def check_ensemble(size: int) -> None:
    """Refuse what is no number of orientations. Raises UsageError."""
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size not in SIZES:
        raise UsageError(f"ensemble={size!r}; expected 1 (the image as it is), 2, 4 or 8 orientations")


def margin(size: int, multiple_of: int) -> int:
    """Pixels by which a tile must reach beyond the model's halo: fewer of them are left out at an end."""
    return multiple_of if size > 1 else 0


def run_ensemble(
    model: Callable[[np.ndarray], np.ndarray],
    images: np.ndarray,
    *,
    size: int,
    tile: Tile | None = None,
    multiple_of: int = 1,
) -> np.ndarray:
    """The mean of the model's answers to the images in the first ``size`` orientations, turned back.

    Args:
        model: (..., h, w, C) → the same shape, for any h, w ≥ 1.
        images: (..., H, W, C), float32.
        size: 1, 2, 4 or 8; as many times as long.
        tile: Where the images lie in larger ones; None if they are whole. Turned, the larger image has its grid (what
            strided layers sample) from its other end on, and so has the tile: rows at its ends that are no whole step
            of that grid are left out, and what is returned for them is of no use (:func:`margin`).
        multiple_of: The model's total stride in pixels.

    Returns:
        float32 array (..., H, W, C).
    """
    if size == 1:
        return model(images)
    total = np.zeros(images.shape, np.float32)
    for down, right, transposed in ORIENTATIONS[:size]:
        seen: tuple = (..., slice(None), slice(None), slice(None))
        if tile is not None:
            spans = zip(tile.source, tile.shape, (down, right), strict=True)
            seen = (..., *(_on_grid(span, length, step, multiple_of) for span, length, step in spans), slice(None))
        turned = images[seen][..., ::down, ::right, :]
        answer = model(np.ascontiguousarray(turned.swapaxes(-3, -2) if transposed else turned))
        total[seen] += (answer.swapaxes(-3, -2) if transposed else answer)[..., ::down, ::right, :]
    total /= size
    return total


def _on_grid(source: slice, length: int, step: int, multiple: int) -> slice:
    """Of a tile's rows (or columns) in an image of ``length``, those from and to the grid that begins where the image
    does, or at its end if ``step`` is −1."""
    size = source.stop - source.start
    if step == 1:
        return slice(0, size)
    first = (length - source.start) % multiple if source.start else 0
    return slice(first, size - (source.stop - length) % multiple)
