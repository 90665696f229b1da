"""Each noise against theory, its two samplers against each other, and the grammar of its names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.errors import UsageError
from zoo.noise import KINDS, Gaussian, Noise, noise_from_name
from zoo.training.corrupt import corrupt

GRAY = 0.4  # value of the flat image on which moments are measured
COUNT = 64 * 256 * 256  # values per moment

# name → (mean, variance) on a flat image of value GRAY, by theory
THEORY = {
    "gaussian:25": (GRAY, (25 / 255) ** 2),
    "gaussian:0-55": (GRAY, (55 / 255) ** 2 / 3),
    "poisson:20": (GRAY, GRAY / 20),
    "poisson:1-100": (GRAY, GRAY * (1 - 1 / 100) / math.log(100)),
    "saltpepper:30": (0.7 * GRAY + 0.15, 0.7 * GRAY**2 + 0.15 - (0.7 * GRAY + 0.15) ** 2),
    "blocks:25": (0.75 * GRAY, 0.75 * 0.25 * GRAY**2),
    "camera:20,5": (GRAY, (20 / 255) ** 2 * GRAY + (5 / 255) ** 2),
    "camera:0,5": (GRAY, (5 / 255) ** 2),
    "gaussian:10+gaussian:20": (GRAY, (10 / 255) ** 2 + (20 / 255) ** 2),
    "gaussian:10+gaussian:20?": (GRAY, (10 / 255) ** 2 + (20 / 255) ** 2 / 2),
}


def by_numpy(name: str, seed: int = 0) -> np.ndarray:
    noise, rng = noise_from_name(name), np.random.default_rng(seed)
    return np.stack([noise.sample(np.full((256, 256, 1), GRAY, np.float32), rng) for _ in range(64)])


def by_tensorflow(name: str, seed: int = 0) -> np.ndarray:
    # Many small images: a range draws one level per image, and its moments need many levels.
    clean = tf.fill((1024, 64, 64, 1), tf.constant(GRAY))
    return corrupt(noise_from_name(name), clean, tf.constant([seed, 1], tf.int64))[0].numpy()


@pytest.mark.parametrize("sampler", [by_numpy, by_tensorflow])
@pytest.mark.parametrize("name", THEORY)
def test_moments_are_those_of_theory(name, sampler):
    values = sampler(name).astype(np.float64)
    mean, variance = THEORY[name]
    drawn = "-" in name or "?" in name  # for each image
    levels = len(values) if drawn else COUNT
    # Five standard errors; the spread of the drawn levels decides for ranges, that of the 8×8 blocks for blocks.
    independent = COUNT / 64 if name.startswith("blocks") else COUNT
    assert values.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / independent))
    tolerance = 5 * 1.2 / math.sqrt(levels) if drawn else 5 * 2 / math.sqrt(independent)
    assert values.var() == pytest.approx(variance, rel=tolerance)


def quantiles(values: np.ndarray) -> np.ndarray:
    return np.quantile(values, [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])


@pytest.mark.parametrize("name", ["gaussian:25", "poisson:4", "camera:20,5", "saltpepper:30"])
def test_both_samplers_draw_the_same_distribution(name):
    np.testing.assert_allclose(quantiles(by_numpy(name)), quantiles(by_tensorflow(name)), atol=0.002)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["saltpepper:40", "blocks:25"])
def test_pixels_are_lost_with_all_their_channels(name, channels):
    clean = np.full((2, 40, 41, channels), GRAY, np.float32)
    for noisy in (
        np.stack([noise_from_name(name).sample(c, np.random.default_rng(0)) for c in clean]),
        corrupt(noise_from_name(name), tf.constant(clean), tf.constant([3, 4], tf.int64))[0].numpy(),
    ):
        lost = noisy != clean
        assert 0 < lost.mean() < 1
        assert (lost == lost[..., :1]).all()


@pytest.mark.parametrize("sampler", ["numpy", "tensorflow"])
def test_blocks_are_whole_cells_at_a_place_of_their_own_per_image(sampler):
    clean = np.ones((12, 64, 64, 1), np.float32)
    noise = noise_from_name("blocks:30")
    if sampler == "numpy":
        rng = np.random.default_rng(0)
        noisy = np.stack([noise.sample(c, rng) for c in clean])
    else:
        noisy = corrupt(noise, tf.constant(clean), tf.constant([0, 1], tf.int64))[0].numpy()
    phases = set()
    for image in noisy[..., 0]:
        columns = np.flatnonzero((image[:, 1:] != image[:, :-1]).any(axis=0)) + 1
        assert len(set(columns % 8)) == 1
        phases.add(int(columns[0] % 8))
    assert len(phases) > 2


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [20, 60, 95])
def test_jpeg_is_the_same_in_both_samplers(quality, channels):
    """Where the blocks begin as in a file, to the pixel. The mean everywhere: what makes pictures darker in training
    teaches a network to brighten them."""
    from skimage import data

    clean = data.astronaut()[:130, :123, :channels].astype(np.float32) / 255 + 0.3 / 255
    noise = noise_from_name(f"jpeg:{quality}")
    ours = noise.sample(clean, np.random.default_rng(0))
    theirs = corrupt(noise, tf.repeat(tf.constant(clean)[None], 16, axis=0), tf.constant([0, 1], tf.int64))[0].numpy()
    as_files = [patch for patch in theirs if np.abs(ours - patch).max() <= 1.01 / 255]
    assert 4 <= len(as_files) <= 12
    assert all(np.abs(ours - patch).mean() < 0.02 / 255 for patch in as_files)
    assert np.abs((np.array(as_files) - clean).mean()) < 0.5 / 255
    assert np.abs((theirs - clean).mean()) < 0.5 / 255


def test_jpeg_loses_about_as_much_in_both_samplers():
    from skimage import data

    clean = data.astronaut()[:128, :128].astype(np.float32) / 255
    noise = noise_from_name("jpeg:40-95")
    rng = np.random.default_rng(0)
    ours = np.mean([np.square(noise.sample(clean, rng) - clean).mean() for _ in range(24)])
    batch = tf.repeat(tf.constant(clean)[None], 24, axis=0)
    theirs = np.square(corrupt(noise, batch, tf.constant([0, 1], tf.int64))[0].numpy() - clean).mean()
    assert ours == pytest.approx(theirs, rel=0.25)
    assert noise.sample(clean[..., :1], rng).shape == (128, 128, 1)


@pytest.mark.parametrize("depth", [1, 4, 8, 16])
def test_bits_cut_and_round_in_both_samplers(depth):
    steps = 2**depth - 1
    image = np.linspace(-0.5, 1.5, 64 * 64, dtype=np.float32).reshape(64, 64, 1)
    noise = noise_from_name(f"bits:{depth}")
    ours = noise.sample(image, np.random.default_rng(0))
    theirs, level = corrupt(noise, tf.constant(image)[None], tf.constant([0, 1], tf.int64))
    np.testing.assert_allclose(ours, theirs[0], atol=1e-7)
    assert np.asarray(level) == 0
    assert (ours.min(), ours.max()) == (0, 1)
    np.testing.assert_allclose(ours * steps, np.round(ours * steps), atol=0.01)
    assert np.abs(ours - np.clip(image, 0, 1)).max() <= 0.501 / steps


def test_a_noisy_picture_in_8_bits_is_what_its_file_holds(tmp_path):
    from PIL import Image

    clean = np.full((32, 32, 3), 0.03, np.float32)
    noisy = noise_from_name("gaussian:25").sample(clean, np.random.default_rng(0))
    Image.fromarray(np.round(np.clip(noisy, 0, 1) * 255).astype(np.uint8)).save(tmp_path / "noisy.png")
    held = np.asarray(Image.open(tmp_path / "noisy.png")).astype(np.float32) / 255
    ours = noise_from_name("gaussian:25+bits:8").sample(clean, np.random.default_rng(0))
    np.testing.assert_allclose(ours, held, atol=1e-7)
    assert ours.mean() > clean.mean() + 0.02  # cut noise makes black lighter


@pytest.mark.parametrize("sampler", ["numpy", "tensorflow"])
def test_bayer_noise_is_that_of_the_sensor_interpolated(sampler):
    """By theory: where a colour was measured its noise is whole, between two pixels half, between four a quarter."""
    sigma, clean = 20 / 255, np.full((96, 64, 64, 3), GRAY, np.float32)
    noise = noise_from_name("bayer:0,20")
    if sampler == "numpy":
        rng = np.random.default_rng(0)
        noisy = np.stack([noise.sample(image, rng) for image in clean])
    else:
        noisy = corrupt(noise, tf.constant(clean), tf.constant([0, 1], tf.int64))[0].numpy()
    values = (noisy - clean).astype(np.float64) / sigma
    assert abs(values.mean()) < 0.01
    np.testing.assert_allclose(values.var(axis=(0, 1, 2)), [0.5625, 0.625, 0.5625], rtol=0.05)
    beside = (values[:, :, 1:] * values[:, :, :-1]).mean(axis=(0, 1, 2))
    # Red, green: means of the products of neighbouring weights over the mosaic.
    np.testing.assert_allclose(beside, [0.375, 0.25, 0.375], rtol=0.05)
    # Where the variance is whole: one pixel of four is red, at a place of its own in each image, and two are green.
    whole = np.stack([values[:, i::2, j::2, 0].var(axis=(1, 2)) for i, j in np.ndindex(2, 2)])
    assert ((whole > 0.8).sum(axis=0) == 1).all() and len(set(whole.argmax(axis=0))) == 4
    # At the border some neighbours are mirrored, and fewer are averaged.
    assert values[:, 31].var() < values[:, 0].var() < 1.4 * values[:, 31].var()


def test_bayer_noise_needs_colour():
    with pytest.raises(UsageError, match="expected a colour image"):
        zoo.Bayer(5, 5).sample(np.zeros((8, 8, 1), np.float32), np.random.default_rng(0))
    with pytest.raises(UsageError, match="expected colour images"):
        corrupt(zoo.Bayer(5, 5), tf.zeros((1, 8, 8, 1)), tf.constant([0, 1], tf.int64))
    assert zoo.Bayer(5, 5).sample(np.zeros((1, 1, 3), np.float32), np.random.default_rng(0)).shape == (1, 1, 3)


SAMPLERS = {
    "numpy": lambda noise, clean: np.stack(
        [noise.sample(c, rng) for rng in [np.random.default_rng(0)] for c in np.asarray(clean)]
    ),
    "tensorflow": lambda noise, clean: corrupt(noise, tf.constant(clean), tf.constant([0, 1], tf.int64))[0].numpy(),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("value", [0.02, 0.15, 0.5, 0.9])
def test_raw_noise_is_that_of_the_sensor_developed(sampler, value, monkeypatch):
    """By theory: weak noise goes through white balance, matrix and sRGB's curve as through their derivatives."""
    monkeypatch.setattr(zoo.Raw, "gains", (2.0, 2.0))
    monkeypatch.setattr(zoo.Raw, "taken", 0.0)
    shot, read = 1 / 255, 0.1 / 255
    noise, clean = zoo.Raw(1, 0.1), np.full((24, 64, 64, 3), value, np.float32)
    deviation = (SAMPLERS[sampler](noise, clean) - clean).std(axis=(0, 1, 2))
    light = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
    slope = 12.92 if value <= 0.04045 else 1.055 / 2.4 * light ** (1 / 2.4 - 1)
    gains = np.array([2, 1, 2])
    sensed = np.sqrt(shot**2 * light / gains + read**2) * np.sqrt([0.5625, 0.625, 0.5625])
    np.testing.assert_allclose(deviation, slope * gains * sensed, rtol=0.05)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_raw_noise_is_coloured_by_a_balance_and_a_matrix_of_each_image(sampler):
    clean = np.full((96, 32, 32, 3), 0.5, np.float32)
    noise = (SAMPLERS[sampler](zoo.Raw(4, 0.2), clean) - clean).reshape(96, -1, 3)
    deviation = noise.std(axis=1)
    # Gains of 1.2 to 2.5, times the diagonal of a matrix of 1 to 2.2.
    assert np.ptp(deviation[:, 0] / deviation[:, 1]) > 0.5 and np.ptp(deviation[:, 2] / deviation[:, 1]) > 0.5
    between = np.mean([np.corrcoef(n.T)[np.triu_indices(3, 1)] for n in noise], axis=0)
    assert (between < -0.1).all()  # what is taken from one is missing from another
    # A gray picture stays gray in the mean: white balance and matrix are those of the picture itself.
    assert np.abs(noise.mean(axis=(0, 1))).max() < 0.002


