from __future__ import annotations

import functools
import os
import stat
import struct
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational
from skimage import data

from zoo.errors import InputError, MissingExtraError
from zoo.inference import png as png_files
from zoo.inference import writing
from zoo.inference.metadata import Metadata, as_seen
from zoo.inference.reading import read_image
from zoo.inference.writing import FORMATS, check_writable, write_image

WHITE = {"uint8": 255, "uint16": 65535}


def random_image(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype in WHITE:
        return rng.integers(0, WHITE[dtype], shape, dtype=dtype, endpoint=True)
    return rng.normal(0.5, 1, shape).astype(dtype)


def exif_block(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "a camera", orientation
    exif.get_ifd(0x8769)[0x829A] = IFDRational(1, 60)
    exif.get_ifd(0x8825)[1], exif.get_ifd(0x8825)[2] = "N", (IFDRational(52), IFDRational(31), IFDRational(49, 4))
    return exif.tobytes()


@functools.cache  # it holds the time of its making, to the second
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


LOSSLESS = [
    (".png", "uint8", (5, 7)),
    (".png", "uint8", (5, 7, 2)),
    (".png", "uint8", (5, 7, 3)),
    (".png", "uint8", (5, 7, 4)),
    (".png", "uint16", (5, 7)),
    (".png", "uint16", (5, 7, 2)),
    (".png", "uint16", (5, 7, 3)),
    (".png", "uint16", (5, 7, 4)),
    (".PNG", "uint8", (5, 7)),
    (".tif", "uint8", (5, 7, 2)),
    (".tiff", "uint8", (5, 7, 4)),
    (".tif", "uint16", (5, 7)),
    (".tif", "uint16", (5, 7, 2)),
    (".tif", "uint16", (5, 7, 3)),
    (".tif", "uint16", (5, 7, 4)),
    (".tif", "float32", (5, 7, 3)),
    (".tif", "float16", (5, 7)),
    (".tif", "float64", (5, 7, 4)),
    (".tif", "float32", (5, 7)),
    (".webp", "uint8", (5, 7, 3)),
    (".webp", "uint8", (5, 7, 4)),
    (".bmp", "uint8", (5, 7)),
    (".bmp", "uint8", (5, 7, 3)),
    (".ppm", "uint8", (5, 7, 3)),
    (".pgm", "uint8", (5, 7)),
    (".pgm", "uint16", (5, 7)),
]


@pytest.mark.parametrize(("ending", "dtype", "shape"), LOSSLESS)
def test_written_and_read_again(tmp_path: Path, ending: str, dtype: str, shape: tuple[int, ...]) -> None:
    image, path = random_image(shape, dtype), tmp_path / f"out{ending}"
    write_image(path, image)
    found, metadata = read_image(path)
    np.testing.assert_array_equal(found, image)
    assert found.dtype == image.dtype and found.flags.writeable
    assert replace(metadata, tiff=None, dpi=None) == Metadata(FORMATS[ending.lower()].name)
    assert os.listdir(tmp_path) == [path.name]


def test_one_plane_and_other_byte_order(tmp_path: Path) -> None:
    image = random_image((5, 7, 1), "uint16").astype(">u2")
    write_image(tmp_path / "out.png", image)
    np.testing.assert_array_equal(read_image(tmp_path / "out.png")[0], image[..., 0])


def test_jpeg_keeps_nearly_everything(tmp_path: Path) -> None:
    photo = data.chelsea()
    write_image(tmp_path / "out.jpg", photo)
    found, _ = read_image(tmp_path / "out.jpg")
    assert 0 < np.sqrt(np.mean((found - photo.astype(float)) ** 2)) < 3


@pytest.mark.parametrize(
    ("mode", "save", "shape"),
    [
        ("1", {}, (8, 9)),
        ("P", {}, (8, 9, 3)),
        ("P", {"transparency": 0}, (8, 9, 4)),
        ("L", {"transparency": 7}, (8, 9, 2)),
        ("RGB", {"transparency": (1, 2, 3)}, (8, 9, 4)),
    ],
)
def test_png_of_other_modes(tmp_path: Path, mode: str, save: dict[str, Any], shape: tuple[int, ...]) -> None:
    made = Image.fromarray(random_image((8, 9, 3), "uint8")).convert(mode)
    made.save(tmp_path / "in.png", **save)
    found, _ = read_image(tmp_path / "in.png")
    assert found.shape == shape and found.dtype == np.uint8
    wanted = np.asarray(made.convert("L" if mode in "1L" else "RGB"))
    np.testing.assert_array_equal(found.reshape(8, 9, -1)[..., : wanted.reshape(8, 9, -1).shape[2]].squeeze(), wanted)


def test_a_transparent_gray_of_16_bits(tmp_path: Path) -> None:
    gray = random_image((5, 7), "uint16")
    Image.fromarray(gray).save(tmp_path / "in.png", transparency=int(gray[2, 3]))
    found, _ = read_image(tmp_path / "in.png")
    np.testing.assert_array_equal(found, np.stack([gray, np.where(gray == gray[2, 3], 0, 65535)], axis=-1))


def test_cmyk_and_gif(tmp_path: Path) -> None:
    photo = Image.fromarray(data.chelsea()[:64, :64])
    photo.convert("CMYK").save(tmp_path / "in.jpg", quality=95)
    found, metadata = read_image(tmp_path / "in.jpg")
    assert found.shape == (64, 64, 3)
    assert np.abs(found - np.asarray(photo).astype(float)).mean() < 5
    assert metadata.format == "JPEG" and metadata.lost == "CMYK as RGB"
    photo.quantize(16).save(tmp_path / "in.gif")
    found, _ = read_image(tmp_path / "in.gif")
    np.testing.assert_array_equal(found, np.asarray(photo.quantize(16).convert("RGB")))


def test_the_second_picture_of_a_cameras_file_is_told(tmp_path: Path) -> None:
    photo = Image.fromarray(data.chelsea()[:64, :64])
    photo.save(tmp_path / "in.jpg", "MPO", save_all=True, append_images=[photo.resize((16, 16))])
    found, metadata = read_image(tmp_path / "in.jpg")
    assert found.shape == (64, 64, 3) and metadata.lost == "the first of 2 pictures in the file"


@pytest.mark.parametrize("source", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".png", ".jpg", ".webp", ".tif"])
def test_exif_and_profile_travel(tmp_path: Path, source: str, target: str) -> None:
    photo = Image.fromarray(random_image((8, 12, 3), "uint8"))
    photo.save(tmp_path / f"in{source}", exif=exif_block(), icc_profile=profile())
    array, metadata = read_image(tmp_path / f"in{source}")
    assert array.shape == (8, 12, 3)  # as stored: it is the tag that turns them
    write_image(tmp_path / f"out{target}", array, metadata)
    with Image.open(tmp_path / f"out{target}") as written:
        assert written.info["icc_profile"] == profile()
        exif = written.getexif()
        assert (exif[0x0110], exif[0x0112]) == ("a camera", 6)
        assert exif.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 60)
        assert exif.get_ifd(0x8825)[2] == pytest.approx((52, 31, 12.25))
        assert not set(exif) & {256, 257, 273} or target == ".tif"
    again, found = read_image(tmp_path / f"out{target}")
    assert again.shape == array.shape
    assert found.icc == profile() and found.exif is not None


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_all_metadata_survives_a_round_trip(tmp_path: Path, ending: str, dtype: str) -> None:
    if dtype == "uint16" and ending not in (".png", ".tif"):
        pytest.skip("no 16 bits there")
    image = random_image((8, 12, 3), dtype)
    whole = Metadata(
        "PNG",
        icc=profile(),
        exif=exif_block(),
        xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        dpi=(300.0, 150.0),
        text={"Title": "hills", "Autor": "Jürgen"},
        comment=b"taken at noon",
    )
    write_image(tmp_path / f"in{ending}", image, whole)
    first, metadata = read_image(tmp_path / f"in{ending}")
    write_image(tmp_path / f"out{ending}", first, metadata)
    second, found = read_image(tmp_path / f"out{ending}")
    assert second.dtype == image.dtype
    held = FORMATS[ending].metadata
    for name in ("icc", "xmp", "text", "comment"):
        assert getattr(found, name) == (getattr(whole, name) if name in held else getattr(Metadata(""), name)), name
    assert found.dpi == (pytest.approx((300, 150), abs=0.05) if "dpi" in held else None)
    if "exif" in held:
        assert found.exif == metadata.exif and found.exif is not None
        exif = Image.Exif()
        exif.load(found.exif)
        assert (exif[0x0110], exif[0x0112]) == ("a camera", 6)
        assert exif.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 60)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_what_a_png_says_of_its_colors_and_behind_its_pixels(tmp_path: Path, dtype: str) -> None:
    image = random_image((8, 9, 3), dtype)
    write_image(tmp_path / "plain.png", image)
    png = (tmp_path / "plain.png").read_bytes()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    colors = {b"gAMA": struct.pack(">I", 100_000), b"cHRM": bytes(range(32)), b"cICP": bytes([9, 16, 0, 1])}
    start, end = 8 + 25, len(png) - 12
    late = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>") + chunk(b"tEXt", b"Author\0Ann")
    early = b"".join(chunk(kind, content) for kind, content in colors.items())
    (tmp_path / "in.png").write_bytes(png[:start] + early + png[start:end] + late + png[end:])
    array, metadata = read_image(tmp_path / "in.png")
    np.testing.assert_array_equal(array, image)
    assert metadata.colors == colors and metadata.xmp == b"<x/>" and metadata.text == {"Author": "Ann"}
    write_image(tmp_path / "out.png", array, metadata)
    assert read_image(tmp_path / "out.png")[1] == metadata


