"""Large images in tiles: split, halo, stitch. Pure numpy; what a model is, only ``model(window) -> window`` knows.

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
# channels at full size then take half a gigabyte. The larger the tiles, the smaller the share of their halos.
AUTO_SIDE = 2048

TileSize = int | Literal["auto"] | None


@dataclass(frozen=True)
class Tile:
    """Rows and columns: of the image that the model sees, of the image that it answers for, and of the latter in the
    former."""

    source: tuple[slice, slice]
    core: tuple[slice, slice]
    inner: tuple[slice, slice]


def check_tile(tile: TileSize) -> None:
    """Refuse what is neither "auto", nor None, nor a positive whole number. Raises UsageError."""
    if tile is None or tile == "auto":
        return
    if isinstance(tile, bool) or not isinstance(tile, int | np.integer) or tile < 1:
        raise UsageError(f"tile={tile!r}; expected a size in pixels from 1 on, 'auto', or None for the whole image")


def core_size(tile: TileSize, height: int, width: int, *, halo: int, multiple_of: int) -> int | None:
    """The side of a tile's core in pixels, a multiple of ``multiple_of``; None for the image as a whole.

    "auto" takes an image as a whole up to about 4 megapixels, and beyond them tiles whose sources have that size.

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
            yield Tile((source, column_source), (span, column_span), (inner, column_inner))


def _spans(size: int, core: int, halo: int, multiple_of: int) -> Iterator[tuple[slice, slice, slice]]:
    count = -(-size // core)
    step = -(-size // (count * multiple_of)) * multiple_of
    for start in range(0, size, step):
        stop = min(start + step, size)
        low = max(start - halo, 0) // multiple_of * multiple_of
        high = min(-(-(stop + halo) // multiple_of) * multiple_of, size)
        yield slice(low, high), slice(start, stop), slice(start - low, stop - low)


def run_tiled(
    model: Callable[[np.ndarray], np.ndarray], tensor: np.ndarray, *, tile: TileSize, halo: int, multiple_of: int
) -> np.ndarray:
    """``model(tensor)``, computed in tiles where ``tile`` says so.

    Args:
        model: (n, h, w, C) → the same shape, for any h, w ≥ 1.
        tensor: float32 (n, H, W, C).
        tile: Side of a tile's core in pixels at most (rounded up to ``multiple_of``), None for the whole image at once,
            "auto" for one or the other by the size of the image.
        halo, multiple_of: As for :func:`split`.

    Raises:
        UsageError: ``tile`` is neither "auto", nor None, nor a positive whole number.
    """
    height, width = tensor.shape[1:3]
    core = core_size(tile, height, width, halo=halo, multiple_of=multiple_of)
    if core is None or (core >= height and core >= width):
        return model(tensor)
    output = np.empty_like(tensor)
    for part in split(height, width, core, halo=halo, multiple_of=multiple_of):
        output[:, *part.core] = model(tensor[:, *part.source])[:, *part.inner]
    return output
