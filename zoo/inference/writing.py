"""Arrays → image files, by Pillow, tiff.py and png.py: what each format holds, of pixels and beside them.

What is there already stays as it was until the new file is whole.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from zoo.atomic import check_parent, file_beside
from zoo.errors import InputError, ZooError, one_line
from zoo.inference import png
from zoo.inference.images import channels_of
from zoo.inference.metadata import Metadata, straight, upright
from zoo.pillow import DAMAGED

MODES = {("uint8", 1): "L", ("uint8", 2): "LA", ("uint8", 3): "RGB", ("uint8", 4): "RGBA", ("uint16", 1): "I;16"}
DEEP = frozenset({("uint16", 2), ("uint16", 3), ("uint16", 4)})
GRAY_AND_COLOR = frozenset({("uint8", 1), ("uint8", 3)})
FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True)
class Format:
    """A format that can be written: Pillow's name, the (dtype, channels) and the metadata that it holds, and how."""

    name: str
    holds: frozenset[tuple[str, int]] | None  # None: whatever has a type and channels
    metadata: frozenset[str]
    options: dict[str, Any]
    largest: int = 2**31 - 1  # pixels of a side


_PNG = Format(
    "PNG", frozenset(MODES) | DEEP, frozenset({"icc", "exif", "xmp", "dpi", "text"}), {"compress_level": png.LEVEL}
)
# At Pillow's default of 75, with halved chroma, the loss would be as visible as the noise that has just been removed.
_JPEG = Format(
    "JPEG",
    GRAY_AND_COLOR,
    frozenset({"icc", "exif", "xmp", "dpi", "comment"}),
    {"quality": 95, "subsampling": 0},
    largest=65500,
)
_WEBP = Format(
    "WEBP",
    frozenset(key for key in MODES if key[0] == "uint8"),
    frozenset({"icc", "exif", "xmp"}),
    {"lossless": True, "exact": True},
    largest=16383,
)
_TIFF = Format("TIFF", None, frozenset({"icc", "exif", "xmp", "dpi"}), {})
_BMP = Format("BMP", GRAY_AND_COLOR, frozenset({"dpi"}), {})
_PPM = Format("PPM", GRAY_AND_COLOR | {("uint16", 1)}, frozenset(), {})
FORMATS = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jfif": _JPEG,
    ".webp": _WEBP,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _BMP,
    ".pgm": _PPM,
    ".ppm": _PPM,
}
# What JPEG has room for, in bytes, in each of its segments.
MOST_OF_JPEG = 65533
XMP_HEADER = b"http://ns.adobe.com/xap/1.0/\x00"
ICC_SPACES = {1: b"GRAY", 3: b"RGB "}


