"""Image files ↔ arrays: the one place that knows of formats, ICC profiles and EXIF. Pillow, tiff.py and png.py.

Pixels lie in an array as in the file: an orientation is left to the tag that says it, where there is one.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile, PngImagePlugin

from zoo.atomic import check_parent, file_beside
from zoo.errors import InputError, MissingExtraError, ZooError, damaged, one_line
from zoo.inference import png
from zoo.inference.images import channels_of, white_of
from zoo.inference.metadata import Metadata
from zoo.pillow import open_with_pillow

# A picture of more pixels is refused before anything of it is decoded, unless the caller expects it.
MAX_PIXELS = 10**9

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
READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
# How each mode of Pillow is read, where not as it is. CMYK is converted by the plain formula, without its profile.
CONVERSIONS = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
DEEP_MODES = ("CMYK", "YCbCr", "LAB")
CONVERSIONS |= dict.fromkeys(("P", "RGBX", "HSV", *DEEP_MODES), "RGB")
# What JPEG has room for, in bytes, in each of its segments.
MOST_OF_JPEG = 65533
EXIF_HEADER = b"Exif\x00\x00"
ASSOCIATED = 1  # of TIFF's extrasamples: alpha that is multiplied into the colours
ICC_SPACES = {1: b"GRAY", 3: b"RGB "}
XMP_KEYWORD = "XML:com.adobe.xmp"
# What Pillow's decoders and EXIF reader raise on damaged files, by accident or of purpose (found by damaging files).
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, AttributeError)
DAMAGED += (OverflowError, MemoryError, AssertionError, NotImplementedError, ZeroDivisionError)


# ---- reading ---------------------------------------------------------------------------------------------------------


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
def open_pages(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS, planes: bool = False) -> Iterator[Pages]:
    """The pages of an image file, to be gone through once: one, except in TIFF files.

    Args:
        path, max_pixels: As for :func:`read_image`; the limit is one for each page.
        planes: Take TIFF pages of any number of channels, H×W×C.

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
    if not start:
        raise InputError(f"{str(path)!r} is empty; expected an image file")
    pages = Pages(path, start, max_pixels, planes)
    try:
        yield pages
    finally:
        pages.close()


class Pages:
    """See :func:`open_pages`. ``len``, and an iterator of (array, Metadata)."""

    def __init__(self, path: Path, start: bytes, max_pixels: int, planes: bool) -> None:
        self.path, self.max_pixels, self.planes = path, max_pixels, planes
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
                page = _decode(image, self.path), _metadata(image, self.path)
            yield page  # Pillow's own copy of the pixels has ended
            return
        for i in range(len(self._tiff)):
            self._check_size(*self._tiff.size(i))
            if self._tiff.known(i):
                yield self._tiff.read(i, planes=self.planes), self._tiff.metadata(i)
            else:
                array = self._tiff.full_range(i, self._decoded(i))
                yield array, self._tiff.metadata(i, array)

    def _decoded(self, i: int) -> np.ndarray:
        """A page of a TIFF file by Pillow, which finds the next one from the last one."""
        with self._told():
            if self._pillow is None:
                self._pillow = open_with_pillow(self.path, READABLE)
                # Or it would map the file, and take the rows of what lies on its side for columns (Pillow 13).
                self._pillow.filename = ""
            self._pillow.seek(i)
            array = _decode(self._pillow, self.path)
            if len(self) == 1:
                self._pillow.close()  # and with it Pillow's own copy of the pixels
            return array

    def _check_size(self, height: int, width: int) -> None:
        if height * width > self.max_pixels:
            raise InputError(
                f"{str(self.path)!r} is too large: {width}×{height} pixels, expected at most {self.max_pixels} in all; "
                "if it is what it says, allow more (--max-pixels)"
            )

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
    text = {k: str(v) for k, v in getattr(image, "text", {}).items() if k != XMP_KEYWORD}
    return Metadata(
        str(image.format),
        icc=info.get("icc_profile") or None,
        exif=exif or None,
        xmp=xmp.encode() if isinstance(xmp, str) else xmp or None,
        dpi=(float(dpi[0]), float(dpi[1])) if dpi and all(d > 0 for d in dpi) else None,
        text=text,
        colors=png.color_chunks(path) if image.format == "PNG" else {},
        comment=comment if isinstance(comment, bytes) and image.format in ("JPEG", "MPO") else None,
    )


# ---- writing ---------------------------------------------------------------------------------------------------------


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
        metadata: From :func:`read_image`.
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
    return array if file_format is _TIFF else _straight(array, metadata), metadata


def _straight(array: np.ndarray, metadata: Metadata) -> np.ndarray:
    """The pixels without their alpha multiplied in, if it is; floats are not cut at white."""
    if metadata.tiff is None or metadata.tiff.extrasamples != (ASSOCIATED,):
        return array
    white = white_of(array.dtype)
    alpha = array[..., -1:].astype(np.float32) / (white or 1)
    colors = np.divide(array[..., :-1], alpha, out=np.zeros(array[..., :-1].shape, np.float32), where=alpha > 0)
    if white is not None:
        colors = np.rint(np.minimum(colors, white))
    return np.concatenate([colors.astype(array.dtype), array[..., -1:]], axis=-1)


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
    image = Image.fromarray(array if "exif" in file_format.metadata else _upright(array, metadata))
    with _Told(io.FileIO(path, "wb")) as file:
        image.save(file, format=file_format.name, **options)


def as_seen(array: np.ndarray, metadata: Metadata) -> np.ndarray:
    """The pixels as a viewer shows them, for what has no place for metadata: upright, alpha not multiplied in."""
    return _upright(_straight(array, metadata), metadata)


def _upright(array: np.ndarray, metadata: Metadata) -> np.ndarray:
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    if orientation not in range(2, 9):
        return array
    turned = array.swapaxes(0, 1) if orientation >= 5 else array
    down, right = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(orientation, (1, 1))
    return np.ascontiguousarray(turned[::down, ::right])


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
    if file_format is _JPEG and len(options.get("exif", b"")) > MOST_OF_JPEG:
        from zoo.inference.tiff import without_blocks

        options["exif"] = without_blocks(options["exif"])
    if file_format is _JPEG and max(options.get("dpi", (0,))) > MOST_OF_JPEG:
        del options["dpi"]  # it has two bytes
    if file_format is _PNG:
        texts = PngImagePlugin.PngInfo()
        for keyword, text in metadata.text.items():
            texts.add_itxt(keyword, text) if not text.isascii() else texts.add_text(keyword, text)
        if xmp := options.pop("xmp", None):
            texts.add_itxt(XMP_KEYWORD, xmp.decode("utf-8", "replace"))
        for kind, content in metadata.colors.items():
            texts.add(kind, content)
        options["pnginfo"] = texts
    return options
