"""Images as people have them: files ↔ arrays ↔ what a model takes.

The one place that knows of uint8, uint16 and floats, of alpha, and of ICC profiles and EXIF. An array is H×W or H×W×1
(gray), H×W×2 (gray and alpha), H×W×3 (colour) or H×W×4 (colour and alpha); a model takes float32 (1, H, W, C), around
[0, 1].
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps

from zoo.atomic import file_beside
from zoo.errors import InputError

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
COLOR_NAMES = {1: "gray", 3: "colour"}
# Noise keeps the mean of an image about where it was, so no noisy picture on the [0, 1] scale comes near to this one,
# and hardly a photograph on the 0–255 scale stays below.
HIGHEST_MEAN = 16
LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, eq=False)
class ImageForm:
    """What a tensor does not say of the image that it was made from."""

    dtype: np.dtype
    shape: tuple[int, ...]
    alpha: np.ndarray | None


def channels_of(array: np.ndarray) -> int:
    """1 for a gray image (H×W, H×W×1, H×W×2), 3 for a colour image (H×W×3, H×W×4).

    Raises:
        InputError: Not a numpy array, or of no such shape, or without pixels.
    """
    if not isinstance(array, np.ndarray):
        raise InputError(f"image of type {type(array).__name__}; expected a numpy array")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise InputError(
            f"image of shape {array.shape}; expected (H, W), or (H, W, C) with 1, 2 (gray, alpha), 3 or 4 (RGB, alpha) "
            "channels last: one image at a time"
        )
    if array.size == 0:
        raise InputError(f"image of shape {array.shape} has no pixels; expected at least 1×1")
    return 3 if array.ndim == 3 and array.shape[2] > 2 else 1


def to_tensor(array: np.ndarray, channels: int) -> tuple[np.ndarray, ImageForm]:
    """An image as a model with ``channels`` takes it, and the form to bring the result back to.

    Args:
        array: uint8 or uint16 (black is 0, white the largest number), or float around [0, 1]. Finite values outside,
            as noise makes them, are legal and stay as they are; a float image whose mean is beyond 16 is on another
            scale (0–255, say) and refused, since the model would return garbage without a word. Not changed.
        channels: 1 or 3.

    Returns:
        float32 array (1, H, W, channels), without alpha, and the form for :func:`from_tensor`.

    Raises:
        InputError: NaN, infinity, another type or shape, no pixels, or gray for colour or the other way round.
    """
    found, white = channels_of(array), WHITE.get(array.dtype.newbyteorder("="))
    if white is None and array.dtype.kind != "f":
        raise InputError(f"image of type {array.dtype}; expected uint8, uint16, or float around [0, 1]")
    if found != channels:
        raise InputError(
            f"{COLOR_NAMES[found]} image of shape {array.shape} for a model that takes {channels} channel"
            f"{'s' if channels > 1 else ''}; take an entry for {COLOR_NAMES[found]} (zoo list), or convert the image"
        )
    pixels = array if array.ndim == 3 else array[..., np.newaxis]
    alpha = pixels[..., channels:] if pixels.shape[2] > channels else None
    pixels = pixels[..., :channels]
    if white is not None:
        tensor = np.divide(pixels, np.float32(white), dtype=np.float32)
    else:
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes an infinity, which is refused below
            tensor = pixels.astype(np.float32)
        _check_floats(tensor, alpha)
    return np.ascontiguousarray(tensor)[np.newaxis], ImageForm(array.dtype, array.shape, alpha)


def _check_floats(tensor: np.ndarray, alpha: np.ndarray | None) -> None:
    # The extremes show NaN as well as infinity, without an array of booleans as large as the image.
    planes = [tensor] if alpha is None else [tensor, alpha]
    if not all(np.isfinite(plane.min()) and np.isfinite(plane.max()) for plane in planes):
        raise InputError("image with NaN or infinite values; expected finite ones: replace them (numpy.nan_to_num)")
    if (mean := float(tensor.mean(dtype=np.float64))) > HIGHEST_MEAN:
        raise InputError(f"float image with a mean of {mean:.4g}; expected values around [0, 1]: divide by its white")


def from_tensor(tensor: np.ndarray, form: ImageForm) -> np.ndarray:
    """A model's output (1, H, W, C) as an array of the dtype and shape that ``form`` keeps.

    uint8 and uint16 are rounded and clipped, floats are neither; alpha is what it was.
    """
    pixels = tensor[0]
    if (white := WHITE.get(form.dtype.newbyteorder("="))) is not None:
        pixels = pixels * np.float32(white)
        np.rint(pixels, out=pixels)
        np.clip(pixels, 0, white, out=pixels)
    if form.alpha is None:
        return pixels.reshape(form.shape).astype(form.dtype)
    array = np.empty(form.shape, form.dtype)
    array[..., :-1], array[..., -1:] = pixels, form.alpha
    return array


def to_gray(array: np.ndarray) -> np.ndarray:
    """The luma of an image by ITU-R BT.601 (0.299 R + 0.587 G + 0.114 B), as MATLAB's rgb2gray; alpha stays.

    Returns:
        H×W, or H×W×2 with alpha, of the same dtype (whole numbers rounded); a gray image as it is.
    """
    if channels_of(array) == 1:
        return array
    luma = array[..., :3] @ LUMA
    gray = (np.rint(luma) if array.dtype.kind in "ui" else luma).astype(array.dtype)
    return gray if array.shape[2] == 3 else np.stack([gray, array[..., 3]], axis=-1)


def to_color(array: np.ndarray) -> np.ndarray:
    """A gray image as H×W×3, or H×W×4 with alpha, of three equal channels; a colour image as it is."""
    if channels_of(array) == 3:
        return array
    planes = array if array.ndim == 3 else array[..., np.newaxis]
    return planes[..., [0, 0, 0, *range(1, planes.shape[2])]]


# ---- files -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Metadata:
    """What a file holds beside its pixels: its format by Pillow's name, ICC profile and EXIF block."""

    format: str
    icc: bytes | None = None
    exif: bytes | None = None


