from __future__ import annotations

import numpy as np
import pytest
from skimage import data
from skimage.restoration import estimate_sigma

from zoo.inference.noise_level import _FLAT, _by_wavelets, _textures, noise_level

PHOTOGRAPHS = {"camera": data.camera(), "astronaut": data.astronaut(), "brick": data.brick(), "coins": data.coins()}


def with_noise(image: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    return (image / 255 + np.random.default_rng(seed).normal(0, sigma / 255, image.shape)).astype(np.float32)


@pytest.mark.parametrize("sigma", [1, 10, 60])
def test_pure_noise_is_measured_within_three_percent(sigma: float) -> None:
    for shape in ((400, 300), (400, 300, 3)):
        assert noise_level(with_noise(np.full(shape, 128), sigma)) == pytest.approx(sigma, rel=0.03)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(("sigma", "error"), [(5, 0.5), (15, 1), (25, 1), (50, 1), (75, 1)])
def test_photographs(name: str, sigma: float, error: float) -> None:
    image = PHOTOGRAPHS[name]
    found = noise_level(with_noise(image, sigma))
    assert abs(found - sigma) < error
    median = 255 * np.mean(estimate_sigma(with_noise(image, sigma), channel_axis=-1 if image.ndim == 3 else None))
    assert found < 1.01 * median + 0.5  # never much above what everybody uses, and below it on texture


def test_the_whole_image_estimate_is_that_of_the_library() -> None:
    """Donoho's, up to their subsampling."""
    image = with_noise(data.brick(), 10)
    assert _by_wavelets(255 * image) == pytest.approx(255 * estimate_sigma(image), rel=0.02)


def test_few_patches_of_pure_noise_count_as_textured() -> None:
    """One in 740, were the sum of squares exactly gamma distributed."""
    noise = np.random.default_rng(1).normal(0, 1, (2700, 2700))
    assert 0.0007 < (_textures(noise, step=6) > _FLAT).mean() < 0.003


def test_where_texture_is_everywhere_but_in_a_corner() -> None:
    """What the wavelets take for strong noise is told from noise of 3 by the sixteenth of the image that is flat."""
    image = np.random.default_rng(1).normal(128, 20, (256, 256))
    image[:64, :64] = 128
    noisy = with_noise(image, 3)
    assert _by_wavelets(255 * noisy) > 15
    assert noise_level(noisy) == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", ["white page", "black bars"])
def test_noise_that_black_and_white_have_cut(name: str, dtype: type) -> None:
    """About half of these pictures' pixels are exactly black or white, and have no noise to speak of."""
    page, camera = data.page(), data.camera()
    image = np.where(page > 150, 255, page // 2) if name == "white page" else np.pad(camera, ((300, 300), (0, 0)))
    noisy = np.clip(with_noise(image, 15), 0, 1)
    assert noise_level(noisy if dtype == np.float32 else np.rint(noisy * 255).astype(dtype)) == pytest.approx(15, 0.1)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize(("sigma", "error"), [(5, 0.5), (25, 1.5), (50, 2), (75, 9)])
def test_photographs_of_eight_bits(name: str, sigma: float, error: float) -> None:
    """Strong noise reaches black and white everywhere, and is cut there."""
    noisy = np.rint(255 * np.clip(with_noise(PHOTOGRAPHS[name], sigma), 0, 1)).astype(np.uint8)
    assert abs(noise_level(noisy) - sigma) < error


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64", "float16"])
def test_types_and_alpha(dtype: str) -> None:
    white = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    image = np.clip(with_noise(data.astronaut()[:200, :200] * 0.6 + 50, 20), 0, 1) * white
    image = (np.rint(image) if white > 1 else image).astype(dtype)
    wanted = noise_level(with_noise(data.astronaut()[:200, :200] * 0.6 + 50, 20))
    assert noise_level(image) == pytest.approx(wanted, rel=0.05)
    alpha = np.random.default_rng(0).integers(0, 2, (200, 200, 1)).astype(dtype) * white
    assert noise_level(np.concatenate([image, alpha.astype(dtype)], axis=2)) == noise_level(image)


def test_images_that_do_not_tell() -> None:
    for shape in ((1, 1), (7, 300), (3, 3, 3)):
        assert noise_level(np.zeros(shape, np.float32)) == 0
    assert noise_level(np.full((50, 60), 255, np.uint8)) == 0
    for shape in ((8, 8), (9, 400), (33, 35, 3)):
        assert np.isfinite(noise_level(with_noise(np.full(shape, 128), 20)))


@pytest.mark.parametrize("side", [24, 32, 48, 64])
def test_small_pictures(side: int) -> None:
    """Of few patches, the smallest eigenvalues would say too little noise."""
    for seed in range(20):
        assert 0.75 < noise_level(with_noise(np.full((side, side), 128), 25, seed)) / 25 < 1.25
        top, left = np.random.default_rng(seed).integers(0, 512 - side, 2)
        photograph = PHOTOGRAPHS["camera"][top : top + side, left : left + side]
        assert 0.75 < noise_level(with_noise(photograph, 25, seed)) / 25 < 1.4


def test_noise_in_a_few_rows_of_a_large_white_image() -> None:
    """Which fall between those that are looked at."""
    image = np.full((2000, 2000), 255, np.uint8)
    image[81:96] = with_noise(np.full((15, 2000), 128), 20)
    assert np.isfinite(noise_level(image))


def test_a_large_image_is_looked_at_in_part() -> None:
    image = with_noise(np.full((2500, 2600), 100), 12)
    assert noise_level(image) == pytest.approx(12, rel=0.03)
