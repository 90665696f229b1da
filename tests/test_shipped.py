"""Every shipped entry: it loads on both runtimes and they agree, its facts are true, and it denoises."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

import zoo
from export import check_parity
from export.card import card
from zoo.noise import Gaussian, noise_from_name

NAMES = zoo.list_pretrained()
SIZES = ((1, 1, 1), (3, 7, 5), (1, 64, 64), (1, 257, 129))


def photograph(channels: int) -> np.ndarray:
    image = data.camera()[..., None] if channels == 1 else data.astronaut()
    return image.astype(np.float32) / 255


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(np.square(np.clip(image, 0, 1) - clean))))


def test_something_is_shipped_and_it_is_small_enough():
    assert {"resnet-gaussian-gray", "resnet-gaussian-color"} <= set(NAMES)
    size = sum(file.stat().st_size for name in NAMES for file in zoo.describe(name).folder.iterdir())
    assert size <= 35e6


@pytest.mark.parametrize("sizes", [SIZES, pytest.param(((1, 512, 512),), marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_keras_and_onnx_runtime_agree(name, sizes):
    parity = check_parity(zoo.load_keras(name), zoo.describe(name).file("model.onnx"), sizes=sizes)
    assert parity.max_abs <= 1e-5
    # A model that does nothing would agree easily; one for pixels that are lost hardly touches Gaussian noise.
    assert parity.change_rms > (0.01 if zoo.describe(name).noise.startswith(("gaussian", "poisson")) else 1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_what_is_written_of_it_today(name):
    entry = zoo.describe(name)
    assert (entry.folder / "card.md").read_text(encoding="utf-8") == card(entry)


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_are_those_of_the_model(name):
    entry, model = zoo.describe(name), zoo.load_keras(name)
    accounting = zoo.accounting(model)
    assert entry.num_params == model.count_params()
    assert entry.macs_per_pixel == pytest.approx(accounting.macs_per_pixel)
    assert (entry.halo, entry.multiple_of) == (accounting.halo, accounting.multiple_of)
    assert entry.layers == accounting.rows_json()
    # What tiles cost, by the work that the sizes may do: tiny, everyday, large.
    tiles = {8_000: 32, 55_000: 64, 250_000: 96}
    assert entry.halo <= tiles[min(most for most in tiles if entry.macs_per_pixel <= most)]
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


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_over_all_orientations_is_better(name):
    """In the mean over some pictures: what is guessed of a lost block may by chance be right in one orientation."""
    denoise, gains = zoo.load(name), []
    noise = noise_from_name(denoise.entry.noise).middle()
    sigma = noise.sigma if isinstance(noise, Gaussian) and denoise.entry.takes_sigma else None
    for i, (top, left) in enumerate([(100, 60), (10, 200), (250, 250), (30, 30), (200, 100), (150, 300)]):
        clean = photograph(denoise.channels)[top : top + 121, left : left + 130]
        noisy = noise.sample(clean, np.random.default_rng(i))
        several = denoise(noisy, sigma=sigma, ensemble=8)
        gains.append(psnr(several, clean) - psnr(denoise(noisy, sigma=sigma), clean))
    assert np.mean(gains) > 0.04, gains


@pytest.mark.parametrize("name", [n for n in NAMES if "jpeg" in zoo.describe(n).noise])
@pytest.mark.parametrize(("factor", "at"), [(1, (1, 1)), (1, (3, 5)), (0.8, (0, 0)), (1.25, (0, 0))])
def test_jpeg_is_known_in_pictures_that_were_cropped_or_resized_since(name, factor, at):
    """One that had learned from JPEG as files have it, its blocks from the first row and column on, left what noise is
    in blocks elsewhere as it was: half a decibel was gained where 3.5 are in a file as it is.
    """
    denoise, noise, gains = zoo.load(name), noise_from_name("bayer:20,10+jpeg:85"), []
    for i, (top, left) in enumerate([(100, 60), (10, 200), (250, 200)]):
        clean = photograph(denoise.channels)[top : top + 240, left : left + 240]
        noisy = noise.sample(clean, np.random.default_rng(i))
        # Resized by whole numbers of 8 bits, as a viewer does it.
        clean, noisy = (resized(picture, factor)[at[0] :, at[1] :] for picture in (clean, noisy))
        gains.append(psnr(denoise(noisy), clean) - psnr(noisy, clean))
    assert np.mean(gains) > 2.5, gains


def resized(picture, factor):
    height, width = (round(side * factor) for side in picture.shape[:2])
    image = Image.fromarray(np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)) / np.float32(255)


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("resnet")])
def test_the_end_of_a_picture_is_denoised_too(name):
    """Its last rows and columns come out nearly as well as with the picture going on, be its sides multiples of the
    network's or some pixels beyond, where the network pads.

    Padded with copies of the last row, the gray Gaussian and Poisson entries and those for salt and pepper had two to
    six times the error there. Those that had learned from patches of 125 pixels alone had two to four times the error
    where nothing is padded.
    """
    denoise = zoo.load(name)
    clean = photograph(denoise.channels)[100:356, 60:260]
    rng = np.random.default_rng(0)
    noise = noise_from_name(denoise.entry.noise).middle()
    options = {"sigma": noise.sigma} if isinstance(noise, Gaussian) and denoise.entry.takes_sigma else {}
    multiple = denoise.entry.multiple_of
    errors = np.zeros((multiple, 2))  # for each remainder: with the picture going on, and without
    for _ in range(3):
        noisy = noise.sample(clean, rng)
        whole = denoise(noisy, **options)
        for beyond in range(multiple):
            height, width = (side - multiple + beyond for side in clean.shape[:2])
            part = denoise(noisy[:height, :width], **options)
            for i, found in enumerate((whole[:height, :width], part)):
                wrong = np.square(np.clip(found, 0, 1) - clean[:height, :width])
                errors[beyond, i] += wrong[-2:].sum() + wrong[:-2, -2:].sum()
    # What is lost at the very end has neighbours on one side only.
    most = 2 if {"saltpepper", "blocks"} & set(noise.kinds) else 1.7
    assert (errors[:, 1] <= most * errors[:, 0]).all()


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("resnet-gaussian")])
def test_a_clean_picture_is_left_alone(name):
    denoise = zoo.load(name)
    clean = photograph(denoise.channels)
    assert psnr(denoise(clean, sigma=0 if denoise.entry.takes_sigma else None), clean) >= 40


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("resnet")])
def test_the_brightness_stays(name):
    """Of JPEG by itself, too: that of training once was darker than files are, and a network learned to brighten."""
    denoise = zoo.load(name)
    noise = noise_from_name(denoise.entry.noise)
    noises = [
        noise.middle(),
        *([noise_from_name("jpeg:75"), noise_from_name("jpeg:95")] if "jpeg" in noise.kinds else []),
        *([noise_from_name("bayer:20,12.5+gaussian:15+jpeg:80")] if "bayer" in noise.kinds else []),
    ]
    clean = photograph(denoise.channels)[:256, :256]
    for kind in noises:
        noisy = kind.sample(clean, np.random.default_rng(0))
        output = denoise(noisy, **({"sigma": 25} if denoise.entry.takes_sigma else {}))
        # Developed noise makes a picture lighter or darker by itself: it is cut at black, and the curve of sRGB bends.
        off = abs(np.mean(noisy - clean)) if "raw" in kind.kinds else 0
        assert abs(np.mean(np.clip(output, 0, 1) - clean)) < 0.5 / 255 + off


@pytest.mark.parametrize("name", [*zoo.list_pretrained(noise="saltpepper"), *zoo.list_pretrained(noise="blocks")])
def test_print_is_not_taken_for_noise(name):
    """Black strokes on white, a pixel thin and thicker, of which photographs have none."""
    denoise = zoo.load(name)
    image = Image.new("L", (360, 160), "white")
    draw, top = ImageDraw.Draw(image), 4
    for size in (12, 16, 24, 36):
        draw.text((4, top), "Grumpy wizards make a toxic brew", fill="black", font=ImageFont.load_default(size))
        top += round(1.4 * size)
    clean = np.repeat(np.asarray(image, np.float32)[..., None] / 255, denoise.channels, axis=-1)
    assert psnr(denoise(clean), clean) >= 30
    noisy = noise_from_name(f"{denoise.entry.noise.partition(':')[0]}:3").sample(clean, np.random.default_rng(0))
    assert psnr(denoise(noisy), clean) >= psnr(noisy, clean) + 6


@pytest.mark.parametrize("name", [*zoo.list_pretrained(noise="saltpepper"), *zoo.list_pretrained(noise="blocks")])
def test_what_is_neither_black_nor_white_is_left_alone(name):
    denoise = zoo.load(name)
    clean = photograph(denoise.channels)[100:357, 60:259]
    noise = noise_from_name(denoise.entry.noise).middle()
    noisy = np.rint(255 * noise.sample(clean, np.random.default_rng(0))).astype(np.uint8)
    answer, kept = denoise(noisy), (noisy >= 5) & (noisy <= 250)
    np.testing.assert_array_equal(answer[kept], noisy[kept])
    assert np.mean(answer[~kept] != noisy[~kept]) > 0.5


@pytest.mark.parametrize("name", zoo.list_pretrained(noise="gaussian:0-55"))
def test_no_cliff_between_and_beyond_the_levels_it_was_trained_on(name):
    """The PSNR at 35 lies near the line through its neighbours over log sigma; 5 and 60 near their continuation."""
    denoise = zoo.load(name)
    clean = photograph(denoise.channels)[100:356, 60:316]

    def at(level: float) -> float:
        noisy = Gaussian(level).sample(clean, np.random.default_rng(0))
        return psnr(denoise(noisy, sigma=level if denoise.entry.takes_sigma else None), clean)

    def on_the_line(level: float, first: float, second: float) -> float:
        share = np.log(level / first) / np.log(second / first)
        return at(first) + share * (at(second) - at(first))

    assert at(35) > on_the_line(35, 25, 50) - 0.15
    assert at(60) > on_the_line(60, 40, 50) - 0.25
    # Weak noise: as a line from above, or (bottlenecked networks) no worse than what the network can keep.
    assert at(5) > min(on_the_line(5, 10, 20), at(0.01)) - 1.0
