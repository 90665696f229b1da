"""Augmentation: how patches are varied, and what is done to noisy and clean since the picture was taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

import zoo
from zoo.errors import UsageError
from zoo.noise import noise_from_name
from zoo.training.augment import Augment, augment, sharpen, sharpening, smooth, smoothing
from zoo.training.data import batches
from zoo.training.sources import open_images

NOISE = zoo.Gaussian((0, 55))


def test_augmentation_varies():
    patch = tf.reshape(tf.linspace(0.0, 1.0, 64), (1, 8, 8, 1))
    turned = [augment(patch, Augment(), tf.constant([0, k], tf.int64)).numpy() for k in range(64)]
    plain = Augment(brightness=0, rescale=1)
    exact = {augment(patch, plain, tf.constant([0, k], tf.int64)).numpy().tobytes() for k in range(64)}
    assert len(exact) == 8  # the eight symmetries of the square
    assert augment(patch, Augment.none(), tf.constant([0, 0], tf.int64)).numpy().tobytes() == patch.numpy().tobytes()
    assert np.ptp([t.mean() for t in turned]) > 0.02


def test_clean_patches_keep_their_range_and_noise_leads_beyond_it(first):
    extremes = [np.kron([[0, 1], [1, 0]], np.ones((32, 32))).astype(np.float32)] * 2
    bright = Augment(brightness=0.5)
    images = open_images(extremes, 1)
    clean = [c for _, c in first(batches(images, NOISE, batch=4, patch=32, seed=0, augmentation=bright), 8)]
    assert all(c.min() >= 0 and c.max() <= 1 for c in clean) and np.ptp([c.mean() for c in clean]) > 0.05
    noisy = [image + np.float32(0.5) for image in extremes]
    images = open_images((noisy, extremes), 1)
    pairs = first(batches(images, None, batch=4, patch=32, seed=0, augmentation=Augment.none()), 2)
    assert all(a.max() == 1.5 and b.max() == 1 for a, b in pairs)


def test_contrast_makes_a_quarter_of_the_patches_as_if_drawn(first):
    """Black and white in places, of a picture that has neither."""
    gray = np.random.default_rng(0).uniform(0.3, 0.6, (64, 64)).astype(np.float32)
    augmentation = Augment(flip=False, transpose=False, rescale=1, brightness=0, contrast=50)
    pipeline = batches(open_images([gray], 1), NOISE, batch=64, patch=16, seed=0, augmentation=augmentation)
    spans = np.array([np.ptp(patch) for _, clean in first(pipeline, 8) for patch in clean])
    assert spans.max() == 1
    assert (spans > 0.31).mean() == pytest.approx(0.25, abs=0.08)
    clean = np.concatenate([clean for _, clean in first(pipeline, 8)])
    assert clean.min() == 0 and clean.max() == 1


def test_saturation_makes_a_quarter_of_the_patches_more_colourful_in_other_colours(first):
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


def test_a_frame_is_black_or_white_at_some_sides_of_a_quarter_of_the_patches(first):
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


def test_a_quarter_of_the_batches_are_enlarged_noisy_and_clean_alike(first):
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


def test_half_of_what_is_enlarged_is_a_file_since(first):
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


def test_a_quarter_of_the_batches_are_sharpened_noisy_and_clean_alike(first):
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


def test_a_quarter_of_the_batches_have_their_noise_smoothed_and_the_picture_as_it_was(pictures, first):
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
def test_the_file_comes_after_what_a_camera_does(pictures, first, name):
    """One bit is black and white alone, whatever was sharpened or smoothed before."""
    images, options = open_images(pictures(), 1), {"batch": 4, "patch": 32, "seed": 0}
    options["augmentation"] = Augment(**{name: 4})
    for noisy, clean in first(batches(images, noise_from_name("gaussian:25+bits:1"), **options), 16):
        assert set(np.unique(noisy)) <= {0, 1} and clean.min() >= 0 and clean.max() <= 1


def test_what_the_file_draws_is_independent_of_what_was_taken(first):
    """Each has random numbers of its own: here the share of salt and how many grays there are."""
    flat = open_images([np.full((48, 48), 0.5, np.float32)], 1)
    noise = noise_from_name("gaussian:1+saltpepper:0-60+bits:2-8")
    options = {"batch": 8, "patch": 32, "seed": 0, "augmentation": replace(Augment.none(), sharpen=0.01)}
    salt, depth = [], []
    for noisy, _ in first(batches(flat, noise, **options), 24):
        for picture in noisy:
            salt.append(np.mean((picture < 0.1) | (picture > 0.9)))
            steps = np.diff(np.unique(picture))
            depth.append(np.log2(1 / steps.min() + 1))
    assert np.ptp(depth) > 4 and abs(np.corrcoef(salt, depth)[0, 1]) < 0.25


@pytest.mark.parametrize("name", ["smooth", "sharpen", "enlarge"])
def test_jpeg_that_is_always_there_is_drawn_after_it(name, pictures, first):
    augmentation = Augment(**{name: 2})
    pipeline = batches(open_images(pictures(), 3), noise_from_name("gaussian:5+jpeg:50"), batch=2, patch=32, seed=0,
                       augmentation=augmentation)  # fmt: skip
    for noisy, clean in first(pipeline, 8):
        assert noisy.shape == clean.shape == (2, 32, 32, 3) and not np.array_equal(noisy, clean)


def test_noise_of_neighbours_is_not_smoothed_into_each_other(pictures):
    images = open_images(pictures(), 1, clean=False)
    with pytest.raises(UsageError, match="smooth=1 would carry the noise of what is learned to what is shown"):
        augmentation = Augment(rescale=1, brightness=0, smooth=1)
        batches(images, None, batch=2, patch=8, seed=0, augmentation=augmentation, self_supervised=True)


def test_no_more_is_enlarged_than_can_be(pictures, first):
    pairs = open_images(([picture // 2 for picture in pictures()], pictures()), 3)
    for images, more in ((pairs, {}), (open_images(pictures(), 3, clean=False), {"self_supervised": True})):
        augmentation = Augment(rescale=1, brightness=0, enlarge=4)
        found = first(batches(images, None, batch=2, patch=2, seed=0, augmentation=augmentation, **more), 12)
        assert all(one.shape == other.shape == (2, 2, 2, 3) for one, other in found)


@pytest.mark.parametrize("name", ["smooth", "sharpen", "enlarge"])
def test_what_changes_the_level_is_not_for_networks_that_are_told_it(pictures, name):
    with pytest.raises(UsageError, match=f"{name}=2 would change the noise's level, which the network is told"):
        more = {"augmentation": Augment(**{name: 2}), "takes_sigma": True}
        batches(open_images(pictures(), 3), NOISE, batch=2, patch=8, seed=0, **more)


@pytest.mark.parametrize("takes_sigma", [False, True])
def test_batches_are_trimmed_at_their_end_and_by_nothing_else(pictures, first, takes_sigma):
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


def test_pairs_and_neighbours_are_trimmed_alike(pictures, first):
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


def test_no_more_is_trimmed_than_there_is(pictures):
    assert Augment(frame=np.int64(2), trim=np.int64(1)) == Augment(frame=2, trim=1)
    for wrong in (-1, 1.5, True):
        for name in ("trim", "frame"):
            with pytest.raises(UsageError, match="expected a whole number of rows"):
                Augment(**{name: wrong})
    images = open_images(pictures(), 3)
    with pytest.raises(UsageError, match="trim=16 of patches of 16 pixels; expected less"):
        batches(images, NOISE, batch=4, patch=16, seed=0, augmentation=Augment(trim=16))


def test_gray_images_have_no_saturation(pictures):
    with pytest.raises(UsageError, match="saturation=2 of gray images; expected 1"):
        batches(open_images(pictures(), 1), NOISE, batch=4, patch=16, seed=0, augmentation=Augment(saturation=2))


def test_what_would_change_the_noise_that_images_bring_is_refused(pictures):
    images = open_images((pictures(), [picture // 2 for picture in pictures()]), 3)
    for name in ("contrast", "saturation", "frame", "rescale"):
        with pytest.raises(UsageError, match=f"{name}=2 would change the noise"):
            batches(images, None, batch=4, patch=16, seed=0, augmentation=Augment(**{name: 2}))


def test_the_noise_of_pairs_stays_as_strong_as_it_is(first):
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


def test_rescaling_shrinks_the_image_a_little(first):
    ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    pipeline = batches(
        open_images([ramp], 1), NOISE, batch=32, patch=32, seed=0, augmentation=Augment(False, False, 1.25, 0)
    )
    slopes = [255 * float(p[16, 24, 0] - p[16, 8, 0]) / 16 for _, clean in first(pipeline, 4) for p in clean]
    assert min(slopes) == pytest.approx(1, abs=0.06) and max(slopes) == pytest.approx(1.25, abs=0.06)


def test_pairs_are_cut_and_turned_alike(pictures, first, tmp_path):
    for name in ("noisy", "clean"):
        (tmp_path / name).mkdir()
    for k, picture in enumerate(pictures()):
        Image.fromarray(picture).save(tmp_path / "clean" / f"{k}.png")
        Image.fromarray(picture // 2).save(tmp_path / "noisy" / f"{k}.png")
    images = open_images((tmp_path / "noisy", tmp_path / "clean"), 3)
    pipeline = batches(images, None, batch=4, patch=16, seed=0, augmentation=Augment(brightness=0, rescale=1))
    for noisy, clean in first(pipeline, 5):
        np.testing.assert_array_equal(np.round(noisy * 255), np.round(clean * 255) // 2)
