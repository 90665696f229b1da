"""Pictures on disk, image files and arrays in .npy files alike: opened, checked, written.

A .npy file holds one image as numpy.save writes it: float around [0, 1], uint8 or uint16 when read, float32 around
[0, 1] (or on the scale of another white that is given) and not clipped when written, so that noise beyond black and
white survives.
"""

from __future__ import annotations

import tokenize
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.atomic import check_parent, file_beside
from zoo.errors import InputError, UsageError, one_line
from zoo.inference.images import channels_of, check_image
from zoo.inference.metadata import Metadata, as_seen
from zoo.inference.reading import MAX_PIXELS, open_pages
from zoo.inference.writing import FLOATS, FORMATS, check_writable, write_pages
from zoo.scale import white_of

ARRAY = ".npy"
ENDINGS = (*FORMATS, ARRAY)
# The formats that keep numbers beyond black and white.
HOLD_FLOATS = (ARRAY, ".tif", ".tiff")
# An array of this size on stays on disk, as a memory map.
LARGE_BYTES = 256 * 2**20
# An array of so few rows and more channels has its channels first: no picture of planes is so low.
FEW_ROWS = 8

Page = tuple[np.ndarray, Metadata]


@dataclass(frozen=True)
class Picture:
    """An open picture: its pages, to be gone through once, how many they are, and whether they need a BigTIFF."""

    pages: Iterator[Page]
    count: int
    big: bool


@contextmanager
def open_picture(
    path: Path, *, max_pixels: int = MAX_PIXELS, planes: bool = False, white: float | None = None
) -> Iterator[Picture]:
    """An image file or a .npy file, as :func:`zoo.inference.reading.open_pages`; ``white`` is the number that is white
    in it, if not that of its type.

    Raises:
        InputError: Nothing that a model could take; the message names the file.
    """
    if path.suffix.lower() == ARRAY:
        array = _read_array(path, max_pixels)
        yield Picture((_checked(path, page, planes, white) for page in [(array, Metadata(""))]), 1, False)
        return
    with open_pages(path, max_pixels=max_pixels, planes=planes, white=white) as pages:
        yield Picture((_checked(path, page, planes, white) for page in pages), len(pages), pages.big)


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> Page:
    """The only page of a picture, and its metadata. Raises InputError: as :func:`open_picture`, or several pages."""
    with open_picture(path, max_pixels=max_pixels) as picture:
        if picture.count > 1:
            raise InputError(f"{str(path)!r} holds several pages; expected one picture: save each in a file of its own")
        return next(picture.pages)


def page_name(name: str, number: int, count: int) -> str:
    """What a page of a picture of ``count`` pages is called; the first is number 0."""
    return f"{name}, page {number + 1}" if count > 1 else name


def _checked(path: Path, page: Page, planes: bool, white: float | None) -> Page:
    array = page[0]
    try:
        if planes and array.ndim == 3:
            if not array.shape[2]:
                raise InputError(f"image of shape {array.shape} has no planes; expected at least one")
            if array.shape[0] <= FEW_ROWS < array.shape[2]:
                raise InputError(f"image of shape {array.shape}; expected channels last: numpy.moveaxis(image, 0, -1)")
            for i in range(array.shape[2]):
                check_image(array[..., i], 1, white)
        else:
            check_image(array, channels_of(array), white)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from error
    return page


def _read_array(path: Path, max_pixels: int) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"no such file: {str(path)!r}; expected an array of numpy.save")
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            if np.prod(shape[:2], dtype=float) > max_pixels:
                raise InputError(f"{str(path)!r} is too large: shape {shape}, expected at most {max_pixels} pixels")
            if len(shape) == 4:
                raise InputError(f"{str(path)!r} holds a batch of shape {shape}; expected one image: take them apart")
            if dtype.hasobject:
                raise ValueError("an array of Python objects")
            array = np.load(path, mmap_mode="r", allow_pickle=False) if np.prod(shape) else np.empty(shape, dtype)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, MemoryError, OverflowError, TypeError, tokenize.TokenError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read ({one_line(error)}); expected an array of numpy.save"
        ) from error
    if array.nbytes < LARGE_BYTES:
        array = np.array(array)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def write_picture(path: Path, pages: Iterable[Page], *, quality: int | None = None, big: bool = False) -> None:
    """Write pages of the dtype of :func:`fitting`; the file appears whole or not at all."""
    if path.suffix.lower() != ARRAY:
        write_pages(path, ((fitting(path, array), metadata) for array, metadata in pages), quality=quality, big=big)
        return
    arrays = iter(pages)
    first = as_seen(*next(arrays))
    if next(arrays, None) is not None:
        raise InputError(f"output {str(path)!r} can hold one picture, and there are more; expected a name in .tif")
    try:
        with file_beside(path) as temporary, temporary.open("wb") as file:
            array = np.ascontiguousarray(fitting(path, first))
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
            file.write(array.data)  # numpy.save would say of a full disk only how many bytes are missing
    except OSError as error:
        raise InputError(f"output {str(path)!r} cannot be written ({one_line(error)}); nothing was changed") from error


def check_output(path: Path, array: np.ndarray | None = None) -> None:
    """Refuse an output that :func:`write_picture` could not write, before time is spent on its content."""
    if path.suffix.lower() != ARRAY:
        check_writable(path, None if array is None else np.broadcast_to(fitting(path, array[:1, :1]), array.shape))
        return
    check_parent(path)
    if path.is_dir():
        raise InputError(f"output {str(path)!r} is a folder; expected the name of a file")


def refuse_overwriting(inputs: Sequence[Path], output: Path) -> None:
    """Refuse an output that is one of the inputs, under whatever name."""
    if output.exists():
        for path in inputs:
            if path.exists() and output.samefile(path):
                raise UsageError(f"output {str(output)!r} is the input {str(path)!r} itself; expected another file")


def as_float(array: np.ndarray, white: float | None = None) -> np.ndarray:
    """Any image on the [0, 1] scale: float32 of the same shape. ``white`` is the number that is white, if not the
    largest of its type, or 1 for floats. Alpha is always on the scale of its type.
    """
    own = white_of(array.dtype) or 1
    white = white or own
    if white != own and array.ndim == 3 and array.shape[2] in (2, 4):
        return np.divide(array, [*[white] * (array.shape[2] - 1), own], dtype=np.float32)
    return array.astype(np.float32, copy=False) if white == 1 else np.divide(array, np.float32(white), dtype=np.float32)


def fitting_white(path: Path, array: np.ndarray, white: float | None) -> tuple[np.ndarray, float]:
    """An image that is to be written to ``path`` once it is changed, and the number that is white in it: ``white``, by
    default that of its type, or 1 where the format takes no numbers on another scale. An array is of floats, of [0, 1]
    where no ``white`` was given.
    """
    holds = path.suffix.lower()
    if holds == ARRAY:
        return (as_float(array), 1) if white is None else (array.astype(np.float32, copy=False), white)
    if white is not None and array.dtype.kind == "f" and holds not in HOLD_FLOATS:
        return as_float(array, white), 1
    return array, white or white_of(array.dtype) or 1


def fitting(path: Path, array: np.ndarray) -> np.ndarray:
    """An image as the format of ``path`` takes it: float32 in .npy; 8 bits where a format has no floats."""
    if path.suffix.lower() == ARRAY:
        return as_float(array)
    if array.dtype.kind != "f" or (path.suffix.lower() in HOLD_FLOATS and array.dtype.name in FLOATS):
        return array
    return np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)


def is_picture(path: Path) -> bool:
    """Whether the ending of a file is one of those that can be read and written."""
    return path.suffix.lower() in ENDINGS
