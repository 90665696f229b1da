from __future__ import annotations

import os
import stat
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from zoo.errors import InputError
from zoo.inference import images
from zoo.inference.images import (
    FORMATS,
    Metadata,
    check_writable,
    from_tensor,
    read_image,
    to_color,
    to_gray,
    to_tensor,
    write_image,
)

SHAPES = {(5, 7): 1, (5, 7, 1): 1, (5, 7, 2): 1, (5, 7, 3): 3, (5, 7, 4): 3, (1, 1): 1, (1, 1, 4): 3}
WHITE = {"uint8": 255, "uint16": 65535}


def random_image(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype in WHITE:
        return rng.integers(0, WHITE[dtype], shape, dtype=dtype, endpoint=True)
    return rng.normal(0.5, 1, shape).astype(dtype)


# ---- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64", ">u2", ">f4"])
@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(shape: tuple[int, ...], dtype: str) -> None:
    """A model that changes nothing gives back what it was given, bit by bit (float64 to the precision of float32)."""
    channels = SHAPES[shape]
    image = random_image(shape, np.dtype(dtype).name).astype(dtype)
    before = image.copy()
    tensor, form = to_tensor(image, channels)
    assert tensor.shape == (1, *shape[:2], channels) and tensor.dtype == np.float32 and tensor.flags.c_contiguous
    colors = image.reshape(*shape[:2], -1)[..., :channels]
    np.testing.assert_allclose(
        tensor[0], colors.astype(np.float64) / WHITE.get(np.dtype(dtype).name, 1), rtol=1e-6, atol=0
    )
    back = from_tensor(tensor, form)
    assert back.dtype == image.dtype and back.shape == image.shape
    np.testing.assert_allclose(back, image, rtol=1e-7 if dtype == "float64" else 0, atol=0)
    np.testing.assert_array_equal(image, before)


def test_noise_beyond_the_range_is_neither_clipped_nor_refused() -> None:
    image = np.array([[-1.5, 0.0], [1.0, 3.25]], np.float32)
    tensor, form = to_tensor(image, 1)
    np.testing.assert_array_equal(tensor[0, ..., 0], image)
    np.testing.assert_array_equal(from_tensor(tensor * 2, form), image * 2)
    # One photon at a peak of 0.01 counts for 100, and still is noise around [0, 1].
    sparse = np.zeros((20, 20), np.float32)
    sparse[3, 4] = 100
    to_tensor(sparse, 1)


def test_rounding_and_clipping() -> None:
    tensor = np.array([-0.2, 0.4 / 255, 0.6 / 255, 254.4 / 255, 254.6 / 255, 1.3], np.float32).reshape(1, 2, 3, 1)
    _, form = to_tensor(np.zeros((2, 3), np.uint8), 1)
    before = tensor.copy()
    np.testing.assert_array_equal(from_tensor(tensor, form), [[0, 0, 1], [254, 255, 255]])
    np.testing.assert_array_equal(tensor, before)
    _, form = to_tensor(np.zeros((2, 3), np.uint16), 1)
    np.testing.assert_array_equal(from_tensor(tensor, form)[[0, 1], [0, 2]], [0, 65535])


@pytest.mark.parametrize("shape", [(6, 4, 2), (6, 4, 4)])
def test_alpha_is_untouched(shape: tuple[int, ...]) -> None:
    image = random_image(shape, "uint16")
    tensor, form = to_tensor(image, 1 if shape[2] == 2 else 3)
    back = from_tensor(1 - tensor, form)
    np.testing.assert_array_equal(back[..., -1], image[..., -1])
    np.testing.assert_array_equal(back[..., :-1], 65535 - image[..., :-1])


def test_any_layout_in_memory() -> None:
    image = random_image((9, 8, 4), "uint8")
    for view in (image[::-1, ::2], np.asfortranarray(image), image.transpose(1, 0, 2)):
        view = view.view()
        view.flags.writeable = False
        np.testing.assert_array_equal(from_tensor(*to_tensor(view, 3)), view)


@pytest.mark.parametrize(
    ("image", "channels", "message"),
    [
        ([[0.5]], 1, "expected a numpy array"),
        ("photo.png", 1, "expected a numpy array"),
        (np.zeros((4, 4), bool), 1, "type bool"),
        (np.zeros((4, 4), np.int32), 1, "type int32"),
        (np.zeros((4, 4), np.complex64), 1, "type complex64"),
        (np.zeros((3, 16, 16), np.uint8), 3, "channels last"),
        (np.zeros((1, 16, 16, 3), np.uint8), 3, "one image at a time"),
        (np.zeros(16, np.uint8), 1, r"shape \(16,\)"),
        (np.zeros((0, 16), np.uint8), 1, "no pixels"),
        (np.zeros((16, 0, 3), np.float32), 3, "no pixels"),
        (np.array([[0.5, np.nan]]), 1, "NaN"),
        (np.array([[0.5, np.inf]]), 1, "NaN or infinite"),
        (np.array([[0.5, -np.inf]], np.float16), 1, "NaN or infinite"),
        (np.array([[0.5, 1e300]]), 1, "NaN or infinite"),
        (np.full((4, 4, 4), [0.5, 0.5, 0.5, np.nan]), 3, "NaN"),
        (np.zeros((4, 4, 3), np.uint8), 1, "colour image .* takes 1 channel;"),
        (np.zeros((4, 4, 4), np.uint8), 1, "colour image"),
        (np.zeros((4, 4), np.uint8), 3, "gray image .* takes 3 channels;"),
        (np.zeros((4, 4, 2), np.uint8), 3, "gray image"),
        (data.camera().astype(np.float32), 1, r"around \[0, 1\]"),
    ],
)
def test_wrong_arrays(image: Any, channels: int, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        to_tensor(image, channels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_gray_is_the_luma(dtype: str) -> None:
    image = random_image((6, 5, 4), dtype)
    gray = to_gray(image)
    wanted = image[..., 0] * 0.299 + image[..., 1] * 0.587 + image[..., 2] * 0.114
    assert gray.shape == (6, 5, 2) and gray.dtype == image.dtype
    np.testing.assert_allclose(gray[..., 0], wanted, rtol=1e-6, atol=0.5 if dtype in WHITE else 1e-6)
    np.testing.assert_array_equal(gray[..., 1], image[..., 3])
    assert to_gray(image[..., :3]).shape == (6, 5)
    # White stays white, and gray stays what it is.
    np.testing.assert_array_equal(to_gray(np.full((2, 2, 3), 255, np.uint8)), 255)
    assert to_gray(gray) is gray


def test_color_is_three_times_gray() -> None:
    image = random_image((6, 5, 2), "uint16")
    color = to_color(image)
    np.testing.assert_array_equal(color, image[..., [0, 0, 0, 1]])
    np.testing.assert_array_equal(to_color(image[..., :1]), image[..., [0, 0, 0]])
    np.testing.assert_array_equal(to_color(image[..., 0]), image[..., [0, 0, 0]])
    np.testing.assert_array_equal(to_gray(color), image)
    assert to_color(color) is color


# ---- files -----------------------------------------------------------------------------------------------------------


def exif_block(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "a camera", orientation
    return exif.tobytes()


def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


LOSSLESS = [
    (".png", "uint8", (5, 7)),
    (".png", "uint8", (5, 7, 2)),
    (".png", "uint8", (5, 7, 3)),
    (".png", "uint8", (5, 7, 4)),
    (".png", "uint16", (5, 7)),
    (".PNG", "uint8", (5, 7)),
    (".tif", "uint8", (5, 7, 2)),
    (".tiff", "uint8", (5, 7, 4)),
    (".tif", "uint16", (5, 7)),
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
    assert metadata == Metadata(FORMATS[ending.lower()].name)
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


def test_cmyk_and_gif(tmp_path: Path) -> None:
    photo = Image.fromarray(data.chelsea()[:64, :64])
    photo.convert("CMYK").save(tmp_path / "in.jpg", quality=95)
    found, metadata = read_image(tmp_path / "in.jpg")
    assert found.shape == (64, 64, 3)
    assert np.abs(found - np.asarray(photo).astype(float)).mean() < 5
    assert metadata.format == "JPEG"
    photo.quantize(16).save(tmp_path / "in.gif")
    found, _ = read_image(tmp_path / "in.gif")
    np.testing.assert_array_equal(found, np.asarray(photo.quantize(16).convert("RGB")))


@pytest.mark.parametrize("source", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("target", [".png", ".jpg", ".webp", ".tif"])
def test_exif_and_profile_travel(tmp_path: Path, source: str, target: str) -> None:
    """TIFF counts as upright: Pillow turns its pixels as it reads them, and drops the orientation."""
    photo = Image.fromarray(random_image((8, 12, 3), "uint8"))
    photo.save(tmp_path / f"in{source}", exif=exif_block(), icc_profile=profile())
    array, metadata = read_image(tmp_path / f"in{source}")
    write_image(tmp_path / f"out{target}", array, metadata)
    with Image.open(tmp_path / f"out{target}") as written:
        assert written.info["icc_profile"] == profile()
        assert written.getexif()[0x0110] == "a camera"
        if source != ".tif":
            assert written.getexif().get(0x0112) == 6
            assert array.shape == (8, 12, 3)
        else:
            assert 0x0112 not in written.getexif()
            assert array.shape == (12, 8, 3)
        assert not set(written.getexif()) & {256, 257, 273} or target == ".tif"


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
    "16-bit colour": (lambda path: path.write_bytes(png(1, 1, 16, 2, bytes(7))), "16 bits"),
    "16-bit gray and alpha": (lambda path: path.write_bytes(png(1, 1, 16, 4, bytes(5))), "16 bits"),
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
    monkeypatch.setattr(images.os, "access", lambda path, mode: Path(path) not in (folder, file))
    for path in (folder / "out.png", file):
        with pytest.raises(InputError, match="permission denied"):
            check_writable(path)
    check_writable(tmp_path / "out.png")


@pytest.mark.parametrize(
    ("name", "shape", "dtype"),
    [
        ("out.jpg", (2, 2, 4), "uint8"),
        ("out.jpg", (2, 2), "uint16"),
        ("out.png", (2, 2, 3), "uint16"),
        ("out.png", (2, 2), "float32"),
        ("out.bmp", (2, 2, 4), "uint8"),
        ("out.tif", (2, 2, 3), "float32"),
        ("out.tif", (2, 2), "float64"),
    ],
)
def test_formats_that_cannot_hold_the_image(tmp_path: Path, name: str, shape: tuple[int, ...], dtype: str) -> None:
    check_writable(tmp_path / name, np.zeros((2, 2), np.uint8))
    for attempt in (check_writable, write_image):
        with pytest.raises(InputError, match="cannot hold"):
            attempt(tmp_path / name, np.zeros(shape, dtype))
    assert not os.listdir(tmp_path)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    write_image(path, np.zeros((2, 2), np.uint8))
    before = path.read_bytes()

    def full(self: Image.Image, file: Path, **options: Any) -> None:
        file.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(images.Image.Image, "save", full)
    with pytest.raises(InputError, match="No space left"):
        write_image(path, np.ones((2, 2), np.uint8))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["out.png"]


def test_a_new_file_has_the_usual_permissions_and_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_image(tmp_path / "out.png", np.zeros((2, 2), np.uint8))
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "out.png")]
    assert modes[0] == modes[1]
    (tmp_path / "link.png").symlink_to("out.png")
    write_image(tmp_path / "link.png", np.ones((2, 2), np.uint8))
    assert (tmp_path / "link.png").is_symlink() and read_image(tmp_path / "out.png")[0].all()
