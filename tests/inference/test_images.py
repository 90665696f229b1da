from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skimage import data

from zoo.errors import InputError
from zoo.inference import images
from zoo.inference.images import check_image, from_tensor, to_color, to_gray, to_tensor
from zoo.scale import doubt

SHAPES = {(5, 7): 1, (5, 7, 1): 1, (5, 7, 2): 1, (5, 7, 3): 3, (5, 7, 4): 3, (1, 1): 1, (1, 1, 4): 3}
WHITE = {"uint8": 255, "uint16": 65535}


def random_image(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype in WHITE:
        return rng.integers(0, WHITE[dtype], shape, dtype=dtype, endpoint=True)
    return rng.normal(0.5, 1, shape).astype(dtype)


# ---- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64", ">u2", ">f4"])
@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(shape: tuple[int, ...], dtype: str) -> None:
    """A model that changes nothing gives back what it was given, bit by bit (float64 to the precision of float32)."""
    channels = SHAPES[shape]
    image = random_image(shape, np.dtype(dtype).name).astype(dtype)
    before = image.copy()
    tensor, form = to_tensor(image, channels)
    assert tensor.shape == (1, *shape[:2], channels) and tensor.dtype == np.float32 and tensor.flags.c_contiguous
    colors = image.reshape(*shape[:2], -1)[..., :channels]
    np.testing.assert_allclose(
        tensor[0], colors.astype(np.float64) / WHITE.get(np.dtype(dtype).name, 1), rtol=1e-6, atol=0
    )
    back = from_tensor(tensor, form)
    assert back.dtype == image.dtype and back.shape == image.shape
    np.testing.assert_allclose(back, image, rtol=1e-7 if dtype == "float64" else 0, atol=0)
    np.testing.assert_array_equal(image, before)


def test_noise_beyond_the_range_is_neither_clipped_nor_refused() -> None:
    image = np.array([[-1.5, 0.0], [1.0, 3.25]], np.float32)
    check_image(image, 1)
    tensor, form = to_tensor(image, 1)
    np.testing.assert_array_equal(tensor[0, ..., 0], image)
    np.testing.assert_array_equal(from_tensor(tensor * 2, form), image * 2)
    # One photon at a peak of 0.01 counts for 100, and still is noise around [0, 1].
    sparse = np.zeros((20, 20), np.float32)
    sparse[3, 4] = 100
    check_image(sparse, 1)


def test_rounding_and_clipping() -> None:
    tensor = np.array([-0.2, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 1.3], np.float32).reshape(1, 2, 3, 1)
    _, form = to_tensor(np.zeros((2, 3), np.uint8), 1)
    before = tensor.copy()
    np.testing.assert_array_equal(from_tensor(tensor, form), [[0, 0, 1], [254, 255, 255]])
    np.testing.assert_array_equal(tensor, before)
    _, form = to_tensor(np.zeros((2, 3), np.uint16), 1)
    np.testing.assert_array_equal(from_tensor(tensor, form)[[0, 1], [0, 2]], [0, 65535])


@pytest.mark.parametrize("shape", [(6, 4, 2), (6, 4, 4)])
def test_alpha_is_untouched(shape: tuple[int, ...]) -> None:
    image = random_image(shape, "uint16")
    tensor, form = to_tensor(image, 1 if shape[2] == 2 else 3)
    back = from_tensor(1 - tensor, form)
    np.testing.assert_array_equal(back[..., -1], image[..., -1])
    np.testing.assert_array_equal(back[..., :-1], 65535 - image[..., :-1])


def test_any_layout_in_memory() -> None:
    image = random_image((9, 8, 4), "uint8")
    for view in (image[::-1, ::2], np.asfortranarray(image), image.transpose(1, 0, 2)):
        view = view.view()
        view.flags.writeable = False
        np.testing.assert_array_equal(from_tensor(*to_tensor(view, 3)), view)


@pytest.mark.parametrize(
    ("image", "channels", "message"),
    [
        ([[0.5]], 1, "expected a numpy array"),
        ("photo.png", 1, "expected a numpy array"),
        (np.zeros((4, 4), bool), 1, "type bool"),
        (np.zeros((4, 4), np.int32), 1, "type int32"),
        (np.zeros((4, 4), np.complex64), 1, "type complex64"),
        (np.zeros((3, 16, 16), np.uint8), 3, "channels last"),
        (np.zeros((1, 16, 16, 3), np.uint8), 3, r"shape \(1, 16, 16, 3\)"),
        (np.zeros(16, np.uint8), 1, r"shape \(16,\)"),
        (np.zeros((0, 16), np.uint8), 1, "no pixels"),
        (np.zeros((16, 0, 3), np.float32), 3, "no pixels"),
        (np.array([[0.5, np.nan]]), 1, "NaN"),
        (np.array([[0.5, np.inf]]), 1, "NaN or infinite"),
        (np.array([[0.5, -np.inf]], np.float16), 1, "NaN or infinite"),
        (np.array([[0.5, 1e300]]), 1, "NaN or infinite"),
        (np.array([[0.5, -2e30]], np.float32), 1, "NaN or infinite"),
        (np.full((4, 4, 4), [0.5, 0.5, 0.5, np.nan]), 3, "NaN"),
        (np.zeros((4, 4, 3), np.uint8), 1, "colour image .* takes 1 channel;"),
        (np.zeros((4, 4, 4), np.uint8), 1, "colour image"),
        (np.zeros((4, 4), np.uint8), 3, "gray image .* takes 3 channels;"),
        (np.zeros((4, 4, 2), np.uint8), 3, "gray image"),
        (data.camera().astype(np.float32), 1, r"around \[0, 1\]: if white is another number, say which"),
        (np.full((9, 9), -500.0), 1, r"mean of -500; .*: subtract its black"),
    ],
)
def test_wrong_arrays(image: Any, channels: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_image(image, channels)
    assert "\n" not in str(caught.value)


def test_a_white_that_the_type_cannot_hold_is_refused() -> None:
    with pytest.raises(InputError, match="white=4095 for an image of uint8, whose largest number is 255"):
        check_image(np.zeros((4, 4), np.uint8), 1, 4095)
    check_image(np.zeros((4, 4), np.uint16), 1, 4095)


@pytest.mark.parametrize(
    ("image", "white", "words"),
    [
        (np.full((9, 9, 2), (900, 65535), np.uint16), None, "hardly anything above 1023, where white is 65535"),
        (np.full((9, 9, 4), (900, 900, 900, 65535), np.uint16), None, "hardly anything above 1023"),
        (np.stack([np.zeros((9, 9, 1)), np.full((9, 9, 1), 900)]).astype(np.uint16), None, "hardly anything above"),
        (np.full((9, 9), 0.9), 4095, "hardly anything above 1, where white is 4095"),
        (np.full((9, 9), 60000, np.uint16), 4095, "values above 10000, where white is 4095"),
        (np.full((9, 9), 90, np.uint16), 4095, ""),
        (np.full((9, 9), 3, np.uint8), 200, ""),
    ],
)
def test_scales_that_are_doubted(image: np.ndarray, white: float | None, words: str) -> None:
    """Neither alpha nor a dark first picture hides them; who has said what white is, is doubted less."""
    found = doubt(image, white)
    assert found.startswith(words) and bool(found) == bool(words)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_gray_is_the_luma(dtype: str) -> None:
    image = random_image((6, 5, 4), dtype)
    gray = to_gray(image)
    wanted = image[..., 0] * 0.299 + image[..., 1] * 0.587 + image[..., 2] * 0.114
    assert gray.shape == (6, 5, 2) and gray.dtype == image.dtype
    np.testing.assert_allclose(gray[..., 0], wanted, rtol=1e-6, atol=0.5 if dtype in WHITE else 1e-6)
    np.testing.assert_array_equal(gray[..., 1], image[..., 3])
    assert to_gray(image[..., :3]).shape == (6, 5)
    # White stays white, and gray stays what it is.
    np.testing.assert_array_equal(to_gray(np.full((2, 2, 3), 255, np.uint8)), 255)
    assert to_gray(gray) is gray


def test_color_is_three_times_gray() -> None:
    image = random_image((6, 5, 2), "uint16")
    color = to_color(image)
    np.testing.assert_array_equal(color, image[..., [0, 0, 0, 1]])
    np.testing.assert_array_equal(to_color(image[..., :1]), image[..., [0, 0, 0]])
    np.testing.assert_array_equal(to_color(image[..., 0]), image[..., [0, 0, 0]])
    np.testing.assert_array_equal(to_gray(color), image)
    assert to_color(color) is color


@pytest.mark.parametrize("at", [(0, 0), (8, 3), (9, 6)])
def test_no_strip_of_a_large_image_is_left_out(at: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "STRIP_PIXELS", 14)  # two rows
    image = random_image((10, 7), "float32")
    check_image(image, 1)
    image[at] = np.nan
    with pytest.raises(InputError, match="NaN"):
        check_image(image, 1)
    image[at] = 17 * 70
    with pytest.raises(InputError, match="mean of 17"):
        check_image(image, 1)


def test_a_batch_is_the_images_side_by_side() -> None:
    batch = random_image((3, 5, 7, 4), "uint8")
    tensor, form = to_tensor(batch, 3)
    assert tensor.shape == (3, 5, 7, 3)
    for i in range(3):
        np.testing.assert_array_equal(tensor[i : i + 1], to_tensor(batch[i], 3)[0])
    back = from_tensor(1 - tensor, form)
    np.testing.assert_array_equal(back[..., :3], 255 - batch[..., :3])
    np.testing.assert_array_equal(back[..., 3], batch[..., 3])
