"""The pipelines: what they give, that they repeat by seed and continue anywhere, and what they refuse."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage
from skimage import data as photographs

import zoo
from zoo.errors import InputError, UsageError
from zoo.noise import noise_from_name
from zoo.training import sources
from zoo.training.corrupt import corrupt
from zoo.training.data import (
    Augment,
    augment,
    batches,
    hold_out,
    sharpen,
    sharpening,
    smooth,
    smoothing,
    validation_pairs,
)
from zoo.training.neighbors import neighbor_pairs
from zoo.training.sources import open_images

NOISE = zoo.Gaussian((0, 55))


def pictures(count: int = 5, side: int = 48, channels: int = 3) -> list[np.ndarray]:
    """Smooth pictures, no two pixels alike."""
    y, x = np.mgrid[:side, : side + 7]
    return [
        np.stack([(x * (c + 1) + y * (k + 1)) % 256 for c in range(channels)], -1).astype(np.uint8)
        for k in range(count)
    ]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clean" / "deeper").mkdir(parents=True)
    for k, picture in enumerate(pictures()):
        place = "clean/deeper" if k % 2 else "clean"
        Image.fromarray(picture).save(tmp_path / place / f"{k}.{'png' if k else 'jpg'}", quality=100, subsampling=0)
    return tmp_path / "clean"


def first(pipeline: tf.data.Dataset, count: int = 4) -> list:
    return [tf.nest.map_structure(lambda t: t.numpy(), item) for item in pipeline.take(count)]


def same(a: list, b: list) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_an_array_and_a_file_give_the_same_images(folder, channels, monkeypatch):
    from_files = open_images(folder, channels)
    assert len(from_files) == 5 and from_files.in_memory
    from_arrays = open_images([np.asarray(Image.open(f)) for (f,) in from_files.files], channels)
    monkeypatch.setattr(sources, "CACHE_BYTES", 0)
    uncached = open_images(str(folder), channels)
    assert not uncached.in_memory
    for i in range(5):
        assert from_files.image(i).shape == (48, 55, channels)
        np.testing.assert_array_equal(from_files.image(i), from_arrays.image(i))
        np.testing.assert_array_equal(from_files.image(i), uncached.image(i))


@pytest.mark.parametrize("cached", [True, False])
def test_a_patch_is_a_piece_of_its_image(cached, folder, monkeypatch):
    monkeypatch.setattr(sources, "CACHE_BYTES", 2**30 if cached else 0)
    images = open_images(folder, 3)
    whole = [images.image(i) for i in range(5)]
    pipeline = batches(images, NOISE, batch=3, patch=16, seed=1, augmentation=Augment.none())
    for noisy, clean in first(pipeline, 20):
        assert noisy.shape == clean.shape == (3, 16, 16, 3) and noisy.dtype == clean.dtype == np.float32
        for patch in clean:
            found = [
                (windows == patch).all(axis=(-1, -2, -3)).any()
                for image in whole
                for windows in [np.lib.stride_tricks.sliding_window_view(image, (16, 16, 3))[:, :, 0]]
            ]
            assert any(found)


@pytest.mark.parametrize("cached", [True, False])
def test_a_pipeline_repeats_by_seed_and_continues_anywhere(cached, folder, monkeypatch):
    monkeypatch.setattr(sources, "CACHE_BYTES", 2**30 if cached else 0)
    images = open_images(folder, 1)

    def run(start: int, count: int, seed: int = 7) -> list:
        return first(batches(images, NOISE, batch=2, patch=16, seed=seed, start=start), count)

    whole = run(0, 40)
    assert same(whole, run(0, 40))
    assert not same(whole, run(0, 40, seed=8))
    for start in (1, 15, 16, 17, 33):
        assert same(whole[start:], run(start, 40 - start))
    assert not np.array_equal(whole[0][1], whole[1][1])


def test_every_image_is_visited_once_an_epoch_and_large_ones_more_often():
    flat = [np.full((64, 64), 10 * k, np.uint8) for k in range(1, 7)] + [np.full((256, 256), 200, np.uint8)]
    images = open_images(flat, 1)
    pipeline = batches(images, NOISE, batch=1, patch=16, seed=0, augmentation=Augment.none())
    # 64² is one visit of 16 patches of 16²; 256² is sixteen.
    for epoch in range(2):
        seen = [int(round(clean[0, 0, 0, 0] * 255)) for _, clean in first(pipeline.skip(22 * epoch), 22)]
        assert sorted(seen) == sorted([10, 20, 30, 40, 50, 60] + [200] * 16)


def test_a_batch_mixes_images_when_files_are_decoded(folder, monkeypatch):
    monkeypatch.setattr(sources, "CACHE_BYTES", 0)
    order = batches(open_images(folder, 3), NOISE, batch=5, patch=16, seed=0, augmentation=Augment.none())
    _, clean = first(order, 1)[0]
    steps = {tuple(np.round(255 * (p[1, 0] - p[0, 0])).astype(int) % 256) for p in clean}
    assert len(steps) >= 4  # the gradient tells the image


def test_noise_is_drawn_afresh_for_each_batch():
    images = open_images([np.full((32, 32), 128, np.uint8)], 1)
    a, b = first(batches(images, zoo.Gaussian(25), batch=2, patch=16, seed=0), 2)
    assert not np.array_equal(a[0], b[0])
    assert np.std(a[0] - a[1]) == pytest.approx(25 / 255, rel=0.15)


def test_the_level_comes_along_where_it_is_asked_for():
    images = open_images(pictures(channels=1), 1)
    (noisy, sigma), clean = first(batches(images, NOISE, batch=8, patch=32, seed=0, takes_sigma=True), 1)[0]
    np.testing.assert_allclose((noisy - clean).std(axis=(1, 2, 3)), sigma[:, 0], rtol=0.12, atol=1e-3)


def test_augmentation_varies():
    patch = tf.reshape(tf.linspace(0.0, 1.0, 64), (1, 8, 8, 1))
    turned = [augment(patch, Augment(), tf.constant([0, k], tf.int64)).numpy() for k in range(64)]
    plain = Augment(brightness=0, rescale=1)
    exact = {augment(patch, plain, tf.constant([0, k], tf.int64)).numpy().tobytes() for k in range(64)}
    assert len(exact) == 8  # the eight symmetries of the square
    assert augment(patch, Augment.none(), tf.constant([0, 0], tf.int64)).numpy().tobytes() == patch.numpy().tobytes()
    assert np.ptp([t.mean() for t in turned]) > 0.02


def test_clean_patches_keep_their_range_and_noise_leads_beyond_it():
    extremes = [np.kron([[0, 1], [1, 0]], np.ones((32, 32))).astype(np.float32)] * 2
    bright = Augment(brightness=0.5)
    images = open_images(extremes, 1)
    clean = [c for _, c in first(batches(images, NOISE, batch=4, patch=32, seed=0, augmentation=bright), 8)]
    assert all(c.min() >= 0 and c.max() <= 1 for c in clean) and np.ptp([c.mean() for c in clean]) > 0.05
    noisy = [image + np.float32(0.5) for image in extremes]
    images = open_images((noisy, extremes), 1)
    pairs = first(batches(images, None, batch=4, patch=32, seed=0, augmentation=Augment.none()), 2)
    assert all(a.max() == 1.5 and b.max() == 1 for a, b in pairs)


def test_contrast_makes_a_quarter_of_the_patches_as_if_drawn():
    """Black and white in places, of a picture that has neither."""
    gray = np.random.default_rng(0).uniform(0.3, 0.6, (64, 64)).astype(np.float32)
    augmentation = Augment(flip=False, transpose=False, rescale=1, brightness=0, contrast=50)
    pipeline = batches(open_images([gray], 1), NOISE, batch=64, patch=16, seed=0, augmentation=augmentation)
    spans = np.array([np.ptp(patch) for _, clean in first(pipeline, 8) for patch in clean])
    assert spans.max() == 1
    assert (spans > 0.31).mean() == pytest.approx(0.25, abs=0.08)
    clean = np.concatenate([clean for _, clean in first(pipeline, 8)])
    assert clean.min() == 0 and clean.max() == 1


def test_saturation_makes_a_quarter_of_the_patches_more_colourful_in_other_colours():
    """Each pixel as far from gray as before, up to the factor, its channels in any order."""
    picture = np.random.default_rng(0).uniform(0.45, 0.55, (64, 64, 1)) + np.array([0.1, 0.0, -0.1])
    augmentation = Augment(flip=False, transpose=False, rescale=1, brightness=0, saturation=3)
    pipeline = batches(
        open_images([picture.astype(np.float32)], 3), NOISE, batch=64, patch=16, seed=0, augmentation=augmentation
    )
    patches = np.concatenate([clean for _, clean in first(pipeline, 16)])
    colors = (patches - patches.mean(-1, keepdims=True)).mean((1, 2))
    spread = np.ptp(colors, axis=1) / 0.2
    changed = (spread > 1.001) | (np.argmax(colors, axis=1) != 0) | (np.argmin(colors, axis=1) != 2)
    assert changed.mean() == pytest.approx(0.25, abs=0.04)
    assert spread.min() == pytest.approx(1, abs=1e-3) and 2.5 < spread.max() < 3
    assert len({tuple(np.argsort(color)) for color in colors[changed]}) == 6
    assert patches.min() >= 0 and patches.max() <= 1


def test_a_frame_is_black_or_white_at_some_sides_of_a_quarter_of_the_patches():
    gray = np.random.default_rng(0).uniform(0.3, 0.6, (64, 64)).astype(np.float32)
    augmentation = Augment(flip=False, transpose=False, rescale=1, brightness=0, frame=3)
    pipeline = batches(open_images([gray], 1), NOISE, batch=64, patch=16, seed=0, augmentation=augmentation)
    patches = np.concatenate([clean for _, clean in first(pipeline, 16)])[..., 0]
    framed = [patch for patch in patches if not 0.29 < patch.min() < patch.max() < 0.61]
    assert len(framed) / len(patches) == pytest.approx(0.25 * 15 / 16, abs=0.05)
    widths = set()
    for patch in framed:
        (value,) = set(np.unique(patch)) & {0.0, 1.0}  # one of them
        frame = patch == value
        rows, columns = frame.all(axis=1), frame.all(axis=0)
        np.testing.assert_array_equal(frame, rows[:, None] | columns)
        for lines in (rows, rows[::-1], columns, columns[::-1]):
            widths.add(int(np.argmin(lines)))
        assert not rows[3:-3].any() and not columns[3:-3].any()
    assert widths == {0, 1, 2, 3}


def test_a_quarter_of_the_batches_are_enlarged_noisy_and_clean_alike():
    """What is a ramp stays one, less steep by the factor; the noise is enlarged with it, and so coarser."""
    ramp = np.tile(np.linspace(0.2, 0.8, 64, dtype=np.float32), (64, 1))
    plain = {"batch": 8, "patch": 32, "seed": 0, "augmentation": Augment.none()}
    larger = plain | {"augmentation": replace(Augment.none(), enlarge=2)}
    as_drawn, found = (first(batches(open_images([ramp], 1), NOISE, **o), 64) for o in (plain, larger))
    factors, coarse = [], []
    for (noisy, clean), (before, shown) in zip(found, as_drawn, strict=True):
        steps = np.diff(clean[:, 16, 4:-4, 0], axis=1)
        factors.append((0.6 / 63) / steps.mean())
        np.testing.assert_allclose(steps, steps.mean(), atol=1e-4)
        noise = noisy - clean
        coarse.append((noise[:, :, 1:] * noise[:, :, :-1]).mean() / np.square(noise).mean())
        if factors[-1] < 1.001:
            np.testing.assert_array_equal(noisy, before)
            np.testing.assert_array_equal(clean, shown)
        else:
            assert clean.mean() == pytest.approx(shown.mean(), abs=0.02)  # the middle
    enlarged = np.array(factors) > 1.001
    assert enlarged.mean() == pytest.approx(0.25, abs=0.15) and 1.7 < max(factors) < 2.1
    assert np.corrcoef(np.array(factors)[enlarged], np.array(coarse)[enlarged])[0, 1] > 0.8


def test_half_of_what_is_enlarged_is_a_file_since():
    """One bit is black and white alone; what is enlarged after it has grays between, what is before, coarse noise."""
    flat, augmentation = np.full((64, 64), 0.55, np.float32), replace(Augment.none(), enlarge=2)
    plain = {"batch": 4, "patch": 32, "seed": 0, "augmentation": augmentation}
    grays, coarse = [], []
    for noisy, _ in first(batches(open_images([flat], 1), noise_from_name("gaussian:25+bits:1"), **plain), 160):
        grays.append(len(np.unique(noisy)) > 2)
        noise = noisy - noisy.mean()
        coarse.append((noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.var() > 0.1)
    after, before = np.array(grays), np.array(coarse) & ~np.array(grays)
    assert after.mean() == pytest.approx(1 / 8, abs=0.08) and before.mean() == pytest.approx(1 / 8, abs=0.08)
    for noisy, _ in first(batches(open_images([flat], 1), noise_from_name("bits:1"), **plain), 16):
        np.testing.assert_allclose(noisy, 1, atol=1e-6)  # nothing but the file's


def test_a_quarter_of_the_batches_are_sharpened_noisy_and_clean_alike():
    """Behind an unsharp mask an edge overshoots, what is flat or a ramp stays, and noise is stronger where it is fine.

    The noise is what it was, behind the same mask: sharpening is linear.
    """
    x = np.linspace(0.3, 0.4, 96, dtype=np.float32)
    edge = np.tile(np.where(np.arange(96) < 48, x, x + 0.3), (96, 1)).astype(np.float32)
    plain = {"batch": 8, "patch": 96, "seed": 0, "augmentation": Augment.none()}
    sharper = plain | {"augmentation": replace(Augment.none(), sharpen=1.5)}
    as_drawn, found = (first(batches(open_images([edge], 1), NOISE, **o), 96) for o in (plain, sharper))
    over, more = [], []
    for (noisy, clean), (before, shown) in zip(found, as_drawn, strict=True):
        change = clean - shown
        if not change.any():
            np.testing.assert_array_equal(noisy, before)
            over.append(0)
            continue
        line = change[:, :, :, 0].mean((0, 1))
        np.testing.assert_allclose(line[12:36], 0, atol=1e-5)
        np.testing.assert_allclose(line[60:84], 0, atol=1e-5)
        assert line[47] < 0 < line[48]
        over.append(line[48])
        ratio = np.std(noisy - clean) / np.std(before - shown)
        assert ratio > 1
        more.append(ratio)
    over = np.array(over)
    assert (over > 0).mean() == pytest.approx(0.25, abs=0.13) and 0.05 < over.max() < 1.5 * 0.15
    assert max(more) < 2.5 and np.corrcoef(over[over > 0], more)[0, 1] > 0.8


@pytest.mark.parametrize("deviation", [0.5, 1.2, 2.0])
def test_an_unsharp_mask_adds_what_a_gaussian_takes_away(deviation):
    """Of every channel, or of their mean to all of them; ends aside as SciPy has it."""
    picture, inside = np.random.default_rng(0).random((2, 48, 40, 3), np.float32), np.s_[:, 6:-6, 6:-6]
    detail = picture - ndimage.gaussian_filter(
        picture, (0, deviation, deviation, 0), truncate=np.ceil(3 * deviation) / deviation
    )
    for alone, added in ((False, detail), (True, detail.mean(-1, keepdims=True))):
        found = sharpen((tf.constant(picture), tf.ones((2, 2, 3, 1)) / 2), 1.5, deviation, alone)
        np.testing.assert_allclose(found[0].numpy()[inside], (picture + 1.5 * added)[inside], atol=1e-5)
        np.testing.assert_allclose(found[1], 0.5, atol=1e-6)  # smaller than the mask; what is flat stays, ends too


def test_how_to_sharpen_is_drawn():
    drawn = [[float(x) for x in sharpening(1.5, tf.constant([seed, 0]))] for seed in range(400)]
    strengths, deviations, alone = np.transpose(drawn)
    there = strengths[strengths > 0]
    assert len(there) == pytest.approx(100, abs=35) and there.max() <= 1.5
    assert there.mean() == pytest.approx(0.75, abs=0.15)
    assert 0.5 <= deviations.min() < 0.6 and 1.8 < deviations.max() <= 2 and alone.mean() == pytest.approx(0.5, abs=0.1)


def test_a_quarter_of_the_batches_have_their_noise_smoothed_and_the_picture_as_it_was():
    """The clean half is the same to the bit; the noise is weaker, and alike in neighbours."""
    plain = {"batch": 8, "patch": 48, "seed": 0, "augmentation": Augment.none()}
    smoother = plain | {"augmentation": replace(Augment.none(), smooth=1.5)}
    images = open_images(pictures(), 3)
    as_drawn, found = (first(batches(images, NOISE, **options), 160) for options in (plain, smoother))
    ratios, alike = [], []
    for (noisy, clean), (before, shown) in zip(found, as_drawn, strict=True):
        np.testing.assert_array_equal(clean, shown)
        if np.array_equal(noisy, before):
            continue
        noise = noisy - clean
        ratios.append(np.std(noise) / np.std(before - shown))
        alike.append((noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.var())  # 0 for white noise
    assert len(ratios) / len(found) == pytest.approx(0.25, abs=0.09)
    assert max(ratios) < 1.001 and min(ratios) < 0.6
    assert min(alike) > -0.02 and np.mean(alike) > 0.2 and max(alike) > 0.5


@pytest.mark.parametrize("deviation", [0.3, 1.0, 2.4])
def test_noise_is_smoothed_by_gaussians_its_colour_by_another(deviation):
    """Ends aside as SciPy has it; the brightness of the noise and its colour apart, and a share as it was."""
    clean = np.random.default_rng(0).random((2, 48, 40, 3), np.float32)
    noise = np.random.default_rng(1).normal(0, 0.1, clean.shape).astype(np.float32)
    inside = np.s_[:, 15:-15, 15:-15]
    found, target = smooth((tf.constant(clean + noise), tf.constant(clean)), deviation, 2 * deviation, 0.25)
    np.testing.assert_array_equal(target, clean)
    gray = noise.mean(-1, keepdims=True)
    soft = sum(
        ndimage.gaussian_filter(part, (0, width, width, 0), truncate=np.ceil(3 * width) / width)
        for part, width in ((np.tile(gray, 3), deviation), (noise - gray, 2 * deviation))
    )
    np.testing.assert_allclose((found.numpy() - clean)[inside], (0.25 * noise + 0.75 * soft)[inside], atol=1e-5)
    flat = tf.ones((1, 4, 6, 1)) / 2, tf.zeros((1, 4, 6, 1))
    np.testing.assert_allclose(smooth(flat, deviation, deviation, 0.0)[0], 0.5, atol=1e-6)  # at ends too


def test_how_to_smooth_is_drawn():
    drawn = [[float(x) for x in smoothing(1.5, tf.constant([seed, 0]))] for seed in range(400)]
    deviations, of_colour, kept = np.transpose(drawn)
    there = deviations > 0
    assert there.sum() == pytest.approx(100, abs=35) and deviations.max() <= 1.5
    assert deviations[there].mean() == pytest.approx(0.75, abs=0.15)
    wider = of_colour[there] / deviations[there]
    assert 1 <= wider.min() < 1.2 and 2.8 < wider.max() <= 3 and kept.min() >= 0 and 0.4 < kept.max() <= 0.5


@pytest.mark.parametrize("name", ["sharpen", "smooth"])
def test_the_file_comes_after_what_a_camera_does(name):
    """One bit is black and white alone, whatever was sharpened or smoothed before."""
    images, options = open_images(pictures(), 1), {"batch": 4, "patch": 32, "seed": 0}
    options["augmentation"] = Augment(**{name: 4})
    for noisy, clean in first(batches(images, noise_from_name("gaussian:25+bits:1"), **options), 16):
        assert set(np.unique(noisy)) <= {0, 1} and clean.min() >= 0 and clean.max() <= 1


def test_no_more_is_enlarged_than_can_be():
    pairs = open_images(([picture // 2 for picture in pictures()], pictures()), 3)
    for images, more in ((pairs, {}), (open_images(pictures(), 3, clean=False), {"self_supervised": True})):
        augmentation = Augment(rescale=1, brightness=0, enlarge=4)
        found = first(batches(images, None, batch=2, patch=2, seed=0, augmentation=augmentation, **more), 12)
        assert all(one.shape == other.shape == (2, 2, 2, 3) for one, other in found)


@pytest.mark.parametrize("name", ["smooth", "sharpen", "enlarge"])
def test_what_changes_the_level_is_not_for_networks_that_are_told_it(name):
    with pytest.raises(UsageError, match=f"{name}=2 would change the noise's level, which the network is told"):
        more = {"augmentation": Augment(**{name: 2}), "takes_sigma": True}
        batches(open_images(pictures(), 3), NOISE, batch=2, patch=8, seed=0, **more)


@pytest.mark.parametrize("takes_sigma", [False, True])
def test_batches_are_trimmed_at_their_end_and_by_nothing_else(takes_sigma):
    images, sizes = open_images(pictures(), 3), set()
    for_all = {"batch": 4, "patch": 16, "seed": 0, "takes_sigma": takes_sigma}
    whole = first(batches(images, NOISE, **for_all, augmentation=Augment()), 40)
    part = first(batches(images, NOISE, **for_all, augmentation=Augment(trim=2)), 40)
    for (noisy, clean), (noisy_part, clean_part) in zip(whole, part, strict=True):
        if takes_sigma:
            (noisy, sigma), (noisy_part, sigma_part) = noisy, noisy_part
            np.testing.assert_array_equal(sigma, sigma_part)
        height, width = clean_part.shape[1:3]
        np.testing.assert_array_equal(noisy_part, noisy[:, :height, :width])
        np.testing.assert_array_equal(clean_part, clean[:, :height, :width])
        sizes.add((height, width))
    assert sizes == {(height, width) for height in (14, 15, 16) for width in (14, 15, 16)}


def test_pairs_and_neighbours_are_trimmed_alike():
    images = open_images(([picture // 2 for picture in pictures()], pictures()), 3)
    paired = batches(images, None, batch=2, patch=16, seed=0, augmentation=Augment(brightness=0, rescale=1, trim=3))
    alone = {"self_supervised": True, "augmentation": Augment(rescale=1, trim=3)}
    neighbours = batches(open_images(pictures(), 3, clean=False), None, batch=2, patch=16, seed=0, **alone)
    for pipeline in (paired, neighbours):
        found = first(pipeline, 12)
        assert all(one.shape == other.shape for one, other in found)
        assert len({one.shape for one, _ in found}) > 4
    for noisy, clean in first(paired, 5):
        np.testing.assert_array_equal(np.round(noisy * 255), np.round(clean * 255) // 2)


@pytest.mark.parametrize("size", [(32, 32), (32, 24)])
def test_pairs_that_lie_on_different_sides_are_refused(tmp_path, size):
    """Pixels are taken as they lie, and one of the files may only have lost the tag."""
    picture, exif = pictures()[0][: size[0], : size[1]], Image.Exif()
    exif[274] = 6
    for name in ("noisy", "clean"):
        (tmp_path / name).mkdir()
    Image.fromarray(picture).save(tmp_path / "clean" / "a.jpg", quality=95)
    Image.fromarray(picture).save(tmp_path / "noisy" / "a.jpg", quality=50, exif=exif)
    assert len(open_images((tmp_path / "noisy", tmp_path / "clean"), 3)) == 1
    Image.fromarray(np.rot90(picture)).save(tmp_path / "noisy" / "a.jpg", quality=50, exif=exif)
    told = "lie on different sides" if size[0] == size[1] else "expected pairs of equal size"
    with pytest.raises(UsageError, match=told):
        open_images((tmp_path / "noisy", tmp_path / "clean"), 3)


def test_no_more_is_trimmed_than_there_is():
    assert Augment(frame=np.int64(2), trim=np.int64(1)) == Augment(frame=2, trim=1)
    for wrong in (-1, 1.5, True):
        for name in ("trim", "frame"):
            with pytest.raises(UsageError, match="expected a whole number of rows"):
                Augment(**{name: wrong})
    images = open_images(pictures(), 3)
    with pytest.raises(UsageError, match="trim=16 of patches of 16 pixels; expected less"):
        batches(images, NOISE, batch=4, patch=16, seed=0, augmentation=Augment(trim=16))


def test_gray_images_have_no_saturation():
    with pytest.raises(UsageError, match="saturation=2 of gray images; expected 1"):
        batches(open_images(pictures(), 1), NOISE, batch=4, patch=16, seed=0, augmentation=Augment(saturation=2))


def test_what_would_change_the_noise_that_images_bring_is_refused():
    images = open_images((pictures(), [picture // 2 for picture in pictures()]), 3)
    for name in ("contrast", "saturation", "frame", "rescale"):
        with pytest.raises(UsageError, match=f"{name}=2 would change the noise"):
            batches(images, None, batch=4, patch=16, seed=0, augmentation=Augment(**{name: 2}))


def test_the_noise_of_pairs_stays_as_strong_as_it_is():
    clean = [np.full((64, 64), level, np.float32) for level in (0.3, 0.5, 0.7)]
    noisy = [image + np.random.default_rng(i).normal(0, 0.1, image.shape) for i, image in enumerate(clean)]
    for found, shown in first(batches(open_images((noisy, clean), 1), None, batch=8, patch=32, seed=0), 12):
        np.testing.assert_allclose((found - shown).std((1, 2, 3)), 0.1, rtol=0.12)


def test_augmentation_is_bounded():
    for name, wrong in {
        "rescale": 5,
        "brightness": -0.1,
        "contrast": 0.5,
        "saturation": 11,
        "smooth": 5,
        "sharpen": 5,
        "enlarge": 0.9,
    }.items():
        with pytest.raises(UsageError, match=f"^{name}={wrong}; expected [01] to [0-9.]+ .[01] is none"):
            Augment(**{name: wrong})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_depth_is_kept(dtype):
    """As deep as the deepest image, pairs included."""
    ramp = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    image = (ramp * white).astype(dtype)
    images = open_images([image, np.zeros((40, 40), np.uint8)], 1)
    assert images.dtype == dtype
    np.testing.assert_allclose(images.image(0)[..., 0], image / np.float32(white), rtol=1e-6)
    pair = open_images(([image], [np.full((64, 64), 255, np.uint8)]), 1).image(0)
    np.testing.assert_allclose(pair[..., 0], image / np.float32(white), rtol=1e-6)
    assert (pair[..., 1] == 1).all()


def test_neighbours_touch_and_never_meet():
    """Input and target are different pixels of the same cell, side by side or one above the other."""
    rows, columns = np.mgrid[:16, :16].astype(np.float32)
    places = tf.constant(np.stack([rows, columns], axis=-1)[None])
    one, other = (part.numpy()[0] for part in neighbor_pairs(places, tf.constant([0, 1], tf.int64)))
    assert one.shape == other.shape == (8, 8, 2)
    assert (np.abs(one - other).sum(axis=-1) == 1).all()
    np.testing.assert_array_equal(one // 2, np.mgrid[:8, :8].transpose(1, 2, 0))
    np.testing.assert_array_equal(one // 2, other // 2)
    steps = {tuple(step) for step in (other - one).reshape(-1, 2).astype(int)}
    assert steps == {(0, 1), (0, -1), (1, 0), (-1, 0)}


def test_rescaling_shrinks_the_image_a_little():
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    pipeline = batches(
        open_images([ramp], 1), NOISE, batch=32, patch=32, seed=0, augmentation=Augment(False, False, 1.25, 0)
    )
    slopes = [255 * float(p[16, 24, 0] - p[16, 8, 0]) / 16 for _, clean in first(pipeline, 4) for p in clean]
    assert min(slopes) == pytest.approx(1, abs=0.06) and max(slopes) == pytest.approx(1.25, abs=0.06)


def test_pairs_are_cut_and_turned_alike(tmp_path):
    for name in ("noisy", "clean"):
        (tmp_path / name).mkdir()
    for k, picture in enumerate(pictures()):
        Image.fromarray(picture).save(tmp_path / "clean" / f"{k}.png")
        Image.fromarray(picture // 2).save(tmp_path / "noisy" / f"{k}.png")
    images = open_images((tmp_path / "noisy", tmp_path / "clean"), 3)
    pipeline = batches(images, None, batch=4, patch=16, seed=0, augmentation=Augment(brightness=0, rescale=1))
    for noisy, clean in first(pipeline, 5):
        np.testing.assert_array_equal(np.round(noisy * 255), np.round(clean * 255) // 2)


def test_equal_pairs_are_refused_because_a_network_would_learn_to_copy(folder):
    with pytest.raises(UsageError, match="learns to copy"):
        open_images((folder, folder), 3)


def test_pairs_must_fit(folder, tmp_path):
    (tmp_path / "other").mkdir()
    Image.fromarray(pictures()[0]).save(tmp_path / "other" / "0.png")
    with pytest.raises(UsageError, match="only in one of"):
        open_images((folder, tmp_path / "other"), 3)


def test_validation_pairs_are_fixed_and_noisy():
    images = open_images(pictures(), 1)
    a, b = (validation_pairs(images, NOISE, seed=0, side=32, most=4) for _ in range(2))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
    noisy, clean, sigma = a
    assert noisy.shape == clean.shape == (4, 32, 32, 1)
    np.testing.assert_allclose((noisy - clean).std(axis=(1, 2, 3)), sigma[:, 0], rtol=0.1)
    _, _, told = validation_pairs(images, noise_from_name(f"{NOISE.name}+bits:16"), seed=0, side=32, most=4)
    np.testing.assert_array_equal(told, sigma)


def test_every_other_validation_picture_is_cropped_after_jpeg():
    """Else a network that knows JPEG's blocks at one place alone would look like the best."""
    images = open_images(pictures(), 3)
    noise = zoo.noise_from_name("jpeg:30")
    noisy, clean, _ = validation_pairs(images, noise, seed=1, side=32, most=4)
    as_files = [noise.sample(picture, np.random.default_rng([1, i])) for i, picture in enumerate(clean)]
    assert [np.array_equal(a, b) for a, b in zip(noisy, as_files, strict=True)] == [True, False, True, False]
    error = [np.square(a - b).mean() for a, b in ((noisy, clean), (np.stack(as_files), clean))]
    np.testing.assert_allclose(*error, rtol=0.3)  # elsewhere, and no stronger


