"""Large images in tiles: split, halo, stitch. What a model is, only ``model(window, tile) -> window`` knows.

A tile answers for its core and looks at a larger window, its source. The result equals that of the whole image if

- the source reaches beyond the core by the model's halo, or to the border of the image: what a window's edge does to
  the pixels next to it (zero padding, where the whole image had pixels) then stays outside the core;
- it starts at a multiple of ``multiple_of``, so that strided layers sample the same pixels as in the whole image;
- it ends at such a multiple too, or exactly where the image ends, so that the model pads itself there and only there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zoo.errors import UsageError

# The side, in pixels, of the largest square that is computed at once when nobody says otherwise: features of 32
# channels at full size then take 0.4 gigabytes. The larger the tiles, the smaller the share of their halos.
AUTO_SIDE = 1664

TileSize = int | Literal["auto"] | None
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Tile:
    """Rows and columns: of the image that the model sees, of the image that it answers for, and of the latter in the
    former; and how many the whole image has."""

    source: tuple[slice, slice]
    core: tuple[slice, slice]
    inner: tuple[slice, slice]
    shape: tuple[int, int]


Model = Callable[[np.ndarray, Tile | None], np.ndarray]


def check_tile(tile: TileSize) -> None:
    """Refuse what is neither "auto", nor None, nor a positive whole number. Raises UsageError."""
    if tile is None or (isinstance(tile, str) and tile == "auto"):
        return
    if isinstance(tile, bool) or not isinstance(tile, int | np.integer) or tile < 1:
        raise UsageError(f"tile={tile!r}; expected a size in pixels from 1 on, 'auto', or None for the whole image")


def core_size(tile: TileSize, height: int, width: int, *, halo: int, multiple_of: int) -> int | None:
    """The side of a tile's core in pixels, a multiple of ``multiple_of``; None for the image as a whole.

    "auto" takes an image as a whole up to about 3 megapixels, and beyond them tiles whose sources have that size.

    Raises:
        UsageError: ``tile`` is neither "auto", nor None, nor a positive whole number.
    """
    check_tile(tile)
    if tile is None or (tile == "auto" and height * width <= AUTO_SIDE**2):
        return None
    side = max(AUTO_SIDE - 2 * halo, AUTO_SIDE // 2) if tile == "auto" else int(tile)
    return -(-side // multiple_of) * multiple_of


def split(height: int, width: int, core: int, *, halo: int, multiple_of: int) -> Iterator[Tile]:
    """The tiles of an image of ``height``×``width`` pixels, row by row; their cores cover it once.

    Args:
        core: Side of a tile's core at most, in pixels, a multiple of ``multiple_of``. Tiles are made about equal: a
            narrow one left at the end would be nearly all halo.
        halo: Radius in pixels within which an input pixel can change an output pixel.
        multiple_of: The model's total stride in pixels.
    """
    columns = list(_spans(width, core, halo, multiple_of))
    for source, span, inner in _spans(height, core, halo, multiple_of):
        for column_source, column_span, column_inner in columns:
            yield Tile((source, column_source), (span, column_span), (inner, column_inner), (height, width))


def _spans(size: int, core: int, halo: int, multiple_of: int) -> Iterator[tuple[slice, slice, slice]]:
    count = -(-size // core)
    step = -(-size // (count * multiple_of)) * multiple_of
    for start in range(0, size, step):
        stop = min(start + step, size)
        low = max(start - halo, 0) // multiple_of * multiple_of
        high = min(-(-(stop + halo) // multiple_of) * multiple_of, size)
        yield slice(low, high), slice(start, stop), slice(start - low, stop - low)


def run_tiled(
    model: Model,
    image: np.ndarray,
    output: np.ndarray,
    *,
    tile: TileSize,
    halo: int,
    multiple_of: int,
    progress: Progress | None = None,
) -> None:
    """Fill ``output`` with what the model makes of the image, computed in tiles where ``tile`` says so.

    Only windows of the image and of the output are ever touched: both may be memory maps larger than the memory.

    Args:
        model: (h, w, ...), and which tile that is → the same shape, for any h, w ≥ 1.
        image: (H, W, ...), any dtype.
        output: The same shape.
        tile: Side of a tile's core in pixels at most (rounded up to ``multiple_of``), None for the whole image at once,
            "auto" for one or the other by the size of the image.
        halo, multiple_of: As for :func:`split`.
        progress: Called after each tile with the pixels that are done and those of the whole image.

    Raises:
        UsageError: ``tile`` is neither "auto", nor None, nor a positive whole number.
    """
    height, width = image.shape[:2]
    core = core_size(tile, height, width, halo=halo, multiple_of=multiple_of) or max(height, width)
    done = 0
    for part in split(height, width, core, halo=halo, multiple_of=multiple_of):
        output[part.core] = model(image[part.source], part)[part.inner]
        if progress is not None:
            done += (part.core[0].stop - part.core[0].start) * (part.core[1].stop - part.core[1].start)
            progress(done, height * width)


def run_batch(
    model: Model,
    images: np.ndarray,
    output: np.ndarray,
    *,
    tile: TileSize,
    halo: int,
    multiple_of: int,
    progress: Progress | None = None,
) -> None:
    """As :func:`run_tiled`, for (n, H, W, C): small images several at a time and whole, large ones one by one."""
    count, height, width = images.shape[:3]
    area = height * width
    if core_size(tile, height, width, halo=halo, multiple_of=multiple_of) is None:
        together = max(1, AUTO_SIDE**2 // area)
        for i in range(0, count, together):
            output[i : i + together] = model(images[i : i + together], None)
            if progress is not None:
                progress(min(i + together, count) * area, count * area)
        return
    for i in range(count):

        def tell(done: int, _: int, before: int = i * area) -> None:
            if progress is not None:
                progress(before + done, count * area)

        run_tiled(model, images[i], output[i], tile=tile, halo=halo, multiple_of=multiple_of, progress=tell)