@pytest.mark.parametrize(("noise", "count"), [(zoo.Raw(12, 0.8), 640), (zoo.Raw((0, 20), (0, 1.5)), 1600)])
def test_raw_noise_is_alike_in_both_samplers(noise, count):
    from skimage import data

    patch = data.astronaut()[:64, 200:264].astype(np.float32) / 255
    ours, theirs = (SAMPLERS[s](noise, np.stack([patch] * count)) - patch for s in SAMPLERS)
    for channel in range(3):
        np.testing.assert_allclose(quantiles(ours[..., channel]), quantiles(theirs[..., channel]), atol=0.008)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_raw_noise_takes_nothing_from_the_picture_and_ends_at_black_and_white(sampler):
    from skimage import data

    clean = data.astronaut()[None, :64, :64].astype(np.float32) / 255
    np.testing.assert_allclose(SAMPLERS[sampler](zoo.Raw(0, 0), clean), clean, atol=1e-6)
    noisy = SAMPLERS[sampler](zoo.Raw(60, 10), clean)
    assert -1e-6 < noisy.min() < 1e-6 and abs(noisy.max() - 1) < 1e-6
    assert np.isfinite(noisy).all()


@pytest.mark.parametrize("name", ["gaussian:25?", "jpeg:10?", "raw:60,10?"])
def test_a_batch_may_have_none_of_what_is_there_sometimes(name):
    clean = tf.constant(np.random.default_rng(0).uniform(size=(1, 32, 32, 3)), tf.float32)
    noise = noise_from_name(name)
    kept = [bool(tf.reduce_all(corrupt(noise, clean, tf.constant([0, i], tf.int64))[0] == clean)) for i in range(24)]
    assert any(kept) and not all(kept)