def test_a_tenth_is_held_out_and_nothing_is_in_both():
    images = open_images(pictures(count=21), 1)
    kept, held = hold_out(images)
    assert held == [0, 10, 20] and sorted(kept + held) == list(range(21))
    with pytest.raises(UsageError, match="expected at least 2"):
        hold_out(open_images(pictures(count=1), 1))


def test_a_tensorflow_datasets_name_is_a_source(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    class TinyPictures(tfds.core.GeneratorBasedBuilder):
        """A local builder."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3))})
            return self.dataset_info_from_configs(features=features)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for k, picture in enumerate(pictures()):
                yield k, {"image": picture}

    TinyPictures(data_dir=tmp_path).download_and_prepare()
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path))
    images = open_images("tfds:tiny_pictures", 3)
    assert sorted(images.image(i).sum() for i in range(5)) == sorted((p / np.float32(255)).sum() for p in pictures())
    with pytest.raises(InputError, match="no prepared data set"):
        open_images("tfds:no_such_pictures", 3)
    other = tf.data.Dataset.from_tensors({"hr": pictures()[0], "lr": pictures()[0]})
    monkeypatch.setattr(tfds, "load", lambda *_, **__: other)
    with pytest.raises(InputError, match="has the features hr, lr; expected one that is named image"):
        open_images("tfds:tiny_pictures", 3)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("nowhere", "no folder"),
        ([], "no images"),
        ([np.zeros((4, 4, 2), np.uint8)], r"expected \(h, w\)"),
        ([np.full((4, 4), 3.0)], r"\[0, 1\]"),
        ([np.full((4, 4), np.nan)], r"\[0, 1\]"),
    ],
)
def test_what_is_no_image_is_refused(source, expected):
    with pytest.raises(InputError, match=expected):
        open_images(source, 1)


def test_an_empty_folder_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(InputError, match="no images in"):
        open_images(tmp_path, 1)
    (tmp_path / "broken.png").write_text("not a picture")
    with pytest.raises(InputError, match=r"broken\.png"):
        open_images(tmp_path, 1)


@pytest.mark.parametrize("what", ["cut short", "another format"])
def test_what_only_the_decoder_finds_is_refused_too(tmp_path, what):
    content = io.BytesIO()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    image.save(content, "TIFF" if what == "another format" else "PNG")
    (tmp_path / "odd.png").write_bytes(content.getvalue()[: 3000 if what == "cut short" else None])
    with pytest.raises(InputError, match=r"odd\.png.*remove or replace the file"):
        open_images(str(tmp_path), 3)


def test_images_smaller_than_the_patch_are_refused():
    with pytest.raises(UsageError, match="expected at least patch=64"):
        batches(open_images(pictures(), 1), NOISE, batch=1, patch=64, seed=0)


@pytest.mark.parametrize("seed", range(12))
def test_validation_has_noise_that_is_only_there_sometimes(seed):
    images = open_images([photographs.astronaut()[:64, :64]], 3)
    noise = zoo.noise_from_name("bayer:0-40,0-25?+gaussian:0-30?+jpeg:60-100?")
    noisy, clean, _ = validation_pairs(images, noise, seed=seed, side=64, most=4)
    assert (noisy != clean).any()


def test_jpeg_is_that_of_files_and_of_what_was_cropped_from_them():
    """Half of the patches have their blocks where a file has them, the others anywhere, also in tiny ones."""
    noise = zoo.noise_from_name("jpeg:40")
    clean = photographs.astronaut()[100:164, 100:164].astype(np.float32) / 255
    file = noise.sample(clean, np.random.default_rng(0))
    drawn = np.asarray(corrupt(noise, np.stack([clean] * 200), (3, 4))[0])
    again = np.asarray(corrupt(noise, np.stack([clean] * 200), (3, 4))[0])
    np.testing.assert_array_equal(drawn, again)
    error = np.square(drawn - clean).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(error, np.square(file - clean).mean(), rtol=0.15)  # nowhere is it another strength
    as_files = np.abs(drawn - file).max(axis=(1, 2, 3)) < 2.5 / 255
    assert 70 < as_files.sum() < 130
    assert len({patch.tobytes() for patch in drawn[~as_files]}) > 50
    for shape in ((1, 1, 1, 3), (4, 5, 20, 3), (4, 17, 3, 1)):
        flat = np.full(shape, 0.4, np.float32)
        np.testing.assert_allclose(np.asarray(corrupt(noise, flat, (1, 2))[0]), flat, atol=0.05)
