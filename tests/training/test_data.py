"""The pipelines: what they give, that they repeat by seed and continue anywhere, and what they refuse."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data as photographs

import zoo
from zoo.errors import InputError, UsageError
from zoo.inference.images import to_gray
from zoo.noise import noise_from_name
from zoo.training import sources
from zoo.training.augment import Augment
from zoo.training.corrupt import corrupt
from zoo.training.data import batches, hold_out, validation_pairs
from zoo.training.neighbors import neighbor_pairs
from zoo.training.sources import open_images

NOISE = zoo.Gaussian((0, 55))


@pytest.fixture
def folder(pictures, tmp_path):
    (tmp_path / "clean" / "deeper").mkdir(parents=True)
    for k, picture in enumerate(pictures()):
        place = "clean/deeper" if k % 2 else "clean"
        Image.fromarray(picture).save(tmp_path / place / f"{k}.{'png' if k else 'jpg'}", quality=100, subsampling=0)
    return tmp_path / "clean"


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
def test_a_patch_is_a_piece_of_its_image(first, cached, folder, monkeypatch):
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
def test_a_pipeline_repeats_by_seed_and_continues_anywhere(first, cached, folder, monkeypatch):
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


def test_every_image_is_visited_once_an_epoch_and_large_ones_more_often(first):
    flat = [np.full((64, 64), 10 * k, np.uint8) for k in range(1, 7)] + [np.full((256, 256), 200, np.uint8)]
    images = open_images(flat, 1)
    pipeline = batches(images, NOISE, batch=1, patch=16, seed=0, augmentation=Augment.none())
    # 64² is one visit of 16 patches of 16²; 256² is sixteen.
    for epoch in range(2):
        seen = [int(round(clean[0, 0, 0, 0] * 255)) for _, clean in first(pipeline.skip(22 * epoch), 22)]
        assert sorted(seen) == sorted([10, 20, 30, 40, 50, 60] + [200] * 16)


def test_a_batch_mixes_images_when_files_are_decoded(first, folder, monkeypatch):
    monkeypatch.setattr(sources, "CACHE_BYTES", 0)
    order = batches(open_images(folder, 3), NOISE, batch=5, patch=16, seed=0, augmentation=Augment.none())
    _, clean = first(order, 1)[0]
    steps = {tuple(np.round(255 * (p[1, 0] - p[0, 0])).astype(int) % 256) for p in clean}
    assert len(steps) >= 4  # the gradient tells the image


def test_noise_is_drawn_afresh_for_each_batch(first):
    images = open_images([np.full((32, 32), 128, np.uint8)], 1)
    a, b = first(batches(images, zoo.Gaussian(25), batch=2, patch=16, seed=0), 2)
    assert not np.array_equal(a[0], b[0])
    assert np.std(a[0] - a[1]) == pytest.approx(25 / 255, rel=0.15)


def test_the_level_comes_along_where_it_is_asked_for(pictures, first):
    images = open_images(pictures(channels=1), 1)
    (noisy, sigma), clean = first(batches(images, NOISE, batch=8, patch=32, seed=0, takes_sigma=True), 1)[0]
    np.testing.assert_allclose((noisy - clean).std(axis=(1, 2, 3)), sigma[:, 0], rtol=0.12, atol=1e-3)


@pytest.mark.parametrize("size", [(32, 32), (32, 24)])
def test_pairs_that_lie_on_different_sides_are_refused(pictures, tmp_path, size):
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


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colour_becomes_gray_as_everywhere_in_the_zoo(dtype):
    """By its luma, rounded: TensorFlow's own way cuts off, and white is no longer white."""
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[dtype]
    picture = (np.random.default_rng(0).random((40, 50, 3)) * white).astype(dtype)
    picture[:5] = white
    found = open_images([picture, picture[::-1]], 1).image(0)[..., 0]
    np.testing.assert_allclose(found, to_gray(picture).astype(np.float32) / white, atol=1e-7)
    assert (found[:5] == 1).all()


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


def test_equal_pairs_are_refused_because_a_network_would_learn_to_copy(folder):
    with pytest.raises(UsageError, match="learns to copy"):
        open_images((folder, folder), 3)


def test_pairs_must_fit(pictures, folder, tmp_path):
    (tmp_path / "other").mkdir()
    Image.fromarray(pictures()[0]).save(tmp_path / "other" / "0.png")
    with pytest.raises(UsageError, match="only in one of"):
        open_images((folder, tmp_path / "other"), 3)


def test_validation_pairs_are_fixed_and_noisy(pictures):
    images = open_images(pictures(), 1)
    a, b = (validation_pairs(images, NOISE, seed=0, side=32, most=4) for _ in range(2))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)
    noisy, clean, sigma = a
    assert noisy.shape == clean.shape == (4, 32, 32, 1)
    np.testing.assert_allclose((noisy - clean).std(axis=(1, 2, 3)), sigma[:, 0], rtol=0.1)
    _, _, told = validation_pairs(images, noise_from_name(f"{NOISE.name}+bits:16"), seed=0, side=32, most=4)
    np.testing.assert_array_equal(told, sigma)


def test_every_other_validation_picture_is_cropped_after_jpeg(pictures):
    """Else a network that knows JPEG's blocks at one place alone would look like the best."""
    images = open_images(pictures(), 3)
    noise = zoo.noise_from_name("jpeg:30")
    noisy, clean, _ = validation_pairs(images, noise, seed=1, side=32, most=4)
    as_files = [noise.sample(picture, np.random.default_rng([1, i])) for i, picture in enumerate(clean)]
    assert [np.array_equal(a, b) for a, b in zip(noisy, as_files, strict=True)] == [True, False, True, False]
    error = [np.square(a - b).mean() for a, b in ((noisy, clean), (np.stack(as_files), clean))]
    np.testing.assert_allclose(*error, rtol=0.3)  # elsewhere, and no stronger


def test_a_tenth_is_held_out_and_nothing_is_in_both(pictures):
    images = open_images(pictures(count=21), 1)
    kept, held = hold_out(images)
    assert held == [0, 10, 20] and sorted(kept + held) == list(range(21))
    with pytest.raises(UsageError, match="expected at least 2"):
        hold_out(open_images(pictures(count=1), 1))


def test_a_tensorflow_datasets_name_is_a_source(pictures, tmp_path, monkeypatch):
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


def test_images_smaller_than_the_patch_are_refused(pictures):
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


@pytest.mark.parametrize("alone", [False, True])
def test_images_that_bring_their_noise_keep_it_by_default(alone, pictures, first):
    """Lost pixels stay black and white: brighter, they would be nothing of the kind."""
    rng = np.random.default_rng(0)
    clean = [np.clip(picture[..., :1], 30, 220) for picture in pictures(5, 96)]
    noisy = [np.where(rng.random(image.shape) < 0.3, rng.integers(0, 2, image.shape) * 255, image) for image in clean]
    noisy = [image.astype(np.uint8) for image in noisy]
    images = open_images(noisy if alone else (noisy, clean), 1)
    for seen, _ in first(batches(images, None, batch=4, patch=32, seed=0, self_supervised=alone)):
        assert 0.2 < np.isin(seen, (0, 1)).mean() < 0.4 and seen.min() == 0 and seen.max() == 1
