"""``zoo denoise``: files in, clean files out."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import uniform_filter

from zoo.cli.denoise import EVERYDAY
from zoo.pretrained import describe, list_pretrained


def blurred(image: np.ndarray) -> np.ndarray:
    """What the entry of the fixture gives, on the scale of ``image``, not rounded."""
    size = (3, 3) if image.ndim == 2 else (3, 3, 1)
    return uniform_filter(image.astype(np.float64), size, mode="nearest")


def opened(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_denoised(channels, zoo, blur, gray_file, color_file, tmp_path):
    source = gray_file if channels == 1 else color_file
    result = zoo("denoise", source, "-o", tmp_path / "out.png", "--model", blur(channels))
    assert (result.status, result.out) == (0, "")
    assert result.err == f"{source} -> {tmp_path / 'out.png'} (blur-{channels})\n"
    np.testing.assert_allclose(opened(tmp_path / "out.png"), blurred(opened(source)), atol=0.51)


def test_tiles_and_threads_change_nothing(zoo, blur, gray_file, tmp_path):
    model = blur(1)
    for name, options in {"whole": ["--tile", "none"], "tiled": ["--tile", "17", "--threads", "1"]}.items():
        assert zoo("denoise", gray_file, "-o", tmp_path / f"{name}.png", "--model", model, *options).status == 0
    np.testing.assert_array_equal(opened(tmp_path / "whole.png"), opened(tmp_path / "tiled.png"))


def test_a_gray_model_takes_a_colour_picture_plane_by_plane(zoo, blur, color, tmp_path):
    alpha = np.arange(100 * 120, dtype=np.uint8).reshape(100, 120, 1)
    Image.fromarray(np.concatenate([color, alpha], axis=-1)).save(tmp_path / "rgba.png")
    result = zoo("denoise", tmp_path / "rgba.png", "-o", tmp_path / "out.png", "--model", blur(1))
    assert result.status == 0
    assert "each colour by itself" in result.err
    out = opened(tmp_path / "out.png")
    np.testing.assert_allclose(out[..., :3], blurred(color), atol=0.51)
    np.testing.assert_array_equal(out[..., 3:], alpha)


def test_a_colour_model_takes_a_gray_picture(zoo, blur, gray, gray_file, tmp_path):
    result = zoo("denoise", gray_file, "-o", tmp_path / "out.png", "--model", blur(3))
    assert result.status == 0
    assert "gray picture as a colour picture" in result.err
    out = opened(tmp_path / "out.png")
    assert out.shape == gray.shape
    np.testing.assert_allclose(out, blurred(gray), atol=0.51)


def test_the_noise_level_arrives(zoo, blur, gray, gray_file, tmp_path):
    zoo("denoise", gray_file, "-o", tmp_path / "out.npy", "--model", blur(1, takes_sigma=True), "--sigma", "25.5")
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), blurred(gray) / 255 + 0.1, atol=1e-5)


def test_an_array_is_neither_clipped_nor_rounded(zoo, blur, tmp_path):
    image = np.random.default_rng(0).normal(0.5, 2, (9, 8, 3))
    np.save(tmp_path / "in.npy", image)
    assert zoo("denoise", tmp_path / "in.npy", "-o", tmp_path / "out.npy", "--model", blur(3)).status == 0
    out = np.load(tmp_path / "out.npy")
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, blurred(image), atol=1e-5)


def test_an_array_becomes_a_picture_of_8_bits_and_the_reverse(zoo, blur, gray, gray_file, tmp_path):
    model = blur(1)
    np.save(tmp_path / "in.npy", gray[..., None] / 255)
    zoo("denoise", tmp_path / "in.npy", "-o", tmp_path / "out.png", "--model", model)
    assert opened(tmp_path / "out.png").dtype == np.uint8
    np.testing.assert_allclose(opened(tmp_path / "out.png"), blurred(gray), atol=0.51)
    zoo("denoise", gray_file, "-o", tmp_path / "out.npy", "--model", model)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), blurred(gray) / 255, atol=1e-5)


@pytest.mark.parametrize("dtype", [">u2", "<u2"])
def test_an_array_of_16_bits_keeps_them(dtype, zoo, blur, gray, tmp_path):
    np.save(tmp_path / "in.npy", (gray.astype(np.float64) * 257).astype(dtype))
    assert zoo("denoise", tmp_path / "in.npy", "-o", tmp_path / "out.png", "--model", blur(1)).status == 0
    assert opened(tmp_path / "out.png").dtype == np.uint16
    np.testing.assert_allclose(opened(tmp_path / "out.png"), blurred(gray) * 257, atol=1)


def test_several_pictures_go_into_a_folder(zoo, blur, gray_file, color_file, tmp_path):
    (tmp_path / "out").mkdir()
    result = zoo("denoise", gray_file, color_file, "-o", tmp_path / "out", "--model", blur(1))
    assert result.status == 0
    assert len(result.err.splitlines()) == 2
    for source in (gray_file, color_file):
        np.testing.assert_allclose(opened(tmp_path / "out" / source.name), blurred(opened(source)), atol=0.51)


def test_several_pictures_need_a_folder(zoo, blur, gray_file, color_file, tmp_path):
    result = zoo("denoise", gray_file, color_file, "-o", tmp_path / "out.png", "--model", blur(1))
    assert result.status == 2
    assert "expected a folder that exists" in result.err
    assert not (tmp_path / "out.png").exists()


def test_no_picture_is_overwritten_by_its_own_or_anothers_result(zoo, blur, gray_file, tmp_path):
    model, before = blur(1), gray_file.read_bytes()
    (tmp_path / "link.png").symlink_to(gray_file)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "gray.png").write_bytes(before)
    (tmp_path / "out").mkdir()
    same_names = [gray_file, tmp_path / "other" / "gray.png", "-o", tmp_path / "out"]
    for arguments in [
        [gray_file, "-o", gray_file],
        [gray_file, "-o", tmp_path / "link.png"],
        [gray_file, "-o", tmp_path],
        same_names,
    ]:
        result = zoo("denoise", *arguments, "--model", model)
        assert result.status == 2
        assert len(result.err.splitlines()) == 1
    assert gray_file.read_bytes() == before
    assert not list((tmp_path / "out").iterdir())


def test_a_bar_is_shown_on_a_terminal_only(zoo, blur, gray_file, color_file, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    arguments = ["denoise", gray_file, color_file, "-o", tmp_path / "out", "--model", blur(1)]
    assert "denoising" not in zoo(*arguments).err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    result = zoo(*arguments)
    assert result.status == 0
    assert "denoising" in result.err
    assert f"{gray_file} -> " in result.err.replace("\n", "")


def test_entries_that_are_the_default_are_shipped_for_both_colours():
    for channels, names in EVERYDAY.items():
        shipped = [name for name in names if name in list_pretrained()]
        assert shipped
        assert {describe(name).channels for name in shipped} == {channels}


@pytest.mark.parametrize("channels", [1, 3])
def test_without_a_model_the_pictures_colour_decides(channels, zoo, gray_file, color_file, tmp_path):
    source = gray_file if channels == 1 else color_file
    zoo("noise", source, "-o", tmp_path / "noisy.png", "--noise", "gaussian:25")
    result = zoo("denoise", tmp_path / "noisy.png", "-o", tmp_path / "clean.png")
    assert result.status == 0
    used = next(name for name in EVERYDAY[channels] if name in list_pretrained())
    assert result.err.endswith(f"({used})\n")
    clean, noisy, out = (opened(f).astype(float) for f in (source, tmp_path / "noisy.png", tmp_path / "clean.png"))
    assert np.mean((out - clean) ** 2) < 0.25 * np.mean((noisy - clean) ** 2)


def test_without_any_shipped_entry_a_model_is_asked_for(zoo, gray_file, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.pretrained.shipped", dict)
    result = zoo("denoise", gray_file, "-o", tmp_path / "out.png")
    assert result.status == 2
    assert "expected --model" in result.err
