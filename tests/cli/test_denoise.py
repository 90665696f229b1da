"""``zoo denoise``: files in, clean files out."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import uniform_filter

from zoo.inference.denoiser import EVERYDAY, load
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


@pytest.mark.parametrize("alpha", [False, True])
def test_a_gray_picture_in_three_channels_is_denoised_as_one(zoo, blur, gray, tmp_path, monkeypatch, alpha):
    """Of noise that is the same in all channels, networks for colour take hardly any away."""
    entries = {"resnet-gaussian-gray": blur(1), "resnet-photo-color": blur(3)}
    for module in ("zoo.pretrained", "zoo.inference.denoiser", "zoo.inference.folder"):
        monkeypatch.setattr(f"{module}.shipped", lambda: entries)
    color = np.stack([gray] * 3 + [np.roll(gray, 5)] * alpha, axis=-1)
    Image.fromarray(color).save(tmp_path / "in.png")
    result = zoo("denoise", tmp_path / "in.png", "-o", tmp_path / "out.png")
    assert result.status == 0 and "(blur-1, gray, in three equal channels)" in result.err
    out = opened(tmp_path / "out.png")
    assert out.shape == color.shape and (out[..., :1] == out[..., :3]).all()
    np.testing.assert_allclose(out[..., 0], blurred(gray), atol=0.51)
    np.testing.assert_array_equal(out[..., 3:], color[..., 3:])
    asked = zoo("denoise", tmp_path / "in.png", "-o", tmp_path / "asked.png", "--model", "resnet-photo-color")
    assert "(blur-3, a gray picture, of whose noise it leaves much: take resnet-gaussian-gray)" in asked.err
    color[0, 0, 0] ^= 1
    Image.fromarray(color).save(tmp_path / "in.png")
    assert zoo("denoise", tmp_path / "in.png", "-o", tmp_path / "out.png").err.endswith("(blur-3)\n")


def test_what_is_not_there_is_told_before_what_is_wrong_with_the_output(zoo, blur, tmp_path):
    for output in ("x", "out.png"):
        result = zoo("denoise", tmp_path / "my", tmp_path / "photos", "-o", tmp_path / output, "--model", blur(1))
        assert result.status == 1 and "no such file or folder" in result.err and "my'" in result.err
        assert not (tmp_path / output).exists()
        (tmp_path / "blur-1").rename(tmp_path / f"of {output}")


def test_a_name_with_a_slash_at_its_end_is_a_folder(zoo, blur, gray_file, tmp_path):
    result = zoo("denoise", gray_file, "-o", f"{tmp_path / 'new'}/", "--model", blur(1), "--format", "tif")
    assert result.status == 0, result.err
    assert (tmp_path / "new" / "gray.tif").is_file()


def test_the_level_without_a_model(zoo, gray_file, tmp_path):
    result = zoo("denoise", gray_file, "-o", tmp_path / "out.png", "--sigma", "25")
    assert result.status == 2 and "--model): resnet-gaussian-color-aware" in result.err
    result = zoo("denoise", gray_file, "-o", tmp_path / "o.png", "--sigma", "25", "--model", "resnet-gaussian-gray")
    assert result.status == 2 and result.err.endswith("take one that does: resnet-gaussian-gray-aware\n")


def test_pictures_of_other_formats_are_not_passed_over_without_a_word(zoo, blur, gray_file, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    gray_file.rename(folder / "a.png")
    for name in ("b.CR2", "c.heic", "d.heic", "notes.txt"):
        (folder / name).write_bytes(b"II*\0")
    result = zoo("denoise", folder, "-o", tmp_path / "out", "--model", blur(1))
    assert result.status == 0
    assert result.err.endswith("left out, of formats that are not read here: 1 .cr2, 2 .heic\n")
    result = zoo("denoise", folder / "b.CR2", "-o", tmp_path / "b.tif", "--model", tmp_path / "blur-1")
    assert result.status == 1 and "a camera's raw file" in result.err


def test_a_colour_model_takes_a_gray_picture(zoo, blur, gray, gray_file, tmp_path):
    result = zoo("denoise", gray_file, "-o", tmp_path / "out.png", "--model", blur(3))
    assert result.status == 0
    assert "gray picture as a colour picture, of whose noise it leaves much: take resnet-gaussian-gray" in result.err
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


@pytest.mark.parametrize(("white", "told"), [(1023, True), (4095, True), (65535, False)])
def test_sixteen_bits_that_are_fewer_are_told(white, told, zoo, blur, gray, tmp_path):
    array = gray.astype(np.uint16) * (white // 255)
    np.save(tmp_path / "in.npy", array)
    result = zoo("denoise", tmp_path / "in.npy", "-o", tmp_path / "out.tif", "--model", blur(1))
    assert result.status == 0
    words = f"hardly anything above {white}, where white is 65535: if white is another number, say which (--white"
    assert (words in result.err) == told


@pytest.mark.parametrize("name", ["out.tif", "out.npy", "out.png"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_white_is_what_it_is_said_to_be(dtype, name, zoo, blur, gray, tmp_path):
    """What comes out is on the scale of what went in, but for formats that have one of their own."""
    array = gray.astype(dtype) * 16
    np.save(tmp_path / "in.npy", array)
    result = zoo("denoise", tmp_path / "in.npy", "-o", tmp_path / name, "--model", blur(1), "--white", "4080")
    assert result.status == 0 and "where white is" not in result.err
    found = np.load(tmp_path / name) if name.endswith("npy") else opened(tmp_path / name)
    scale = 1 if (name, dtype) == ("out.png", "float32") else 16
    np.testing.assert_allclose(found, blurred(gray) * scale, atol=0.51 * scale + 0.51 * (found.dtype.kind == "u"))


def test_alpha_stays_where_floats_become_8_bits(zoo, blur, gray, tmp_path):
    """Whatever is white: alpha is on the scale of its type."""
    alpha = np.linspace(0, 1, gray.size, dtype=np.float32).reshape(gray.shape)
    array = np.dstack([gray.astype(np.float32) * 16] * 3 + [alpha])
    tifffile.imwrite(tmp_path / "in.tif", array, photometric="rgb", extrasamples=["unassalpha"])
    zoo("denoise", tmp_path / "in.tif", "-o", tmp_path / "out.png", "--model", blur(1), "--white", "4080")
    found = opened(tmp_path / "out.png")
    np.testing.assert_allclose(found[..., 0], blurred(gray), atol=0.51)
    np.testing.assert_allclose(found[..., 3], alpha * 255, atol=0.51)


def test_a_file_that_says_itself_what_white_is_takes_no_other(zoo, blur, gray, tmp_path):
    """Pillow scales its numbers by that."""
    content = b"P5\n# of 12 bits\n120 100\n4080\n" + (gray.astype(np.uint16) * 16).astype(">u2").tobytes()
    (tmp_path / "in.pgm").write_bytes(content)
    model = blur(1)
    assert zoo("denoise", tmp_path / "in.pgm", "-o", tmp_path / "out.png", "--model", model).status == 0
    np.testing.assert_allclose(opened(tmp_path / "out.png"), blurred(gray) * 257, atol=2)
    refused = zoo("denoise", tmp_path / "in.pgm", "-o", tmp_path / "no.png", "--model", model, "--white", "4080")
    assert refused.status == 1 and "says itself that 4080 is white; expected no --white" in refused.err
    Image.fromarray(gray).save(tmp_path / "eight.pgm")
    fine = zoo("denoise", tmp_path / "eight.pgm", "-o", tmp_path / "out.png", "--model", model, "--white", "200")
    assert fine.status == 0


def test_pages_of_one_scale_have_one_thing_said_of_them(zoo, blur, gray, tmp_path):
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        for factor in (9, 10, 11, 12):
            writer.write(gray.astype(np.uint16) * factor, metadata=None)
    result = zoo("denoise", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--model", blur(1))
    assert result.status == 0 and result.err.count("hardly anything above") == 1


def test_planes_that_come_first_are_refused_and_alpha_is_told(zoo, blur, tmp_path):
    channels = np.random.default_rng(0).integers(0, 65536, (3, 20, 30), dtype=np.uint16)
    np.save(tmp_path / "in.npy", channels)
    arguments = ["denoise", tmp_path / "in.npy", "-o", tmp_path / "out.npy", "--model", blur(1), "--planes"]
    result = zoo(*arguments)
    assert result.status == 1 and "expected channels last: numpy.moveaxis(image, 0, -1)" in result.err
    np.save(tmp_path / "in.npy", np.moveaxis(channels, 0, -1))
    assert zoo(*arguments).status == 0
    tifffile.imwrite(tmp_path / "in.tif", np.moveaxis(np.concatenate([channels, channels[:1]]), 0, -1))
    result = zoo("denoise", tmp_path / "in.tif", "-o", tmp_path / "out.tif", *arguments[4:])
    assert result.status == 0 and "each of 3 channels by itself, alpha as it was" in result.err


def test_a_level_that_is_hardly_any_is_told(zoo, gray_file, tmp_path):
    options = ["--model", "resnet-gaussian-gray-aware", "--sigma", "0.1"]
    result = zoo("denoise", gray_file, "-o", tmp_path / "out.png", *options)
    assert result.status == 0
    assert "zoo: warning: sigma=0.1 is hardly any noise on the 0–255 scale" in result.err


def test_several_pictures_go_into_a_folder(zoo, blur, gray_file, color_file, tmp_path):
    result = zoo("denoise", gray_file, color_file, "-o", tmp_path / "out", "--model", blur(1))
    assert result.status == 0
    assert len(result.err.splitlines()) == 3
    assert result.err.splitlines()[-1].startswith("2 done, 0 skipped, 0 failed in ")
    for source in (gray_file, color_file):
        np.testing.assert_allclose(opened(tmp_path / "out" / source.name), blurred(opened(source)), atol=0.51)


def test_several_pictures_need_a_folder(zoo, blur, gray_file, color_file, tmp_path):
    result = zoo("denoise", gray_file, color_file, "-o", tmp_path / "out.png", "--model", blur(1))
    assert result.status == 2
    assert "expected a folder" in result.err
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
    arguments = ["denoise", gray_file, color_file, "-o", tmp_path / "out", "--model", blur(1), "--again"]
    assert "denoising" not in zoo(*arguments).err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    result = zoo(*arguments)
    assert result.status == 0
    assert "denoising" in result.err
    assert f"{gray_file} -> {tmp_path / 'out' / 'gray.png'} (" in result.err  # whole, however narrow the terminal


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
    monkeypatch.setattr("zoo.inference.denoiser.shipped", dict)
    result = zoo("denoise", gray_file, "-o", tmp_path / "out.png")
    assert result.status == 2
    assert "expected --model" in result.err


def test_a_folder_is_mirrored_and_what_is_done_is_skipped(zoo, blur, gray_file, color_file, tmp_path):
    model, photos, out = blur(1), tmp_path / "photos", tmp_path / "out"
    (photos / "2026" / "may").mkdir(parents=True)
    gray_file.rename(photos / "a.png")
    color_file.rename(photos / "2026" / "may" / "b.png")
    (photos / "notes.txt").write_text("not a picture")
    result = zoo("denoise", photos, "-o", out, "--model", model)
    assert (result.status, result.out) == (0, "")
    assert result.err.splitlines()[-1].startswith("2 done, 0 skipped, 0 failed")
    for name in ("a.png", "2026/may/b.png"):
        np.testing.assert_allclose(opened(out / name), blurred(opened(photos / name)), atol=0.51)
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert len(stamps) == 2
    assert zoo("denoise", photos, "-o", out, "--model", model).err.startswith("0 done, 2 skipped, 0 failed")
    assert stamps == {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    # Another source, another way, a lost result: made again.
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(photos / "a.png")
    assert zoo("denoise", photos, "-o", out, "--model", model).err.splitlines()[-1].startswith("1 done, 1 skipped")
    assert not opened(out / "a.png").any()
    assert "2 done, 0 skipped" in zoo("denoise", photos, "-o", out, "--model", model, "--strength", "0.5").err
    (out / "a.png").unlink()
    assert "1 done, 1 skipped" in zoo("denoise", photos, "-o", out, "--model", model, "--strength", "0.5").err
    retouched = max(out.rglob("*.*g"))
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(retouched)
    mine = retouched.read_bytes()
    told = zoo("denoise", photos, "-o", out, "--model", model, "--strength", "0.5").err.splitlines()
    assert told[0].startswith(f"left as it is: {retouched}, changed since") and "0 done, 2 skipped" in told[-1]
    assert retouched.read_bytes() == mine
    assert "2 done, 0 skipped" in zoo("denoise", photos, "-o", out, "--model", model, "--again").err
    assert retouched.read_bytes() != mine


def test_a_failed_picture_is_reported_and_the_rest_done(zoo, blur, gray, tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for i in range(5):
        Image.fromarray(gray).save(photos / f"{i}.png")
    (photos / "2.png").write_bytes(b"no picture")
    result = zoo("denoise", photos, "-o", out, "--model", blur(1), "--jobs", "2")
    assert result.status == 1
    (error,) = [line for line in result.err.splitlines() if "error" in line]
    assert "2.png" in error
    assert result.err.splitlines()[-1].startswith("4 done, 0 skipped, 1 failed")
    assert sorted(p.name for p in out.glob("*.png")) == ["0.png", "1.png", "3.png", "4.png"]
    (photos / "2.png").write_bytes((photos / "1.png").read_bytes())
    result = zoo("denoise", photos, "-o", out, "--model", tmp_path / "blur-1", "--jobs", "2")
    assert (result.status, len(list(out.glob("*.png")))) == (0, 5)
    assert result.err.splitlines()[-1].startswith("1 done, 4 skipped, 0 failed")


def test_patterns_and_other_formats(zoo, blur, gray_file, color_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out, model = tmp_path / "out", blur(1)
    result = zoo("denoise", "*.png", "-o", out, "--model", model, "--format", "jpg", "--quality", "80")
    assert result.status == 0
    assert sorted(p.name for p in out.iterdir()) == [".zoo-denoise.jsonl", "color.jpg", "gray.jpg"]
    coarse = (out / "gray.jpg").stat().st_size
    zoo("denoise", "*.png", "-o", out, "--model", model, "--format", ".jpg", "--quality", "95")
    assert coarse < (out / "gray.jpg").stat().st_size
    assert zoo("denoise", "*.bmp", "-o", out).status == 1
    assert zoo("denoise", "*.png", "-o", out, "--format", "gif").status == 2
    assert zoo("denoise", "*.png", "-o", out, "--quality", "101").status == 2


def test_planes_of_a_microscope_and_pages_of_a_scan(zoo, blur, tmp_path):
    stack = np.random.default_rng(0).integers(0, 65536, (3, 20, 30, 5), dtype=np.uint16)
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        for page in stack:
            writer.write(page, photometric="minisblack", planarconfig="contig", metadata=None)
    model = blur(1)
    result = zoo("denoise", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--model", model)
    assert result.status == 1 and "--planes" in result.err
    assert not (tmp_path / "out.tif").exists()
    result = zoo("denoise", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--model", model, "--planes")
    assert result.status == 0 and "each of 5 channels by itself" in result.err
    with tifffile.TiffFile(tmp_path / "out.tif") as found:
        assert len(found.pages) == 3
        for page, wanted in zip(found.pages, stack, strict=True):
            assert page.dtype == np.uint16
            np.testing.assert_allclose(page.asarray(), blurred(wanted), atol=1)
    result = zoo("denoise", tmp_path / "in.tif", "-o", tmp_path / "out.png", "--model", model, "--planes")
    assert result.status == 1 and not (tmp_path / "out.png").exists()


def test_a_picture_larger_than_allowed(zoo, blur, gray_file, tmp_path):
    arguments = ["denoise", gray_file, "-o", tmp_path / "out.png", "--model", blur(1)]
    result = zoo(*arguments, "--max-pixels", "11999")
    assert result.status == 1 and "too large" in result.err and not (tmp_path / "out.png").exists()
    assert zoo(*arguments, "--max-pixels", "12000").status == 0


def test_ensemble(zoo, gray_file, tmp_path):
    """By a shipped network: what the options of the command and of Python give is the same."""
    arguments = ["denoise", gray_file, "-o", tmp_path / "out.npy", "--model", "resnet-gaussian-gray-tiny"]
    assert zoo(*arguments, "--ensemble", "8").status == 0
    image = np.asarray(Image.open(gray_file)).astype(np.float32) / 255
    denoise = load("resnet-gaussian-gray-tiny")
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), denoise(image, ensemble=8), atol=1e-5)
    assert np.abs(np.load(tmp_path / "out.npy") - denoise(image)).max() > 0.003
    for wrong, told in {"3": "choose from 1, 2, 4, 8", "0": "choose from 1, 2, 4, 8", "all": "invalid int"}.items():
        result = zoo(*arguments, "--ensemble", wrong)
        assert result.status == 2 and told in result.err.replace("'", "")


def test_strength(zoo, blur, gray, gray_file, tmp_path):
    arguments = ["denoise", gray_file, "-o", tmp_path / "out.npy", "--model", blur(1)]
    assert zoo(*arguments, "--strength", "0.25").status == 0
    wanted = (0.75 * gray + 0.25 * blurred(gray)) / 255
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), wanted, atol=1e-5)
    for wrong in ("2", "-1", "nan", "half"):
        assert zoo(*arguments, "--strength", wrong).status == 2


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".bmp", ".npy"])
def test_a_disk_that_is_full(zoo, blur, tmp_path, ending):
    """The system itself refuses to write on, as on a full disk: an older result stays, and nothing half-written."""
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    Image.fromarray(noise).save(tmp_path / "in.png")
    model, out = blur(1), tmp_path / f"out{ending}"
    out.write_bytes(b"an older result")
    before = sorted(os.listdir(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        result = zoo("denoise", tmp_path / "in.png", "-o", out, "--model", model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert result.status == 1
    assert "cannot be written" in result.err and "File too large" in result.err and result.err.count("\n") == 1
    assert out.read_bytes() == b"an older result" and sorted(os.listdir(tmp_path)) == before


def test_who_stops_listening_does_not_stop_the_work(blur, gray_file, tmp_path):
    for i in range(3):
        Image.fromarray(opened(gray_file)).save(tmp_path / f"{i}.png")
    pictures = [tmp_path / f"{i}.png" for i in range(3)]
    command = [sys.executable, "-m", "zoo.cli", "denoise", *pictures, "-o", tmp_path / "out", "--model", blur(1)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        process.stderr.close()
    assert process.returncode == 0
    assert {path.name for path in pictures} <= set(os.listdir(tmp_path / "out"))


def test_options_that_would_be_of_no_effect_are_refused_before_anything_is_made(zoo, blur, gray_file, tmp_path):
    model = blur(1)
    for options, told in [
        (["--format", "webp"], "expected a name in .webp"),
        (["--cluster", "nowhere:1"], "without --workers"),
        (["--sigma", "25"], "leave it out"),
    ]:
        result = zoo("denoise", gray_file, "-o", tmp_path / "out.png", "--model", model, *options)
        assert (result.status, result.err.count("\n")) == (2, 1)
        assert told in result.err
    result = zoo("denoise", gray_file.parent, "-o", tmp_path / "a" / "b", "--model", model, "--sigma", "25")
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert not (tmp_path / "a").exists()


def test_planes_are_denoised_and_alpha_is_not(zoo, blur, color, tmp_path):
    model = blur(1)
    alpha = np.arange(100 * 120, dtype=np.uint8).reshape(100, 120, 1)
    image = np.concatenate([color, alpha], axis=-1)
    Image.fromarray(image).save(tmp_path / "rgba.png")
    tifffile.imwrite(tmp_path / "alpha.tif", image, photometric="rgb", extrasamples=["unassalpha"], metadata=None)
    tifffile.imwrite(tmp_path / "planes.tif", image, photometric="minisblack", planarconfig="contig", metadata=None)
    for name, planes in (("rgba.png", 3), ("alpha.tif", 3), ("planes.tif", 4)):
        result = zoo("denoise", tmp_path / name, "-o", tmp_path / f"out-{name}", "--model", model, "--planes")
        assert result.status == 0, result.err
        found = opened(tmp_path / f"out-{name}") if name.endswith("png") else tifffile.imread(tmp_path / f"out-{name}")
        np.testing.assert_allclose(found[..., :planes], blurred(image)[..., :planes], atol=0.51)
        np.testing.assert_array_equal(found[..., planes:], image[..., planes:])
