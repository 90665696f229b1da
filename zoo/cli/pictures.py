"""Pictures of the command line: image files, and arrays in .npy files, in one way.

A .npy file holds one image as numpy.save writes it: float around [0, 1], uint8 or uint16 when read, float32 around
[0, 1] and not clipped when written, so that noise beyond black and white survives.
"""

from __future__ import annotations

import os
import sys
import tokenize
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.atomic import file_beside
from zoo.errors import InputError, UsageError
from zoo.inference.images import (
    WHITE,
    Metadata,
    channels_of,
    check_writable,
    one_line,
    read_image,
    to_tensor,
    write_image,
)

ARRAY = ".npy"
# The formats that keep numbers beyond black and white.
FLOATS = (ARRAY, ".tif", ".tiff")


def read(path: Path) -> tuple[np.ndarray, Metadata]:
    """The image in a file, as :func:`zoo.inference.images.read_image`; .npy too.

    Raises:
        InputError: Nothing that a model could take; the message names the file.
    """
    array, metadata = (_read_array(path), Metadata("")) if path.suffix.lower() == ARRAY else read_image(path)
    try:
        channels = channels_of(array)
        if array.dtype not in WHITE:
            to_tensor(array, channels)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from error
    return array, metadata


def _read_array(path: Path) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"no such file: {str(path)!r}; expected an array of numpy.save")
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, tokenize.TokenError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read ({one_line(error)}); expected an array of numpy.save"
        ) from error
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def write(path: Path, array: np.ndarray, metadata: Metadata | None = None) -> None:
    """Write an image of the dtype of :func:`fitting`; the file appears whole or not at all."""
    if path.suffix.lower() != ARRAY:
        write_image(path, fitting(path, array), metadata)
        return
    try:
        with file_beside(path) as temporary, temporary.open("wb") as file:
            np.save(file, fitting(path, array))
    except OSError as error:
        raise InputError(f"output {str(path)!r} cannot be written ({one_line(error)}); nothing was changed") from error


def check(path: Path, array: np.ndarray) -> None:
    """Refuse an output that :func:`write` could not write, before time is spent on its content."""
    if path.suffix.lower() != ARRAY:
        check_writable(path, fitting(path, array))
    elif not path.parent.is_dir():
        raise InputError(f"output {str(path)!r} is in no existing folder; create {str(path.parent)!r} first")
    elif path.is_dir():
        raise InputError(f"output {str(path)!r} is a folder; expected the name of a file")
    elif not os.access(path.parent, os.W_OK):
        raise InputError(f"output {str(path)!r} cannot be written: permission denied; choose another place")


def refuse_overwriting(inputs: Sequence[Path], output: Path) -> None:
    """Refuse an output that is one of the inputs, under whatever name."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise UsageError(f"output {str(output)!r} is the input {str(path)!r} itself; expected another file")


def as_float(array: np.ndarray) -> np.ndarray:
    """Any image on the [0, 1] scale: float32 of the same shape."""
    white = WHITE.get(array.dtype)
    return array.astype(np.float32) if white is None else np.divide(array, np.float32(white), dtype=np.float32)


def fitting(path: Path, array: np.ndarray) -> np.ndarray:
    """An image as the format of ``path`` takes it: float32 in .npy; 8 bits where a format has no floats."""
    if path.suffix.lower() == ARRAY:
        return as_float(array)
    if array.dtype.kind != "f":
        return array
    if path.suffix.lower() in FLOATS and array.ndim == 2:
        return array.astype(np.float32)
    return np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)


def say(message: str) -> None:
    """Tell what was done, on standard error: standard output is for results."""
    print(message, file=sys.stderr)