def test_what_jpeg_has_no_room_for(tmp_path: Path) -> None:
    """Editors of pictures keep more in a TIFF file than a segment of JPEG holds; what a camera said stays."""
    extra = [(34377, 1, 80_000, bytes(80_000), True), (33723, 7, 5, b"12345", True), (315, 2, 0, "Ann", True)]
    tifffile.imwrite(tmp_path / "in.tif", random_image((8, 9), "uint8"), metadata=None, software=False, extratags=extra)
    write_image(tmp_path / "out.jpg", *read_image(tmp_path / "in.tif"))
    with Image.open(tmp_path / "out.jpg") as image:
        assert dict(image.getexif()) == {315: "Ann"}
    extra = [(270, 2, 0, "x" * 80_000, True)]
    tifffile.imwrite(tmp_path / "in.tif", random_image((8, 9), "uint8"), metadata=None, software=False, extratags=extra)
    with pytest.raises(InputError, match="EXIF data is too long"):
        write_image(tmp_path / "long.jpg", *read_image(tmp_path / "in.tif"))
    assert not (tmp_path / "long.jpg").exists()
    for length, kept in ((65533 - 29, True), (65533 - 28, False)):
        xmp = b"x" * length
        write_image(tmp_path / "out.jpg", random_image((8, 9), "uint8"), Metadata("TIFF", xmp=xmp))
        assert read_image(tmp_path / "out.jpg")[1].xmp == (xmp if kept else None)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("shape", [(300, 200), (300, 200, 3), (200, 300, 4)])