@dataclass(frozen=True)
class Format:
    """A format that can be written: Pillow's name for it, the modes that it holds, and how to save."""

    name: str
    modes: frozenset[str]
    metadata: bool
    options: dict[str, Any]


# Level 4 of 9: a third of the time of Pillow's default of 6, for files 2 % larger.
_PNG = Format("PNG", frozenset({"L", "LA", "RGB", "RGBA", "I;16"}), True, {"compress_level": 4})
# At Pillow's default of 75, with halved chroma, the loss would be as visible as the noise that has just been removed.
_JPEG = Format("JPEG", frozenset({"L", "RGB"}), True, {"quality": 95, "subsampling": 0})
_WEBP = Format("WEBP", frozenset({"L", "LA", "RGB", "RGBA"}), True, {"lossless": True, "exact": True})
_TIFF = Format("TIFF", frozenset({"L", "LA", "RGB", "RGBA", "I;16", "F"}), True, {})
_BMP = Format("BMP", frozenset({"L", "RGB"}), False, {})
_PPM = Format("PPM", frozenset({"L", "RGB", "I;16"}), False, {})
FORMATS = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": _WEBP,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": _BMP,
    ".pgm": _PPM,
    ".ppm": _PPM,
}
READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
MODES = {
    ("uint8", 1): "L",
    ("uint8", 2): "LA",
    ("uint8", 3): "RGB",
    ("uint8", 4): "RGBA",
    ("uint16", 1): "I;16",
    ("float32", 1): "F",
}
# How each mode of Pillow is read, where not as it is. CMYK is converted by the plain formula, without its profile.
CONVERSIONS = {"1": "L", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"}
CONVERSIONS |= dict.fromkeys(("P", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"), "RGB")
EXIF_HEADER = b"Exif\x00\x00"
# Tags of TIFF that say how the pixels lie in that one file. The rest describe the picture, as EXIF does elsewhere.
TIFF_STORAGE = (254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 338, 339)
TIFF_STORAGE += (347, 512, 513, 514, 529, 530, 532, 34675)
ICC_SPACES = {1: b"GRAY", 3: b"RGB "}
# What Pillow's decoders and EXIF reader raise on damaged files, by accident or of purpose (found by damaging files).
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error)


def read_image(path: str | os.PathLike[str]) -> tuple[np.ndarray, Metadata]:
    """The pixels of an image file, and what else it holds.

    PNG, JPEG, TIFF, WebP, BMP, PPM/PGM and GIF. Gray of 8 or 16 bits and colour of 8 bits come as they are; a palette
    becomes RGB or RGBA, one bit becomes gray, CMYK becomes RGB. EXIF's orientation is left to EXIF: pixels lie as in
    the file.

    Returns:
        uint8, uint16 (gray of 16 bits) or float32 (gray TIFF) array H×W, H×W×2, H×W×3 or H×W×4, and its Metadata.

    Raises:
        InputError: No such file, not an image, damaged, or one that could only be read at a loss (colour of 16 bits,
            several frames).
    """
    path = Path(path)
    if not os.path.isfile(path):
        found = "not a file" if os.path.exists(path) else "no such file"
        raise InputError(f"{found}: {str(path)!r}; expected an image file")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{str(path)!r} is empty; expected an image file")
        with Image.open(path, formats=READABLE) as image:
            return _decode(image, path)
    except Image.DecompressionBombError as error:
        raise InputError(f"{str(path)!r} is too large ({error}); split the image first") from error
    except Image.UnidentifiedImageError as error:
        raise InputError(f"{str(path)!r} is not an image that can be read; expected {', '.join(READABLE)}") from error
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{str(path)!r} cannot be read ({one_line(error)}); is the file whole?") from error


def _decode(image: ImageFile.ImageFile, path: Path) -> tuple[np.ndarray, Metadata]:
    # The second picture of an MPO is a camera's preview of the first; anywhere else, it would be lost without a word.
    if image.format != "MPO" and (frames := getattr(image, "n_frames", 1)) > 1:
        raise InputError(f"{str(path)!r} holds {frames} pictures; expected one: save them one by one")
    if len(image.getbands()) > 1 and _deeper_than_8_bits(image):
        raise InputError(f"{str(path)!r} has channels of 16 bits, of which only 8 would be read; save it with 8 bits")
    image.load()
    metadata = Metadata(str(image.format), image.info.get("icc_profile") or None, _exif(image))
    mode = CONVERSIONS.get(image.mode, image.mode)
    if image.has_transparency_data:
        mode = {"L": "LA", "RGB": "RGBA"}.get(mode, mode)
    array = np.array(image if image.mode == mode else image.convert(mode))
    if array.dtype.kind == "i" and array.min() >= 0 and array.max() <= 65535:  # mode I: gray of 16 bits in PGM
        array = array.astype(np.uint16)
    if array.dtype.name not in ("uint8", "uint16", "float32"):
        raise InputError(f"{str(path)!r} has values of {array.dtype}; expected 8 or 16 bits")
    return array.astype(array.dtype.newbyteorder("="), copy=False), metadata


def _deeper_than_8_bits(image: ImageFile.ImageFile) -> bool:
    """Whether the decoder is going to cut the channels of a file to 8 bits (Pillow has no mode for deeper colour)."""
    for tile in image.tile:
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if any(";16" in str(argument) for argument in arguments):
            return True
        if tile.codec_name.startswith("ppm") and any(isinstance(white, int) and white > 255 for white in arguments):
            return True
    return False


def _exif(image: Image.Image) -> bytes | None:
    data = image.info.get("exif")
    if image.format == "TIFF":
        exif = image.getexif()
        for tag in TIFF_STORAGE:
            exif.pop(tag, None)
        data = exif.tobytes() if len(exif) else None
    return data if not data or data.startswith(EXIF_HEADER) else EXIF_HEADER + data


def check_writable(path: str | os.PathLike[str], array: np.ndarray | None = None) -> None:
    """Refuse an output that :func:`write_image` could not write, before time is spent on its content.

    Args:
        path: Where the image is to go.
        array: An array of the dtype and shape that is to be written, if known.

    Raises:
        InputError: An unknown ending, no such folder, no permission, or a format that cannot hold such an array.
    """
    path = Path(path)
    parent, exists = path.parent, os.path.exists(path)
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"output {str(path)!r} has no known ending; expected one of {' '.join(FORMATS)}")
    if not os.path.isdir(parent):
        raise InputError(f"output {str(path)!r} is in no existing folder; create {str(parent)!r} first")
    if exists and not os.path.isfile(path):
        raise InputError(f"output {str(path)!r} is a folder or device; expected the name of a file")
    if not os.access(parent, os.W_OK) or (exists and not os.access(path, os.W_OK)):
        raise InputError(f"output {str(path)!r} cannot be written: permission denied; choose another place")
    if array is not None:
        _mode(path, array)


def _mode(path: Path, array: np.ndarray) -> str:
    """Pillow's mode for an array, if the format of ``path`` holds it."""
    channels_of(array)
    file_format, planes = FORMATS[path.suffix.lower()], array.shape[2] if array.ndim == 3 else 1
    mode = MODES.get((array.dtype.name, planes))
    if mode not in file_format.modes:
        held = ", ".join(f"{dtype}×{n}" for (dtype, n), known in MODES.items() if known in file_format.modes)
        raise InputError(
            f"{str(path)!r} cannot hold {array.dtype}×{planes}: {file_format.name} holds {held} (type × channels); "
            "choose another format, or convert the image"
        )
    return mode


def write_image(path: str | os.PathLike[str], array: np.ndarray, metadata: Metadata | None = None) -> None:
    """Write an image, in the format that the ending of ``path`` names; the file appears whole or not at all.

    EXIF and the ICC profile of ``metadata`` go along where the format holds them (PNG, JPEG, WebP, TIFF; not BMP and
    PPM, whose pixels are turned upright instead), except for a profile of another colour space than the image's.

    Args:
        path: Any ending of ``FORMATS``. A file that is there already is replaced.
        array: uint8 of any shape, uint16 gray, or float32 gray (TIFF only).
        metadata: From :func:`read_image`.

    Raises:
        InputError: As :func:`check_writable`, or the disk is full. What was there before is untouched.
    """
    path = Path(os.path.realpath(path))  # through a link, to the file that it stands for
    check_writable(path, array)
    file_format, metadata = FORMATS[path.suffix.lower()], metadata or Metadata("")
    image = Image.fromarray(array.squeeze(-1) if array.ndim == 3 and array.shape[2] == 1 else array)
    options = dict(file_format.options)
    if file_format.metadata and metadata.exif:
        options["exif"] = metadata.exif
    if file_format.metadata and metadata.icc and metadata.icc[16:20] == ICC_SPACES[channels_of(array)]:
        options["icc_profile"] = metadata.icc
    try:
        if not file_format.metadata and metadata.exif:
            image.info["exif"] = metadata.exif
            image = ImageOps.exif_transpose(image)
        with file_beside(path) as temporary:
            image.save(temporary, format=file_format.name, **options)
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"output {str(path)!r} cannot be written ({one_line(error)}); nothing was changed") from error


def one_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
