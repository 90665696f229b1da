"""What an image file holds beside its pixels, and how a viewer shows them by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from zoo.scale import white_of

ASSOCIATED = 1  # of TIFF's extrasamples: alpha that is multiplied into the colours


@dataclass(frozen=True)
class TiffPage:
    """How one page of a TIFF file stores its pixels, and its tags: enough to write the page again."""

    byteorder: str
    photometric: int
    planar: bool
    compression: int
    predictor: bool
    tile: tuple[int, int] | None
    extrasamples: tuple[int, ...]
    subfiletype: int | None
    resolution: tuple[Any, Any, int] | None  # across, down (numerator, denominator), and its unit, which may be none
    tags: tuple[tuple[int, int, int, Any], ...]  # code, type, count, value (bytes are in the file's order)


@dataclass(frozen=True)
class Metadata:
    """What a file holds beside its pixels: all that a reader of the denoised picture would miss.

    format: By Pillow's name, such as "JPEG".
    icc: Colour profile. exif: EXIF block, its header first. xmp: XMP packet.
    dpi: Pixels per inch, across and down.
    text: Keywords and texts of a PNG. colors: Its chunks that say which colours its values are, by their names.
    comment: That of a JPEG.
    tiff: Of a page of a TIFF file.
    lost: What was lost as the pixels were read, in words.
    """

    format: str
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    text: Mapping[str, str] = field(default_factory=dict)
    colors: Mapping[bytes, bytes] = field(default_factory=dict)
    comment: bytes | None = None
    tiff: TiffPage | None = None
    lost: str = ""


def as_seen(array: np.ndarray, metadata: Metadata) -> np.ndarray:
    """The pixels as a viewer shows them, for what has no place for metadata: upright, alpha not multiplied in."""
    return upright(straight(array, metadata), metadata)


def upright(array: np.ndarray, metadata: Metadata) -> np.ndarray:
    """The pixels turned and mirrored as EXIF's orientation says."""
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    if orientation not in range(2, 9):
        return array
    turned = array.swapaxes(0, 1) if orientation >= 5 else array
    down, right = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(orientation, (1, 1))
    return np.ascontiguousarray(turned[::down, ::right])


def straight(array: np.ndarray, metadata: Metadata) -> np.ndarray:
    """The pixels without their alpha multiplied in, if it is; floats are not cut at white."""
    if metadata.tiff is None or metadata.tiff.extrasamples != (ASSOCIATED,):
        return array
    white = white_of(array.dtype)
    alpha = array[..., -1:].astype(np.float32) / (white or 1)
    colors = np.divide(array[..., :-1], alpha, out=np.zeros(array[..., :-1].shape, np.float32), where=alpha > 0)
    if white is not None:
        colors = np.rint(np.minimum(colors, white))
    return np.concatenate([colors.astype(array.dtype), array[..., -1:]], axis=-1)
