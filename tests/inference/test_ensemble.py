from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zoo.errors import UsageError
from zoo.inference.denoiser import Denoiser
from zoo.inference.ensemble import SIZES, margin, run_ensemble
from zoo.inference.tiling import Tile, run_tiled
from zoo.pretrained import Pretrained

Toy = Callable[..., Pretrained]


def symmetries(image: np.ndarray) -> list[tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]]:
    """The image in all orientations, each with its way back, by numpy's names for them."""
    flips: list[Callable[[np.ndarray], np.ndarray]] = [np.asarray, np.flipud, np.fliplr, lambda x: x[::-1, ::-1]]
    upright = [(flip(image), flip) for flip in flips]
    transposed = [(flip(image).swapaxes(0, 1), lambda x, flip=flip: flip(x.swapaxes(0, 1))) for flip in flips]
    return upright + transposed


@pytest.mark.parametrize("size", [(24, 36), (23, 37), (30, 5), (2, 3)])
def test_eight_is_the_mean_over_all_orientations(toy: Toy, size: tuple[int, int]) -> None:
    """Each padded at its own end, as the network itself does it."""
    denoise = Denoiser(toy(channels=3), threads=1)
    image = np.random.default_rng(1).normal(0.5, 0.4, (*size, 3)).astype(np.float32)
    before = image.copy()
    wanted = np.mean([back(denoise(np.ascontiguousarray(turned))) for turned, back in symmetries(image)], axis=0)
    found = denoise(image, ensemble=8)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert np.abs(found - denoise(image)).max() > 0.01 and found.dtype == np.float32
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(("size", "turned_by"), [(2, [2]), (4, [1, 2, 3]), (8, [1, 2, 3])])
def test_a_turned_picture_gives_the_turned_result(toy: Toy, size: int, turned_by: list[int]) -> None:
    denoise = Denoiser(toy(), threads=1)
    image = np.random.default_rng(2).random((21, 30), np.float32)
    upright = denoise(image, ensemble=size)
    for turns in turned_by:
        turned = np.rot90(image, turns)
        np.testing.assert_allclose(denoise(turned, ensemble=size), np.rot90(upright, turns), atol=1e-6)
        assert np.abs(denoise(turned) - np.rot90(denoise(image), turns)).max() > 0.01
    if size == 8:
        np.testing.assert_allclose(denoise(image[:, ::-1], ensemble=8), upright[:, ::-1], atol=1e-6)


@pytest.mark.parametrize("size", [2, 4, 8])
@pytest.mark.parametrize(("height", "width"), [(45, 67), (40, 66), (63, 64), (5, 80), (90, 3), (1, 1)])
def test_tiled_equals_whole(toy: Toy, size: int, height: int, width: int) -> None:
    denoise = Denoiser(toy(channels=3, takes_sigma=True), threads=1)
    image = np.random.default_rng(3).random((height, width, 3))
    whole = denoise(image, sigma=25, ensemble=size, tile=None)
    for tile in (8, 20):
        np.testing.assert_allclose(denoise(image, sigma=25, ensemble=size, tile=tile), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_what_is_left_out_at_the_ends_of_a_tile_is_none_of_its_halo(size: int) -> None:
    """A model that looks 8 pixels far, and to no grid, but tiles are cut as if it had one of 4."""
    image, halo, multiple_of = np.random.default_rng(8).random((45, 51, 1), np.float32), 8, 4

    def far(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((halo, halo), (halo, halo), (0, 0)))
        height, width = x.shape[:2]
        return padded[:height, halo : halo + width] + 2 * padded[halo : halo + height, 2 * halo :]

    def model(window: np.ndarray, tile: Tile | None) -> np.ndarray:
        return run_ensemble(far, window, size=size, tile=tile, multiple_of=multiple_of)

    tiled, reach = np.empty_like(image), halo + margin(size, multiple_of)
    run_tiled(model, image, tiled, tile=8, halo=reach, multiple_of=multiple_of)
    np.testing.assert_allclose(tiled, run_ensemble(far, image, size=size), atol=1e-6)


def test_of_a_batch_and_of_whole_numbers(toy: Toy) -> None:
    denoise = Denoiser(toy(channels=3), threads=1)
    batch = np.random.default_rng(5).integers(0, 256, (3, 17, 22, 4), np.uint8)
    found = denoise(batch, ensemble=4, strength=0.5)
    assert found.shape == batch.shape and found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., 3], batch[..., 3])
    for single, result in zip(batch, found, strict=True):
        np.testing.assert_allclose(result.astype(int), denoise(single, ensemble=4, strength=0.5), atol=1)
    (streamed,) = denoise.stream(iter([batch[0]]), ensemble=4, strength=0.5)
    np.testing.assert_array_equal(streamed, denoise(batch[0], ensemble=4, strength=0.5))
    assert (streamed != denoise(batch[0], strength=0.5)).any()


def test_each_of_a_batch_by_its_own_level(toy: Toy) -> None:
    denoise = Denoiser(toy(takes_sigma=True), threads=1)
    rng = np.random.default_rng(6)
    batch = np.stack([0.5 + level * rng.normal(size=(64, 64, 1)) for level in (0.02, 0.2)])
    found = denoise(batch, sigma="auto", ensemble=2)
    for single, result in zip(batch, found, strict=True):
        np.testing.assert_array_equal(result, denoise(single, sigma="auto", ensemble=2))
        assert np.abs(result - denoise(single, sigma="auto")).max() > 1e-3


def test_one_is_the_image_as_it_is(toy: Toy) -> None:
    denoise, image = Denoiser(toy(), threads=1), np.random.default_rng(7).random((21, 30), np.float32)
    np.testing.assert_array_equal(denoise(image, ensemble=1), denoise(image))
    np.testing.assert_array_equal(denoise(image, ensemble=np.int64(8)), denoise(image, ensemble=8))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("size", [0, 3, 16, -1, 2.0, "8", True, None, [8]])
def test_sizes_that_are_none(toy: Toy, size: Any) -> None:
    with pytest.raises(UsageError, match=r"ensemble=.*; expected 1 .*, 2, 4 or 8"):
        Denoiser(toy(), threads=1)(np.zeros((8, 8)), ensemble=size)
    assert SIZES == (1, 2, 4, 8)
