"""Image files → arrays, by Pillow, tiff.py and png.py: the one place that knows how each format is read.

Pixels lie in an array as in the file: an orientation is left to the tag that says it, where there is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from zoo.errors import InputError, MissingExtraError, ZooError, damaged, one_line
from zoo.inference import png
from zoo.inference.metadata import Metadata
from zoo.pillow import DAMAGED, open_with_pillow

# A picture of more pixels is refused before anything of it is decoded, unless the caller expects it.
MAX_PIXELS = 10**9
# Pictures of kinds that are not read (or, of GIF, not written): in a folder, they are not passed over without a word.
RAW = (".3fr", ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw")
MICROSCOPE = (".btf", ".czi", ".ims", ".lif", ".lsm", ".nd2", ".stk", ".tf8")
UNREADABLE = (*RAW, *MICROSCOPE, ".avif", ".exr", ".gif", ".heic", ".heif", ".jp2", ".jxl", ".psd")
READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
# How each mode of Pillow is read, where not as it is. CMYK is converted by the plain formula, without its profile.
CONVERSIONS = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
DEEP_MODES = ("CMYK", "YCbCr", "LAB")
CONVERSIONS |= dict.fromkeys(("P", "RGBX", "HSV", *DEEP_MODES), "RGB")
EXIF_HEADER = b"Exif\x00\x00"


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, Metadata]:
    """The pixels of an image file, and what else it holds.

    PNG, JPEG, TIFF, WebP, BMP, PPM/PGM and GIF. 8 and 16 bits, and TIFF's floats, come as they are; a palette becomes
    RGB or RGBA, one bit becomes gray, CMYK becomes RGB.

    Args:
        path: The file.
        max_pixels: More are refused by the header alone, before anything is decoded.

    Returns:
        uint8, uint16 or float array H×W, H×W×2, H×W×3 or H×W×4, and its Metadata.

    Raises:
        InputError: No such file, not an image, damaged, too large, or one that could only be read at a loss (several
            pages or frames, channels beyond colour and alpha). MissingExtraError: a kind of file that needs a package
            which is not installed.
    """
    with open_pages(path, max_pixels=max_pixels) as pages:
        if len(pages) > 1:
            raise InputError(f"{str(path)!r} holds {len(pages)} pages; expected one picture: open_pages reads them all")
        return next(iter(pages))


@contextmanager
def open_pages(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, planes: bool = False, white: float | None = None
) -> Iterator[Pages]:
    """The pages of an image file, to be gone through once: one, except in TIFF files.

    Args:
        path, max_pixels: As for :func:`read_image`; the limit is one for each page.
        planes: Take TIFF pages of any number of channels, H×W×C.
        white: The number that is white in the file's own numbers, which are given as they are then: without it, those
            of 9 to 15 bits are scaled to 16. Where white is zero, it is what black is.

    Raises:
        InputError, MissingExtraError: As :func:`read_image`, now or when a page's turn comes.
    """
    path = Path(path)
    try:
        if not os.path.isfile(path):
            found = "not a file" if os.path.exists(path) else "no such file"
            raise InputError(f"{found}: {str(path)!r}; expected an image file")
        with path.open("rb") as file:
            start = file.read(4)
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)!r} cannot be read ({one_line(error)})") from error
    if path.suffix.lower() in RAW:  # many are TIFF files, of which the thumbnail would be read
        raise InputError(f"{str(path)!r} is a camera's raw file; expected a picture: develop it, to TIFF or PNG")
    if not start:
        raise InputError(f"{str(path)!r} is empty; expected an image file")
    pages = Pages(path, start, max_pixels, planes, white)
    try:
        yield pages
    finally:
        pages.close()


class Pages:
    """See :func:`open_pages`. ``len``, and an iterator of (array, Metadata)."""

    def __init__(self, path: Path, start: bytes, max_pixels: int, planes: bool, white: float | None) -> None:
        self.path, self.max_pixels, self.planes, self.white = path, max_pixels, planes, white
        self._pillow: ImageFile.ImageFile | None = None
        self._tiff: Any = None
        if start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            from zoo.inference.tiff import TiffPages  # 50 ms that other formats need not pay

            self._tiff = TiffPages(path)

    def __len__(self) -> int:
        return 1 if self._tiff is None else len(self._tiff)

    @property
    def big(self) -> bool:
        """Whether a TIFF file of these pages has to be a BigTIFF."""
        return self._tiff is not None and self._tiff.big

    def close(self) -> None:
        """Close the file."""
        if self._tiff is not None:
            self._tiff.close()
        if self._pillow is not None:
            self._pillow.close()

    def __iter__(self) -> Iterator[tuple[np.ndarray, Metadata]]:
        if self._tiff is None:
            with self._told(), open_with_pillow(self.path, READABLE) as image:
                self._check_size(image.height, image.width)
                if self.white is not None and image.format == "PPM":
                    self._refuse_white()
                page = _decode(image, self.path), _metadata(image, self.path)
            yield page  # Pillow's own copy of the pixels has ended
            return
        for i in range(len(self._tiff)):
            self._check_size(*self._tiff.size(i))
            if self._tiff.known(i):
                yield self._tiff.read(i, planes=self.planes, white=self.white), self._tiff.metadata(i)
            else:
                decoded, lost = self._decoded(i)
                array = decoded if self.white is not None else self._tiff.full_range(i, decoded)
                yield array, replace(self._tiff.metadata(i, array), lost=lost)

    def _decoded(self, i: int) -> tuple[np.ndarray, str]:
        """A page of a TIFF file by Pillow, which finds the next one from the last one."""
        with self._told():
            if self._pillow is None:
                self._pillow = open_with_pillow(self.path, READABLE)
                # Or it would map the file, and take the rows of what lies on its side for columns (Pillow 13).
                self._pillow.filename = ""
            self._pillow.seek(i)
            found = _decode(self._pillow, self.path), _lost(self._pillow)
            if len(self) == 1:
                self._pillow.close()  # and with it Pillow's own copy of the pixels
            return found

    def _check_size(self, height: int, width: int) -> None:
        if height * width > self.max_pixels:
            raise InputError(
                f"{str(self.path)!r} is too large: {width}×{height} pixels, expected at most {self.max_pixels} in all; "
                "if it is what it says, allow more (--max-pixels)"
            )

    def _refuse_white(self) -> None:
        """These files say themselves which number is white, and Pillow scales them by it."""
        with self.path.open("rb") as file:
            words = re.sub(rb"#[^\n]*", b"", file.read(2**12)).split()[:4]
        if len(words) == 4 and words[0] in (b"P2", b"P3", b"P5", b"P6") and words[3] not in (b"255", b"65535"):
            raise InputError(f"{str(self.path)!r} says itself that {int(words[3])} is white; expected no --white")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong while Pillow reads is told in one line."""
        try:
            yield
        except Image.UnidentifiedImageError as error:
            raise InputError(
                f"{str(self.path)!r} is not an image that can be read; expected {', '.join(READABLE)}"
            ) from error
        except ZooError:
            raise
        except DAMAGED as error:
            raise damaged(self.path, error) from error