def test_what_repeats_in_a_png_is_looked_for_where_it_may_be_found(dtype: str, shape: tuple[int, ...]) -> None:
    """Not in photographs, in both byte orders and memory orders; but in print."""
    white = np.iinfo(dtype).max
    photo = np.random.default_rng(0).normal(0, 0.02, shape).cumsum(1) + 0.5
    photo = (np.clip(photo, 0, 1) * white).astype(dtype)
    letters = np.random.default_rng(0).integers(0, 2, (10, 5, *shape[2:])).astype(dtype) * np.array(white, dtype)
    drawing = np.tile(letters, (shape[0] // 10, shape[1] // 5, *[1] * (len(shape) - 2)))
    for array, within in ((photo, True), (photo.swapaxes(0, 1), True), (photo[::-1, ::2], True), (drawing, False)):
        assert png_files.strategy(array) == (zlib.Z_RLE if within else zlib.Z_DEFAULT_STRATEGY)


def test_exif_that_nobody_can_read_stops_nothing(tmp_path: Path) -> None:
    Image.fromarray(random_image((8, 9), "uint8")).save(tmp_path / "in.jpg", exif=b"Exif\0\0garbage")
    array, metadata = read_image(tmp_path / "in.jpg")
    assert metadata.exif is None
    for ending in ("jpg", "tif", "bmp", "png"):
        write_image(tmp_path / f"out.{ending}", array, metadata)


def test_quality_is_that_of_lossy_formats(tmp_path: Path) -> None:
    photo = data.chelsea()
    for ending in (".jpg", ".webp"):
        sizes = []
        for quality in (30, 90, None):
            write_image(tmp_path / f"out{ending}", photo, quality=quality)
            sizes.append((tmp_path / f"out{ending}").stat().st_size)
        assert sizes == sorted(sizes) and sizes[0] < sizes[1] < sizes[2]
    write_image(tmp_path / "out.png", photo, quality=30)
    np.testing.assert_array_equal(read_image(tmp_path / "out.png")[0], photo)


def test_what_needs_imagecodecs_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = random_image((5, 7, 3), "uint16")
    write_image(tmp_path / "in.png", deep)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingExtraError, match=r"denoise-zoo\[codecs\]"):
        read_image(tmp_path / "in.png")
    with pytest.raises(MissingExtraError, match=r"denoise-zoo\[codecs\]"):
        write_image(tmp_path / "out.png", deep)
    assert os.listdir(tmp_path) == ["in.png"]


def test_the_limit_is_checked_by_the_header(tmp_path: Path) -> None:
    image = random_image((8, 9, 3), "uint8")
    for ending in (".png", ".tif", ".bmp"):
        write_image(tmp_path / f"in{ending}", image)
        np.testing.assert_array_equal(read_image(tmp_path / f"in{ending}", max_pixels=72)[0], image)
        with pytest.raises(InputError, match="too large: 9×8 pixels"):
            read_image(tmp_path / f"in{ending}", max_pixels=71)
    before = Image.MAX_IMAGE_PIXELS
    (tmp_path / "wide.png").write_bytes(png(60000, 60000, 8, 2, b""))
    with pytest.raises(InputError, match="too large"):
        read_image(tmp_path / "wide.png")
    assert before == Image.MAX_IMAGE_PIXELS


def test_pixels_are_turned_upright_where_exif_has_no_place(tmp_path: Path) -> None:
    image = random_image((8, 12, 3), "uint8")
    write_image(tmp_path / "out.bmp", image, Metadata("JPEG", exif=exif_block(6)))
    np.testing.assert_array_equal(read_image(tmp_path / "out.bmp")[0], np.rot90(image, -1))


def test_profile_of_another_color_space_is_dropped(tmp_path: Path) -> None:
    """An RGB profile in a gray file makes viewers complain."""
    metadata = Metadata("JPEG", icc=profile())
    for array, kept in ((random_image((8, 9, 3), "uint8"), profile()), (random_image((8, 9), "uint8"), None)):
        write_image(tmp_path / "out.png", array, metadata)
        assert read_image(tmp_path / "out.png")[1].icc == kept


def png(width: int, height: int, depth: int, color: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def truncated(ending: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        write_image(path.with_suffix(ending), data.chelsea())
        content = path.with_suffix(ending).read_bytes()
        path.with_suffix(ending).unlink()
        path.write_bytes(content[: len(content) // 2])

    return make


def frames(path: Path) -> None:
    first, second = (Image.fromarray(random_image((8, 9), "uint8", seed)) for seed in (0, 1))
    first.save(path, "GIF", save_all=True, append_images=[second])


WRONG_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: None, "no such file"),
    "a folder": (lambda path: path.mkdir(), "not a file"),
    "text": (lambda path: path.write_text("This is no image.\n" * 9), "is not an image that can be read"),
    "empty": (lambda path: path.touch(), "is empty"),
    "half a JPEG": (truncated(".jpg"), "cannot be read .*truncated"),
    "half a PNG": (truncated(".png"), "cannot be read .*truncated"),
    "half a TIFF": (truncated(".tif"), "cannot be read|truncated"),
    "a bomb": (lambda path: path.write_bytes(png(60000, 60000, 8, 2, b"")), "too large"),
    "half a 16-bit PNG": (lambda path: path.write_bytes(png(1, 1, 16, 2, bytes(3))), "cannot be read"),
    "16-bit PPM": (lambda path: path.write_bytes(b"P6 1 1 65535\n" + bytes(6)), "16 bits"),
    "an animation": (frames, "holds 2 pictures"),
    "PostScript": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "is not an image"),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_wrong_files(tmp_path: Path, kind: str) -> None:
    make, message = WRONG_FILES[kind]
    path = tmp_path / "in.png"
    make(path)
    with pytest.raises(InputError, match=message) as caught:
        read_image(path)
    assert "in.png" in str(caught.value) and "\n" not in str(caught.value)


def test_the_good_files_next_to_them(tmp_path: Path) -> None:
    """What the wrong files are made from can be read: it is the flaw that is refused."""
    path = tmp_path / "in.png"
    for content, shape in ((png(1, 1, 8, 2, bytes(4)), (1, 1, 3)), (b"P6 1 1 255\n" + bytes(3), (1, 1, 3))):
        path.write_bytes(content)
        assert read_image(path)[0].shape == shape
    path.write_bytes(png(1, 1, 16, 2, bytes(7)))
    assert read_image(path)[0].dtype == np.uint16
    path.write_bytes(png(1, 1, 16, 0, b"\x00\x12\x34"))
    np.testing.assert_array_equal(read_image(path)[0], np.array([[0x1234]], np.uint16))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_files_never_end_in_another_error(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "in"
    messages = []
    for ending in (".png", ".jpg", ".tif", ".webp", ".bmp", ".ppm"):
        write_image(tmp_path / f"good{ending}", random_image((24, 31, 3), "uint8"), Metadata("", None, exif_block()))
        good = (tmp_path / f"good{ending}").read_bytes()
        for _ in range(60):
            content = bytearray(good[: rng.integers(1, len(good) + 1)])
            for place in rng.integers(0, min(len(content), 200), 4):
                content[place] = rng.integers(256)
            path.write_bytes(content)
            try:
                read_image(path)
            except InputError as error:
                messages.append(str(error))
    assert len(messages) > 100
    assert not [message for message in messages if "\n" in message]


WRONG_OUTPUTS = {
    "out": "no known ending; expected one of .png .jpg",
    "out.gif": "no known ending",
    "missing/out.png": "no existing folder; create",
    "file.png/out.png": "no existing folder",
    "folder.png": "a folder or device",
}


@pytest.mark.parametrize("name", WRONG_OUTPUTS)
def test_wrong_outputs(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file.png").touch()
    for attempt in (lambda p: check_writable(p), lambda p: write_image(p, np.zeros((2, 2), np.uint8))):
        with pytest.raises(InputError, match=WRONG_OUTPUTS[name]) as caught:
            attempt(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file.png", "folder.png"]


def test_forbidden_outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions are played, since root may write anywhere."""
    folder, file = tmp_path / "folder", tmp_path / "file.png"
    folder.mkdir()
    file.touch()
    monkeypatch.setattr(writing.os, "access", lambda path, mode: Path(path) not in (folder, file))
    for path in (folder / "out.png", file):
        with pytest.raises(InputError, match="permission denied"):
            check_writable(path)
    check_writable(tmp_path / "out.png")


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("out.jpg", (2, 2, 4), "uint8"),
        ("out.jpg", (2, 2), "uint16"),
        ("out.png", (2, 2), "float32"),
        ("out.bmp", (2, 2, 4), "uint8"),
        ("out.tif", (2, 2, 3), "int16"),
        ("out.webp", (2, 2), "uint16"),
    ],
)
def test_formats_that_cannot_hold_the_image(tmp_path: Path, name: str, shape: tuple[int, ...], dtype: str) -> None:
    check_writable(tmp_path / name, np.zeros((2, 2), np.uint8))
    for attempt in (check_writable, write_image):
        with pytest.raises(InputError, match="cannot hold"):
            attempt(tmp_path / name, np.zeros(shape, dtype))
    assert not os.listdir(tmp_path)


def test_a_new_file_has_the_usual_permissions_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_image(tmp_path / "out.png", np.zeros((2, 2), np.uint8))
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "out.png")]
    assert modes[0] == modes[1]
    (tmp_path / "link.png").symlink_to("out.png")
    write_image(tmp_path / "link.png", np.ones((2, 2), np.uint8))
    assert (tmp_path / "link.png").is_symlink() and read_image(tmp_path / "out.png")[0].all()


def test_what_a_format_is_too_small_for_is_told_before_the_work(tmp_path: Path) -> None:
    for ending, side in ((".webp", 16384), (".jpg", 65501)):
        for shape in ((side, 1), (1, side)):
            with pytest.raises(InputError, match=r"has at most \d+ in a row or column"):
                check_writable(tmp_path / f"out{ending}", np.zeros(shape, np.uint8))
            check_writable(tmp_path / "out.png", np.zeros(shape, np.uint8))
    write_image(tmp_path / "out.webp", np.zeros((1, 16383), np.uint8))
    write_image(tmp_path / "out.jpg", np.zeros((65500, 1), np.uint8))


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 3)])
def test_what_has_no_place_for_an_orientation_is_turned_upright(orientation: int, shape: tuple[int, ...]) -> None:
    from PIL import ImageOps

    image, exif = random_image(shape, "uint8"), Image.Exif()
    exif[274] = orientation
    wanted = Image.fromarray(image)
    wanted.info["exif"] = exif.tobytes()
    found = as_seen(image, Metadata("JPEG", exif=exif.tobytes()))
    np.testing.assert_array_equal(found, np.asarray(ImageOps.exif_transpose(wanted)))


def test_a_density_that_jpeg_has_no_room_for_is_left_out(tmp_path: Path) -> None:
    image = np.zeros((8, 9), np.uint8)
    for density, kept in ((300.0, (300, 300)), (101600.0, None)):
        write_image(tmp_path / "out.jpg", image, Metadata("TIFF", dpi=(density, density)))
        assert Image.open(tmp_path / "out.jpg").info.get("dpi") == kept


def test_a_profile_of_gray_does_not_go_into_webp_which_has_colour_only(tmp_path: Path) -> None:
    profile = bytearray(128)
    profile[16:20] = b"GRAY"
    for ending, kept in ((".png", bytes(profile)), (".webp", None)):
        write_image(tmp_path / f"out{ending}", np.zeros((8, 9), np.uint8), Metadata("JPEG", icc=bytes(profile)))
        assert Image.open(tmp_path / f"out{ending}").info.get("icc_profile") == kept
