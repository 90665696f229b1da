"""PNG beyond what Pillow has a mode for: 16 bits in colour or with alpha, and the chunks that say which colours."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo.errors import MissingExtraError

# Of PNG, beside the profile: which colours the values are.
COLOR_CHUNKS = (b"cHRM", b"cICP", b"gAMA", b"sRGB")
# Level 4 of 9: half of the time of Pillow's default of 6, for files 2 % larger.
LEVEL = 4
# Of the rows by which a strategy is chosen: a photograph's are all alike enough.
SAMPLED = 32
XMP_KEYWORD = "XML:com.adobe.xmp"  # of the text that is the XMP packet


def color_chunks(path: Path) -> dict[bytes, bytes]:
    """The content of those of ``COLOR_CHUNKS`` that a PNG has, which stand in front of its pixels."""
    found = {}
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8 and (kind := head[4:]) != b"IDAT":
            content = file.read(int.from_bytes(head[:4], "big") + 4)
            if kind in COLOR_CHUNKS:
                found[kind] = content[:-4]
    return found


def strategy(array: np.ndarray) -> int:
    """Where deflate had best look for what repeats. Of photographs, nothing repeats but the value before: to look no
    further takes half of the time, and makes files a little smaller. Drawings and print would be ten times as large; so
    a few rows are tried both ways.
    """
    rows = array[np.unique(np.linspace(0, len(array) - 1, SAMPLED, dtype=int))]
    in_file = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">")).view(np.uint8).reshape(*rows.shape[:2], -1)
    filtered = np.diff(in_file, axis=1).tobytes()  # as by PNG's filter "Sub"
    coders = [zlib.compressobj(LEVEL, strategy=kind) for kind in (zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY)]
    within, anywhere = (len(coder.compress(filtered) + coder.flush()) for coder in coders)
    return zlib.Z_RLE if within < 1.1 * anywhere else zlib.Z_DEFAULT_STRATEGY


def codecs_for(path: Path) -> Any:
    """The package imagecodecs. Raises MissingExtraError, in which ``path`` is why it is needed."""
    try:
        import imagecodecs
    except ImportError:
        raise MissingExtraError(f"{str(path)!r}, a PNG of 16 bits in colour or with alpha,", "codecs") from None
    return imagecodecs


def read_deep(path: Path) -> np.ndarray:
    """The pixels of a PNG of 16 bits in colour or with alpha: uint16, H×W×2, H×W×3 or H×W×4.

    Raises:
        ValueError: It is damaged. MissingExtraError: No imagecodecs.
    """
    codecs = codecs_for(path)
    try:
        return codecs.png_decode(path.read_bytes())
    except (codecs.PngError, RuntimeError) as error:
        raise ValueError(error) from error


def write_deep(path: Path, array: np.ndarray, options: dict[str, Any]) -> None:
    """Write such a PNG: the pixels by imagecodecs, the chunks beside them as Pillow writes them by ``options``."""
    encoded = codecs_for(path).png_encode(np.ascontiguousarray(array), level=LEVEL, strategy=strategy(array))
    stub = io.BytesIO()
    Image.new("RGB" if array.shape[2] > 2 else "L", (1, 1)).save(stub, "PNG", **options)
    beside = [chunk for kind, chunk in _chunks(stub.getvalue()) if kind not in (b"IHDR", b"IDAT", b"IEND")]
    start = 8 + 25  # the signature, and IHDR
    path.write_bytes(encoded[:start] + b"".join(beside) + encoded[start:])


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk of a PNG: its name, and the whole of it."""
    place = 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big") + 12
        yield png[place + 4 : place + 8], png[place : place + length]
        place += length