def _decode(image: ImageFile.ImageFile, path: Path) -> np.ndarray:
    # The second picture of an MPO is a camera's preview of the first; anywhere else, it would be lost without a word.
    if image.format not in ("MPO", "TIFF") and (frames := getattr(image, "n_frames", 1)) > 1:
        raise InputError(f"{str(path)!r} holds {frames} pictures; expected one: save them one by one")
    deep = (len(image.getbands()) > 1 and _deeper_than_8_bits(image)) or (
        image.mode == "I;16" and image.has_transparency_data
    )
    if deep and image.format != "PNG":
        if image.format == "TIFF" and image.mode in DEEP_MODES:
            raise InputError(
                f"{str(path)!r} is {image.mode} of 16 bits, of which only 8 would be read; save it as RGB, or in 8 bits"
            )
        if image.format == "TIFF":
            raise MissingExtraError(
                f"{str(path)!r}, a TIFF file of 16 bits whose compression is not built in,", "codecs"
            )
        raise InputError(
            f"{str(path)!r} has channels of 16 bits, of which only 8 would be read; save it as PNG or TIFF"
        )
    image.load()  # with what lies behind the pixels
    if deep:
        array = png.read_deep(path)
    else:
        mode = CONVERSIONS.get(image.mode, image.mode)
        if image.has_transparency_data:
            mode = {"L": "LA", "RGB": "RGBA"}.get(mode, mode)
        array = np.array(image if image.mode == mode else image.convert(mode))
    if array.dtype.kind == "i" and array.min() >= 0 and array.max() <= 65535:  # mode I: gray of 16 bits in PGM
        array = array.astype(np.uint16)
    if array.dtype.name not in ("uint8", "uint16", "float32"):
        raise InputError(f"{str(path)!r} has values of {array.dtype}; expected 8 or 16 bits")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _lost(image: ImageFile.ImageFile) -> str:
    """What is lost of a picture as it is read."""
    if image.mode in DEEP_MODES:
        return f"{image.mode} as RGB" + ", without its profile" * bool(image.info.get("icc_profile"))
    frames = getattr(image, "n_frames", 1) if image.format == "MPO" else 1
    return f"the first of {frames} pictures in the file" if frames > 1 else ""


def _deeper_than_8_bits(image: ImageFile.ImageFile) -> bool:
    """Whether the decoder is going to cut the channels of a file to 8 bits (Pillow has no mode for deeper colour)."""
    for tile in image.tile:
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if any(";16" in str(argument) for argument in arguments):
            return True
        if tile.codec_name.startswith("ppm") and any(isinstance(white, int) and white > 255 for white in arguments):
            return True
    return False


def _metadata(image: ImageFile.ImageFile, path: Path) -> Metadata:
    info = image.info
    exif = info.get("exif")
    if exif and not exif.startswith(EXIF_HEADER):
        exif = EXIF_HEADER + exif
    if exif:
        try:
            Image.Exif().load(exif)
        except DAMAGED:  # nobody can read it
            exif = None
    dpi, xmp, comment = info.get("dpi"), info.get("xmp"), info.get("comment")
    text = {k: str(v) for k, v in getattr(image, "text", {}).items() if k != png.XMP_KEYWORD}
    return Metadata(
        str(image.format),
        icc=info.get("icc_profile") or None,
        exif=exif or None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and all(d > 0 for d in dpi) else None,
        text=text,
        colors=png.color_chunks(path) if image.format == "PNG" else {},
        comment=comment if isinstance(comment, bytes) and image.format in ("JPEG", "MPO") else None,
        lost=_lost(image),
    )
