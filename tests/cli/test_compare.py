"""``zoo compare``: a sheet for two pictures, a page for two folders."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from zoo.errors import MissingExtraError
from zoo.inference import compare


def test_a_sheet(zoo, gray_file, tmp_path):
    Image.fromarray(np.asarray(Image.open(gray_file)) // 2).save(tmp_path / "after.png")
    result = zoo("compare", gray_file, tmp_path / "after.png", "-o", tmp_path / "sheet.png")
    assert (result.status, result.err) == (0, f"1 before and after -> {tmp_path / 'sheet.png'}\n")
    assert Image.open(tmp_path / "sheet.png").width > 3 * 120


def test_a_page_of_folders_that_mirror_each_other(zoo, gray_file, color_file, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / "one.png").write_bytes(gray_file.read_bytes())
        (tmp_path / folder / "sub" / "two.png").write_bytes(color_file.read_bytes())
    (tmp_path / "a" / "three.png").write_bytes(gray_file.read_bytes())
    result = zoo("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "page.html")
    assert (result.status, result.err) == (0, f"2 before and after -> {tmp_path / 'page.html'}\n")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<figure") == 2 and page.count("data:image/webp") == 4


def test_other_endings_and_what_is_left_out(zoo, gray_file, tmp_path):
    for folder, names in (("a", ("one.png", "two.bmp", "two.tif")), ("b", ("one.webp", "two.png", "three.png"))):
        (tmp_path / folder).mkdir()
        for name in names:
            Image.open(gray_file).save(tmp_path / folder / name)
    result = zoo("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "page.html")
    assert (result.status, "left out: 2 of 3" in result.err, "\n1 before and after" in result.err) == (0, True, True)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text(zoo, gray_file, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / os.fsdecode(b"caf\xe9.png")).write_bytes(gray_file.read_bytes())
    assert zoo("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "page.html").status == 0
    assert "<b>caf?.png</b>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def failing_for(broken, error):
    read = compare.open_picture

    def reading(path, **options):
        if path == broken:
            raise error
        return read(path, **options)

    return reading


def test_one_broken_picture_does_not_hide_the_others(zoo, gray_file, tmp_path, monkeypatch):
    for folder in ("a", "b"):
        (tmp_path / folder / "sub").mkdir(parents=True)
        for name in ("one.png", "two.png", "sub/one.png"):
            (tmp_path / folder / name).write_bytes(gray_file.read_bytes())
    (tmp_path / "b" / "two.png").write_bytes(b"nothing")
    result = zoo("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "page.html")
    assert result.status == 1
    assert result.err.splitlines()[0].startswith("zoo: error: ") and "two.png" in result.err.splitlines()[0]
    assert result.err.splitlines()[1].endswith(f"2 before and after -> {tmp_path / 'page.html'}, 1 failed")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert [f"<b>{name}</b>" in page for name in ("one.png", "sub/one.png", "two.png")] == [True, True, False]
    lacking = MissingExtraError("a picture", "codecs")  # which is not at hand for that one
    monkeypatch.setattr(compare, "open_picture", failing_for(tmp_path / "b" / "one.png", lacking))
    assert zoo("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "page.html").status == 1
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert [f"<b>{name}</b>" in page for name in ("one.png", "sub/one.png", "two.png")] == [False, True, False]
    for name in ("one.png", "sub/one.png"):
        (tmp_path / "b" / name).write_bytes(b"nothing")
    (tmp_path / "page.html").unlink()
    assert zoo("compare", tmp_path / "a", tmp_path / "b", "-o", tmp_path / "page.html").status == 1
    assert not (tmp_path / "page.html").exists()


def test_a_picture_that_stands_on_its_side_as_an_array(zoo, blur, color, tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(color).save(tmp_path / "in.jpg", exif=exif)
    zoo("denoise", tmp_path / "in.jpg", "-o", tmp_path / "out.npy", "--model", blur(3))
    assert np.load(tmp_path / "out.npy").shape == (120, 100, 3)
    assert zoo("compare", tmp_path / "in.jpg", tmp_path / "out.npy", "-o", tmp_path / "sheet.png").status == 0


def test_every_page_of_a_stack_is_shown_by_its_own_white(zoo, gray, tmp_path):
    stack = np.stack([gray, gray[::-1], gray // 2]).astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "out.tif", stack[:, :, ::-1], photometric="minisblack")
    pairs = list(compare.read_pairs(tmp_path / "in.tif", tmp_path / "out.tif", white=255 * 16))
    assert [pair.name for pair in pairs] == [f"out.tif, page {n}" for n in (1, 2, 3)]
    np.testing.assert_array_equal(np.asarray(pairs[1].before)[..., 0], gray[::-1])
    result = zoo("compare", tmp_path / "in.tif", tmp_path / "out.tif", "-o", tmp_path / "page.html", "--white", "4080")
    assert (result.status, result.err) == (0, f"3 before and after -> {tmp_path / 'page.html'}\n")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<figure") == 3
    told = zoo("compare", tmp_path / "in.tif", tmp_path / "out.tif", "-o", tmp_path / "page.html")
    assert told.status == 0 and "zoo: warning: hardly anything above 4095, where white is 65535" in told.err
    refused = zoo("compare", tmp_path / "in.tif", tmp_path / "out.tif", "-o", tmp_path / "sheet.png")
    assert refused.status == 2 and "several pages" in refused.err and ".html" in refused.err
    tifffile.imwrite(tmp_path / "fewer.tif", stack[:2], photometric="minisblack")
    refused = zoo("compare", tmp_path / "in.tif", tmp_path / "fewer.tif", "-o", tmp_path / "page.html")
    assert refused.status == 1 and "3 pages in" in refused.err and "and 2 in" in refused.err


def test_what_cannot_be_compared(zoo, gray_file, color_file, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(gray_file.read_bytes())
    before = gray_file.read_bytes()
    for arguments, status in [
        ((gray_file, tmp_path / "a", "-o", tmp_path / "x.html"), 2),
        ((tmp_path / "a", tmp_path / "empty", "-o", tmp_path / "x.html"), 1),
        ((gray_file, tmp_path / "missing.png", "-o", tmp_path / "x.html"), 1),
        ((gray_file, gray_file, "-o", tmp_path / "x.txt"), 1),
        ((gray_file, gray_file, "-o", gray_file), 2),
    ]:
        result = zoo("compare", *arguments)
        assert (result.status, len(result.err.splitlines())) == (status, 1), arguments
    assert gray_file.read_bytes() == before
    assert not list(tmp_path.glob("x.*"))