def test_raw_noise_needs_colour():
    with pytest.raises(UsageError, match="raw:5,5 on an image of 1 channels; expected a colour image"):
        zoo.Raw(5, 5).sample(np.zeros((8, 8, 1), np.float32), np.random.default_rng(0))
    with pytest.raises(UsageError, match="raw:5,5 on images of 1 channels; expected colour images"):
        corrupt(zoo.Raw(5, 5), tf.zeros((1, 8, 8, 1)), tf.constant([0, 1], tf.int64))


def test_the_level_that_training_hands_on_is_the_level_drawn():
    noisy, sigma = corrupt(zoo.Gaussian((0, 55)), tf.zeros((16, 64, 64, 1)), tf.constant([0, 1], tf.int64))
    np.testing.assert_allclose(noisy.numpy().std(axis=(1, 2, 3)), sigma.numpy()[:, 0], rtol=0.05)
    assert sigma.shape == (16, 1)
    assert np.ptp(sigma) > 0.05
    noisy, sigma = corrupt(noise_from_name("gaussian:25?"), tf.zeros((64, 8, 8, 1)), tf.constant([0, 1], tf.int64))
    has = sigma.numpy()[:, 0] > 0
    assert 16 < has.sum() < 48 and (noisy.numpy().any(axis=(1, 2, 3)) == has).all()


