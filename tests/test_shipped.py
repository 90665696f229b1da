"""Every shipped entry: it loads on both runtimes and they agree, its facts are true, and it denoises."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

import zoo
from export import check_parity
from zoo.noise import Gaussian, noise_from_name

NAMES = zoo.list_pretrained()
SIZES = ((1, 1, 1), (3, 7, 5), (1, 64, 64), (1, 257, 129), (1, 512, 512))


def photograph(channels: int) -> np.ndarray:
    image = data.camera()[..., None] if channels == 1 else data.astronaut()
    return image.astype(np.float32) / 255


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(np.square(np.clip(image, 0, 1) - clean))))


def test_something_is_shipped_and_it_is_small_enough():
    assert {"resnet-gaussian-gray", "resnet-gaussian-color"} <= set(NAMES)
    size = sum(file.stat().st_size for name in NAMES for file in zoo.describe(name).folder.iterdir())
    assert size <= 35e6


@pytest.mark.parametrize("name", NAMES)
def test_keras_and_onnx_runtime_agree(name):
    parity = check_parity(zoo.load_keras(name), zoo.describe(name).file("model.onnx"), sizes=SIZES)
    assert parity.max_abs <= 1e-5
    # A model that does nothing would agree easily; one for pixels that are lost hardly touches Gaussian noise.
    assert parity.change_rms > (0.01 if zoo.describe(name).noise.startswith(("gaussian", "poisson")) else 1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_are_those_of_the_model(name):
    entry, model = zoo.describe(name), zoo.load_keras(name)
    accounting = zoo.accounting(model)
    assert entry.num_params == model.count_params()
    assert entry.macs_per_pixel == pytest.approx(accounting.macs_per_pixel)
    assert (entry.halo, entry.multiple_of) == (accounting.halo, accounting.multiple_of)
    assert entry.layers == accounting.rows_json()
    assert entry.halo <= 64
    assert (entry.channels, entry.takes_sigma) == (model.inputs[0].shape[-1], len(model.inputs) > 1)


@pytest.mark.parametrize("name", NAMES)
def test_it_denoises_and_tiles_equal_the_whole(name):
    denoise = zoo.load(name)
    clean = photograph(denoise.channels)[100:357, 60:259]
    noise = noise_from_name(denoise.entry.noise).middle()
    noisy = noise.sample(clean, np.random.default_rng(0))
    sigma = noise.sigma if isinstance(noise, Gaussian) and denoise.entry.takes_sigma else None
    whole = denoise(noisy, sigma=sigma, tile=None)
    assert psnr(whole, clean) > psnr(noisy, clean) + 4
    np.testing.assert_allclose(denoise(noisy, sigma=sigma, tile=48), whole, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("resnet-gaussian")])
def test_a_clean_picture_is_left_alone(name):
    denoise = zoo.load(name)
    clean = photograph(denoise.channels)
    assert psnr(denoise(clean, sigma=0 if denoise.entry.takes_sigma else None), clean) >= 40
