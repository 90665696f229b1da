"""Opening with Pillow, without its own limit on the size of a picture (ours are checked by whoever opens), and what it
raises.
"""

from __future__ import annotations

import struct
import threading
from pathlib import Path
from typing import IO

from PIL import Image, ImageFile

# What Pillow's decoders and EXIF reader raise on damaged files, by accident or of purpose (found by damaging files).
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, struct.error, AttributeError)
DAMAGED += (OverflowError, MemoryError, AssertionError, NotImplementedError, ZeroDivisionError)

_opening = threading.Lock()


def open_with_pillow(file: Path | IO[bytes], formats: tuple[str, ...]) -> ImageFile.ImageFile:
    """The file with its header read. Pillow's limit is one for the whole process, and stays what it was."""
    with _opening:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = before