@pytest.mark.parametrize("name", ["gaussian:0-55+bits:8?", "gaussian:0-40+gaussian:0-55?+bits:8"])
@pytest.mark.parametrize("sampler", ["numpy", "tensorflow"])
def test_the_level_of_a_mixture_is_that_of_all_its_gaussian_noise(sampler, name):
    clean, noise = np.full((16, 64, 64, 1), 0.5, np.float32), noise_from_name(name)
    if sampler == "numpy":
        drawn = [noise.draw(np.random.default_rng(i)) for i in range(16)]
        noisy = np.stack([d.apply(c, np.random.default_rng(0)) for d, c in zip(drawn, clean, strict=True)])
        sigma = np.array([[d.deviation() / 255] for d in drawn])
    else:
        noisy, sigma = (x.numpy() for x in corrupt(noise, tf.constant(clean), tf.constant([0, 1], tf.int64)))
    measured = (noisy - clean).std(axis=(1, 2, 3))
    uncut = sigma[:, 0] < 40 / 255
    assert uncut.sum() >= 4 and np.ptp(sigma) > 0.05
    np.testing.assert_allclose(measured[uncut], sigma[uncut, 0], rtol=0.05, atol=0.001)


def test_which_noise_has_a_level():
    assert all(noise_from_name(n).has_level for n in ("gaussian:25", "gaussian:0-55?", "gaussian:0-55+bits:8?"))
    assert not any(noise_from_name(n).has_level for n in ("bits:8", "poisson:5", "gaussian:25+jpeg:80", "camera:5,5"))


