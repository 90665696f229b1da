"""Which number is white in an image, how numbers on another scale than that are told, and how gray a colour is."""

from __future__ import annotations

import math
import numbers

import numpy as np

from zoo.errors import UsageError

WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}
LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue: ITU-R BT.601
# Beyond, float32 overflows within a model, and what comes out is no number.
LARGEST = 1e30
# An image is doubted where all but one in a thousand of its values, of some that are looked at, stay below a sixteenth
# of white (numbers of 12 bits in 16), or where more reach four times white. A hot pixel says nothing. Where somebody
# has said what white is, far less is needed to doubt it: floats in [0, 1], say, with a white of 255 or more.
NEARLY_ALL, LOOKED_AT, FRAMES, FAINT, FAINT_EVEN_SO, BRIGHT = 0.999, 2**16, 16, 1 / 16, 1 / 200, 4
SAY_WHICH = "if white is another number, say which (--white, or white= in Python)"


def white_of(dtype: np.dtype) -> int | None:
    """The number that is white, in any byte order; None for types other than uint8 and uint16."""
    return WHITE.get(dtype.newbyteorder("="))


def check_white(white: float | None) -> None:
    """Refuse what cannot be the number that is white. Raises UsageError."""
    number = isinstance(white, numbers.Real) and not isinstance(white, bool)
    if white is not None and not (number and 1 / LARGEST <= white <= LARGEST):
        raise UsageError(f"white={white!r}; expected a number above 0, such as 4095, or None for that of the type")


def doubt(array: np.ndarray, white: float | None = None, *, mend: str = SAY_WHICH) -> str:
    """What to say of an image whose numbers look to be on another scale than their type's, or than one where ``white``
    is white, and how to ``mend`` it; empty if they do not.

    So are 12 bits in 16, and counts of photons as floats. An image of 8 bits is never doubted: in the dark, it is one.
    Alpha is not looked at.
    """
    faint = FAINT if white is None else FAINT_EVEN_SO
    white = white or white_of(array.dtype) or 1
    if white == 255 and array.dtype == np.uint8:
        return ""
    images = array if array.ndim == 4 else array[np.newaxis]
    if images.ndim == 4 and images.shape[-1] in (2, 4):
        images = images[..., :-1]
    every, pixels = math.ceil(len(images) / FRAMES), images.shape[1] * images.shape[2]
    step = math.ceil(math.sqrt(pixels * math.ceil(len(images) / every) / LOOKED_AT))
    some = np.asarray(images[::every, ::step, ::step])
    high = float(np.quantile(some, NEARLY_ALL, method="higher"))
    # Rounded up, so that the pages of one file have one thing said of them.
    if 0 < high < faint * white:
        tens = float(f"1e{math.ceil(math.log10(high))}")
        reached = tens if array.dtype.kind == "f" else 2 ** max(8, int(high).bit_length()) - 1
        found = f"hardly anything above {reached:g}"
    elif high > BRIGHT * white:
        found = f"values above {10 ** math.floor(math.log10(high)):g}"
    else:
        return ""
    return f"{found}, where white is {white:g}: {mend}"
