"""``zoo noise``: named noise on a picture."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from zoo.noise import noise_from_name


def opened(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.parametrize("name", ["gaussian:25", "poisson:30+saltpepper:2", "jpeg:40"])
def test_an_array_gets_the_noise_of_the_library(name, zoo, color, color_file, tmp_path):
    result = zoo("noise", color_file, "-o", tmp_path / "noisy.npy", "--noise", name, "--seed", "3")
    assert result.status == 0
    expected = noise_from_name(name).sample(color.astype(np.float32) / 255, np.random.default_rng(3))
    noisy = np.load(tmp_path / "noisy.npy")
    assert noisy.dtype == np.float32
    np.testing.assert_allclose(noisy, expected, atol=1e-6)


def test_an_array_keeps_what_a_picture_clips(zoo, color, color_file, tmp_path):
    for name in ("noisy.npy", "noisy.png"):
        assert zoo("noise", color_file, "-o", tmp_path / name, "--noise", "gaussian:50").status == 0
    array, picture = np.load(tmp_path / "noisy.npy"), opened(tmp_path / "noisy.png")
    assert array.min() < -0.05
    assert array.max() > 1.05
    np.testing.assert_allclose(picture, np.clip(array * 255, 0, 255), atol=0.501)
    assert np.std(array - color / 255) * 255 == pytest.approx(50, rel=0.02)


def test_the_seed_decides(zoo, gray_file, tmp_path):
    def noisy(seed: int) -> bytes:
        assert zoo("noise", gray_file, "-o", tmp_path / "n.png", "--noise", "gaussian:25", "--seed", seed).status == 0
        return (tmp_path / "n.png").read_bytes()

    assert noisy(0) == noisy(0) != noisy(1)


def test_a_range_draws_one_level_and_says_which(zoo, gray, gray_file, tmp_path):
    result = zoo("noise", gray_file, "-o", tmp_path / "n.npy", "--noise", "gaussian:20-40")
    level = float(result.err.split("gaussian:")[1].split(",")[0])
    assert 20 < level < 40
    assert np.std(np.load(tmp_path / "n.npy") - gray / 255) * 255 == pytest.approx(level, rel=0.02)


def test_16_bits_and_alpha_stay(zoo, gray, color, tmp_path):
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    alpha = np.full((100, 120, 1), 77, np.uint8)
    Image.fromarray(np.concatenate([color, alpha], axis=-1)).save(tmp_path / "rgba.png")
    for name in ("deep", "rgba"):
        zoo("noise", tmp_path / f"{name}.png", "-o", tmp_path / f"{name}-noisy.png", "--noise", "gaussian:10")
    assert opened(tmp_path / "deep-noisy.png").dtype == np.uint16
    rgba = opened(tmp_path / "rgba-noisy.png")
    np.testing.assert_array_equal(rgba[..., 3:], alpha)
    assert np.std(rgba[..., :3].astype(float) - color) == pytest.approx(10, rel=0.05)


def test_every_page_gets_noise_of_its_own_on_the_scale_of_its_white(zoo, gray, tmp_path):
    stack = np.stack([gray, gray[::-1]]).astype(np.uint16) * 8
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    how = ("--noise", "gaussian:25", "--seed", "3", "--white", 255 * 8)
    result = zoo("noise", tmp_path / "in.tif", "-o", tmp_path / "out.tif", *how)
    assert (result.status, "(gaussian:25, 2 pages, seed 3)" in result.err) == (0, True)
    rng, noise = np.random.default_rng(3), noise_from_name("gaussian:25")
    for found, page in zip(tifffile.imread(tmp_path / "out.tif"), stack, strict=True):
        wanted = noise.sample(page[..., np.newaxis].astype(np.float32) / (255 * 8), rng)[..., 0] * 255 * 8
        np.testing.assert_allclose(found, np.clip(wanted, 0, 255 * 8), atol=0.51)
    assert zoo("noise", tmp_path / "in.tif", "-o", tmp_path / "none.npy", *how).status == 1  # two pages
    tifffile.imwrite(tmp_path / "one.tif", stack[0], photometric="minisblack")
    assert zoo("noise", tmp_path / "one.tif", "-o", tmp_path / "one.npy", *how).status == 0
    wanted = noise.sample(stack[0][..., np.newaxis] / np.float32(255 * 8), np.random.default_rng(3))[..., 0] * 255 * 8
    np.testing.assert_allclose(np.load(tmp_path / "one.npy"), wanted, atol=0.01)  # on the scale that it was said to be
    told = zoo("noise", tmp_path / "in.tif", "-o", tmp_path / "again.tif", "--noise", "gaussian:25")
    assert told.status == 0 and told.err.count("where white is 65535: if white is another number, say which") == 1
    refused = zoo("noise", tmp_path / "in.tif", "-o", tmp_path / "out.png", *how)
    assert refused.status == 1 and not (tmp_path / "out.png").exists()


def test_the_input_is_not_overwritten(zoo, gray_file):
    before = gray_file.read_bytes()
    result = zoo("noise", gray_file, "-o", gray_file, "--noise", "gaussian:25")
    assert result.status == 2
    assert gray_file.read_bytes() == before


def test_a_folder_is_mirrored_with_the_noise_that_is_evaluated_on(zoo, gray, color, tmp_path):
    photos = tmp_path / "photos"
    (photos / "more").mkdir(parents=True)
    Image.fromarray(color).save(photos / "b.png")
    Image.fromarray(gray).save(photos / "more" / "a.jpg", quality=100)
    (photos / "c.png").write_bytes(b"no picture")
    (photos / "raw.cr2").write_bytes(b"")
    result = zoo(
        "noise", photos, "-o", tmp_path / "noisy", "--noise", "gaussian:5-50", "--seed", "4", "--format", "npy"
    )
    lines = result.err.splitlines()
    assert result.status == 1 and lines[-2] == "2 done, 1 failed" and lines[-1].endswith("read here: 1 .cr2")
    assert sum(line.startswith("zoo: error: ") and "c.png" in line for line in lines) == 1
    files = {path.relative_to(tmp_path / "noisy").as_posix() for path in (tmp_path / "noisy").rglob("*.*")}
    assert files == {"b.npy", "more/a.npy"}
    noise, jpeg = noise_from_name("gaussian:5-50"), opened(photos / "more" / "a.jpg")
    for i, (name, clean) in {0: ("b.npy", color), 2: ("more/a.npy", jpeg)}.items():
        image = clean.reshape(*clean.shape[:2], -1).astype(np.float32) / 255
        expected = noise.sample(image, np.random.default_rng([4, i])).reshape(clean.shape)
        np.testing.assert_allclose(np.load(tmp_path / "noisy" / name), expected, atol=1e-6)


def test_several_pictures_need_a_folder_and_other_names(zoo, gray_file, color_file, tmp_path):
    result = zoo("noise", gray_file, color_file, "-o", tmp_path / "x.png", "--noise", "gaussian:25")
    assert result.status == 2 and "2 pictures with output" in result.err
    before = gray_file.read_bytes(), color_file.read_bytes()
    result = zoo("noise", gray_file, color_file, "-o", gray_file.parent, "--noise", "gaussian:25")
    assert result.status == 2 and (gray_file.read_bytes(), color_file.read_bytes()) == before
    result = zoo("noise", gray_file, "-o", str(tmp_path / "new") + "/", "--noise", "gaussian:25")
    assert result.status == 0 and opened(tmp_path / "new" / gray_file.name).shape == opened(gray_file).shape