def check_writable(path: str | os.PathLike[str], array: np.ndarray | None = None) -> None:
    """Refuse an output that :func:`write_image` could not write, before time is spent on its content.

    Args:
        path: Where the image is to go.
        array: An array of the dtype and shape that is to be written, if known.

    Raises:
        InputError: An unknown ending, no such folder, no permission, or a format that cannot hold such an array.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"output {str(path)!r} has no known ending; expected one of {' '.join(FORMATS)}")
    check_parent(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"output {str(path)!r} is a folder or device; expected the name of a file")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise InputError(f"output {str(path)!r} cannot be written: permission denied; choose another place")
    if array is not None:
        _check_held(path, array)


def _check_held(path: Path, array: np.ndarray) -> None:
    file_format = FORMATS[path.suffix.lower()]
    kind = array.dtype.name, array.shape[2] if array.ndim == 3 else 1
    if file_format.holds is None:
        held = array.ndim in (2, 3) and kind[0] in ("uint8", "uint16", *FLOATS)
        known = f"uint8, uint16, {', '.join(FLOATS)} of any channels"
    else:
        channels_of(array)
        held, known = kind in file_format.holds, ", ".join(f"{d}×{n}" for d, n in sorted(file_format.holds))
    if not held:
        raise InputError(
            f"{str(path)!r} cannot hold {kind[0]}×{kind[1]}: {file_format.name} holds {known} (type × channels); "
            "choose another format, or convert the image"
        )
    if max(array.shape[:2]) > file_format.largest:
        raise InputError(
            f"{str(path)!r} cannot hold {array.shape[1]}×{array.shape[0]} pixels: {file_format.name} has at most "
            f"{file_format.largest} in a row or column; choose another format"
        )
    if kind in DEEP and file_format.name == "PNG":
        png.codecs_for(path)


def write_image(
    path: str | os.PathLike[str], array: np.ndarray, metadata: Metadata | None = None, *, quality: int | None = None
) -> None:
    """Write an image, in the format that the ending of ``path`` names; the file appears whole or not at all.

    What ``metadata`` holds goes along where the format has a place for it, except for a profile of another colour space
    than the image's. BMP and PPM have none for EXIF: their pixels are turned upright instead.

    Args:
        path: Any ending of ``FORMATS``. A file that is there already is replaced.
        array: uint8 or uint16 of any shape, or float (TIFF only); see :func:`check_writable`.
        metadata: From :func:`zoo.inference.reading.read_image`.
        quality: 1 to 100 for JPEG (95 by default) and WebP (lossless by default); of no effect in other formats.

    Raises:
        InputError: As :func:`check_writable`, or the disk is full. What was there before is untouched.
    """
    write_pages(path, [(array, metadata or Metadata(""))], quality=quality)


def write_pages(
    path: str | os.PathLike[str],
    pages: Iterable[tuple[np.ndarray, Metadata]],
    *,
    quality: int | None = None,
    big: bool = False,
) -> None:
    """Write pages as they come, to one file; several only to TIFF. As :func:`write_image`.

    Args:
        path, quality: As for :func:`write_image`.
        pages: Pixels and metadata of each page. They may be made while they are asked for: what that raises leaves
            nothing behind.
        big: Write a BigTIFF, for more than 4 GB of pixels.
    """
    path = Path(os.path.realpath(path))  # through a link, to the file that it stands for
    check_writable(path)
    file_format = FORMATS[path.suffix.lower()]
    checked = (_fitting(file_format, *page) for page in _checked(path, pages))
    try:
        with file_beside(path) as temporary:
            if file_format is _TIFF:
                from zoo.inference.tiff import write_tiff

                write_tiff(temporary, checked, big=big)
            else:
                _write_one(temporary, file_format, *_only(path, checked), quality=quality)
    except ZooError:
        raise
    except DAMAGED as error:
        raise InputError(f"output {str(path)!r} cannot be written ({one_line(error)}); nothing was changed") from error


def _checked(path: Path, pages: Iterable[tuple[np.ndarray, Metadata]]) -> Iterator[tuple[np.ndarray, Metadata]]:
    for array, metadata in pages:
        if array.ndim == 3 and array.shape[2] == 1:
            array = array[..., 0]
        _check_held(path, array)
        yield array, metadata


def _fitting(file_format: Format, array: np.ndarray, metadata: Metadata) -> tuple[np.ndarray, Metadata]:
    """A page as a format takes it: without a colour profile that is not one for these pixels, of which viewers
    complain; and with alpha not multiplied in, which TIFF alone knows.
    """
    color = 3 if file_format is _WEBP or (array.ndim == 3 and array.shape[2] in (3, 4)) else 1
    if metadata.icc and metadata.icc[16:20] != ICC_SPACES[color]:
        metadata = replace(metadata, icc=None)
    return array if file_format is _TIFF else straight(array, metadata), metadata


def _only(path: Path, pages: Iterator[tuple[np.ndarray, Metadata]]) -> tuple[np.ndarray, Metadata]:
    first = next(pages)
    if next(pages, None) is not None:
        raise InputError(f"output {str(path)!r} can hold one picture, and there are more; expected a name in .tif")
    return first


def _write_one(path: Path, file_format: Format, array: np.ndarray, metadata: Metadata, *, quality: int | None) -> None:
    options = dict(file_format.options) | _saved_with(file_format, metadata)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if quality is not None and file_format in (_JPEG, _WEBP):
        options |= {"quality": quality, "lossless": False}
    if (array.dtype.name, array.shape[2] if array.ndim == 3 else 1) in DEEP:
        png.write_deep(path, array, options)
        return
    if file_format is _PNG:
        options["compress_type"] = png.strategy(array)
    image = Image.fromarray(array if "exif" in file_format.metadata else upright(array, metadata))
    with _Told(io.FileIO(path, "wb")) as file:
        image.save(file, format=file_format.name, **options)


class _Told(io.BufferedWriter):
    """A file that hears of every byte. Given a file's number, Pillow's encoders write past it, and a full disk goes
    unnoticed: the picture is cut short.
    """

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


def _saved_with(file_format: Format, metadata: Metadata) -> dict[str, Any]:
    """Pillow's arguments for the metadata that a format holds."""
    options: dict[str, Any] = {}
    names = {"icc": "icc_profile", "exif": "exif", "xmp": "xmp", "dpi": "dpi", "comment": "comment"}
    for ours, pillows in names.items():
        if ours in file_format.metadata and (value := getattr(metadata, ours)):
            options[pillows] = value
    if file_format is _JPEG:
        if len(options.get("exif", b"")) > MOST_OF_JPEG:
            from zoo.inference.tiff import without_blocks

            options["exif"] = without_blocks(options["exif"])
        if len(options.get("xmp", b"")) > MOST_OF_JPEG - len(XMP_HEADER):
            del options["xmp"]  # as large as that by an editor's masks and steps, which are done
        if max(options.get("dpi", (0,))) > MOST_OF_JPEG:
            del options["dpi"]  # it has two bytes
    if file_format is _PNG:
        texts = PngImagePlugin.PngInfo()
        for keyword, text in metadata.text.items():
            texts.add_itxt(keyword, text) if not text.isascii() else texts.add_text(keyword, text)
        if xmp := options.pop("xmp", None):
            texts.add_itxt(png.XMP_KEYWORD, xmp.decode("utf-8", "replace"))
        for kind, content in metadata.colors.items():
            texts.add(kind, content)
        options["pnginfo"] = texts
    return options
