"""Images as arrays: what people have ↔ what a model takes.

The one place that knows of uint8, uint16 and floats, and of alpha. An array is H×W or H×W×1 (gray), H×W×2 (gray and
alpha), H×W×3 (colour) or H×W×4 (colour and alpha); a model takes float32 (1, H, W, C), around [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zoo.errors import InputError
from zoo.scale import LARGEST, LUMA, SAY_WHICH, white_of

COLOR_NAMES = {1: "gray", 3: "colour"}
# Noise keeps the mean of an image about where it was, so no noisy picture on the [0, 1] scale comes near to this one,
# and hardly a photograph on the 0–255 scale stays below.
HIGHEST_MEAN = 16
STRIP_PIXELS = 4_000_000
SHAPES = (
    "expected (H, W), or (H, W, C) with 1, 2 (gray, alpha), 3 or 4 (RGB, alpha) channels last, or a batch (N, H, W, C)"
)


@dataclass(frozen=True, eq=False)
class ImageForm:
    """What a tensor does not say of the image that it was made from."""

    dtype: np.dtype
    shape: tuple[int, ...]
    alpha: np.ndarray | None
    white: float


def _mend(array: np.ndarray) -> str:
    """What to do about channels that stand where PyTorch has them, or gray images in a stack."""
    mends, where = [], array.ndim - 3
    if where in (0, 1) and array.shape[where] in (1, 3, 4):
        mends.append("channels that come first by numpy.moveaxis(image, -3, -1)")
    if array.ndim == 3:
        mends.append("gray images in a stack by image[..., numpy.newaxis]")
    return f": {', '.join(mends)}" if mends else ""


def check_batch(array: np.ndarray) -> None:
    """Refuse a batch without images, or that is none of H×W×C. Raises InputError."""
    if not len(array):
        raise InputError(f"batch of shape {array.shape} has no images; expected at least one")
    if array.shape[3] not in (1, 2, 3, 4):
        raise InputError(f"batch of shape {array.shape}; {SHAPES}{_mend(array)}")


def channels_of(array: np.ndarray) -> int:
    """1 for a gray image (H×W, H×W×1, H×W×2), 3 for a colour image (H×W×3, H×W×4).

    Raises:
        InputError: Not a numpy array, or of no such shape, or without pixels.
    """
    if not isinstance(array, np.ndarray):
        raise InputError(f"image of type {type(array).__name__}; expected a numpy array: numpy.asarray(image)")
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(
            "masked image, whose masked pixels no model can leave out; expected all: fill them (.filled())"
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise InputError(f"image of shape {array.shape}; {SHAPES}{_mend(array)}")
    if array.size == 0:
        raise InputError(f"image of shape {array.shape} has no pixels; expected at least 1×1")
    return 3 if array.ndim == 3 and array.shape[2] > 2 else 1


def check_image(array: np.ndarray, channels: int, white: float | None = None) -> None:
    """Refuse what a model with ``channels`` (1 or 3) cannot take. An array on disk (a memory map) is never read whole.

    Args:
        array: uint8 or uint16 (black is 0, white the largest number), or float around [0, 1]. Finite values outside,
            as noise makes them, are legal; a float image whose mean is beyond 16 is on another scale (0–255, say) and
            refused, since the model would return garbage without a word.
        white: The number that is white, if it is another.

    Raises:
        InputError: NaN, infinity (or beyond ±1e30), another type or shape, no pixels, or gray for colour or the other
            way round.
    """
    found = channels_of(array)
    if white_of(array.dtype) is None and array.dtype.kind != "f":
        raise InputError(
            f"image of type {array.dtype}; expected uint8, uint16, or float around [0, 1]: "
            "image.astype(numpy.float32), and white= says which number is white"
        )
    if found != channels:
        raise InputError(
            f"{COLOR_NAMES[found]} image of shape {array.shape} for a model that takes {channels} channel"
            f"{'s' if channels > 1 else ''}; take an entry for {COLOR_NAMES[found]} (zoo list), or convert the image"
        )
    if (largest := white_of(array.dtype)) is not None and (white or 0) > largest:
        raise InputError(f"white={white:g} for an image of {array.dtype}, whose largest number is {largest}")
    if array.dtype.kind == "f":
        _check_floats(array, channels, white or 1)


def _check_floats(array: np.ndarray, channels: int, white: float) -> None:
    total = 0.0
    for strip in strips(array):
        low, high = float(strip.min()), float(strip.max())  # which show NaN as well as infinity
        if not (low >= -LARGEST and high <= LARGEST):
            raise InputError("image with NaN or infinite values; expected finite ones: replace them (numpy.nan_to_num)")
        colors = strip[..., :channels] if strip.ndim == 3 else strip
        total += float(colors.sum(dtype=np.float64))
    mean = total / (array.shape[0] * array.shape[1] * channels)
    if abs(mean) > HIGHEST_MEAN * white:
        how = SAY_WHICH if mean > 0 else "subtract its black"
        raise InputError(f"float image with a mean of {mean:.4g}; expected values around [0, {white:g}]: {how}")


def is_gray_in_color(array: np.ndarray) -> bool:
    """Whether a colour image has three equal channels, as monochrome pictures are often stored."""
    return channels_of(array) == 3 and all(
        np.array_equal(strip[..., 0], strip[..., i]) for strip in strips(array) for i in (1, 2)
    )


def strips(array: np.ndarray) -> Iterator[np.ndarray]:
    """The rows of an image, some megapixels at a time."""
    step = max(1, STRIP_PIXELS // array.shape[1])
    for row in range(0, array.shape[0], step):
        yield array[row : row + step]


def to_tensor(array: np.ndarray, channels: int, white: float | None = None) -> tuple[np.ndarray, ImageForm]:
    """An image, or a window of one, or a batch (n, H, W, C), as a model with ``channels`` takes it.

    Args:
        array: What :func:`check_image` lets pass. Not changed.
        channels: 1 or 3.
        white: The number that is white; by default the largest of the type, or 1 for floats.

    Returns:
        float32 array (n, H, W, channels), n = 1 for an image, without alpha; and the form for :func:`from_tensor`.
    """
    pixels = array[..., np.newaxis] if array.ndim == 2 else array
    alpha = pixels[..., channels:] if pixels.shape[-1] > channels else None
    pixels = pixels[..., :channels]
    white = float(white or white_of(array.dtype) or 1)
    tensor = pixels.astype(np.float32) if white == 1 else np.divide(pixels, np.float32(white), dtype=np.float32)
    tensor = np.ascontiguousarray(tensor).reshape(-1, *tensor.shape[-3:])
    return tensor, ImageForm(array.dtype, array.shape, alpha, white)


def from_tensor(tensor: np.ndarray, form: ImageForm) -> np.ndarray:
    """A model's output (n, H, W, C) as an array of the dtype and shape that ``form`` keeps.

    uint8 and uint16 are rounded and clipped, floats are neither; alpha is what it was.
    """
    pixels = tensor.reshape(*form.shape[:-1], tensor.shape[-1]) if len(form.shape) == 4 else tensor[0]
    if form.white != 1:
        pixels = pixels * np.float32(form.white)
    if (largest := white_of(form.dtype)) is not None:
        pixels = np.clip(np.rint(pixels), 0, largest)
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
    if planes.shape[2] == 1:
        return np.broadcast_to(planes, (*array.shape[:2], 3))  # which takes no memory
    return planes[..., [0, 0, 0, *range(1, planes.shape[2])]]