@pytest.mark.parametrize("name", THEORY)
def test_a_seed_gives_the_same_picture_and_another_seed_another(name):
    image = np.full((32, 32, 3), GRAY, np.float32)
    noise = noise_from_name(name)
    a, b, c = (noise.sample(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
    assert a.dtype == np.float32
    assert (image == np.float32(GRAY)).all()


@pytest.mark.parametrize(
    "name",
    [
        *THEORY,
        "gaussian:0-5?",
        "gaussian:0-55+bits:8?",
        "jpeg:40-95",
        "camera:0-20,0-5+jpeg:70",
        "poisson:1-100+saltpepper:2.5+blocks:0-25",
        "poisson:1-1000000",
        "gaussian:0.00001-20.123456",
    ],
)
def test_a_name_names_its_noise(name):
    assert noise_from_name(name).name == name


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_sampler_for_training(kind):
    noise = noise_from_name(f"{kind}:{','.join(['10'] * len(KINDS[kind].bounds))}")
    assert corrupt(noise, tf.ones((1, 16, 16, 3)), tf.constant([0, 1], tf.int64))[0].shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    "name",
    ["", "gauss:25", "gaussian", "gaussian:", "gaussian:x", "gaussian:30-10", "gaussian:256", "gaussian:-5", "camera:5",
     "gaussian:1,2", "saltpepper:101", "poisson:0", "gaussian:25+", "jpeg:0", "bits:17", "?", "gaussian:25??x"],
)  # fmt: skip
def test_a_wrong_name_is_refused_in_one_line_that_says_what_was_expected(name):
    with pytest.raises(UsageError, match=r"^[^\n]*expected[^\n]*$"):
        noise_from_name(name)


@pytest.mark.parametrize("level", [[0, 55], (0, 55, 3), "abc", None])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(UsageError, match="expected a number or a"):
        Gaussian(level)


def test_an_image_without_a_channel_axis_is_refused():
    with pytest.raises(UsageError, match="expected"):
        zoo.Gaussian(25).sample(np.zeros((4, 4), np.float32), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4, 3), np.uint8), r"image is uint8 of shape \(4, 4, 3\); expected float .*: bytes / 255, say"),
        ([[[0.5]]], "image is list; expected float"),
        (np.full((4, 4, 3), np.nan), "NaN or infinite values; expected finite ones"),
    ],
)
def test_an_image_that_is_none_is_refused(image, words):
    with pytest.raises(UsageError, match=words):
        zoo.Gaussian(25).sample(image, np.random.default_rng(0))


def test_what_draws_no_numbers_is_refused():
    for rng in (0, None, np.random.RandomState(0)):
        with pytest.raises(UsageError, match=r"^rng=.*; expected such as numpy.random.default_rng\(0\)$"):
            zoo.Gaussian(25).sample(np.zeros((4, 4, 1)), rng)
    with pytest.raises(UsageError, match="jpeg:50 on an image of 4 channels; expected 1 or 3"):
        zoo.Jpeg(50).sample(np.zeros((4, 4, 4)), np.random.default_rng(0))
    with pytest.raises(UsageError, match="expected a tuple of noises"):
        zoo.Mixture(("gaussian:5",))


def test_the_middle_of_a_noise():
    middles = {
        "gaussian:0-55": "gaussian:27.5",
        "poisson:1-100": "poisson:10",
        "bayer:0-40,0-25?+gaussian:0-30?+jpeg:60-100?": "bayer:20,12.5+gaussian:15+jpeg:80",
    }
    assert {name: noise_from_name(name).middle().name for name in middles} == middles


def test_noise_is_not_clipped():
    noisy = zoo.Gaussian(50).sample(np.zeros((64, 64, 1), np.float32), np.random.default_rng(0))
    assert noisy.min() < -0.1
    assert isinstance(zoo.Gaussian(50), Noise)
