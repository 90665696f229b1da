"""What an image file holds beside its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
