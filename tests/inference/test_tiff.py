from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from zoo.errors import InputError, MissingExtraError
from zoo.inference import tiff
from zoo.inference.files import open_pages, read_image, write_pages
from zoo.inference.metadata import Metadata

WHITE = {"uint8": 255, "uint16": 65535}


def random_image(shape: tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype in WHITE:
        return rng.integers(0, WHITE[dtype], shape, dtype=dtype, endpoint=True)
    return rng.random(shape).astype(dtype)


def copy(source: Path, target: Path, *, planes: bool = False) -> list[np.ndarray]:
    """Read and write again, as a model that changes nothing would have it."""
    with open_pages(source, planes=planes) as pages:
        arrays: list[np.ndarray] = []

        def passing() -> Iterator[tuple[np.ndarray, Metadata]]:
            for array, metadata in pages:
                arrays.append(np.array(array))
                yield array, metadata

        write_pages(target, passing(), big=pages.big)
    return arrays


STORED: list[dict[str, Any]] = [
    {},
    {"compression": "zlib"},
    {"compression": "zlib", "predictor": True},
    {"compression": "lzw", "predictor": True},
    {"compression": "zstd"},
    {"tile": (16, 32)},
    {"tile": (32, 16), "compression": "zlib", "predictor": True},
    {"planarconfig": "separate"},
    {"planarconfig": "separate", "tile": (16, 16), "compression": "lzw"},
    {"rowsperstrip": 5, "compression": "zlib"},
]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("stored", STORED, ids=str)
@pytest.mark.parametrize(
    ("shape", "dtype"), [((40, 50), "uint8"), ((40, 50, 3), "uint16"), ((40, 50, 4), "uint8"), ((40, 50, 3), "float32")]
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_pixels_and_their_storage_stay(
    tmp_path: Path,
    shape: tuple[int, ...],
    dtype: str,
    stored: dict[str, Any],
    order: str,
    large: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Large pages go by memory maps, and come out the same."""
    if "planarconfig" in stored and len(shape) == 2:
        pytest.skip("one plane")
    if large:
        monkeypatch.setattr(tiff, "LARGE_BYTES", 1)
    image = random_image(shape, dtype)
    data = np.moveaxis(image, -1, 0) if "planarconfig" in stored else image
    photometric = "rgb" if len(shape) == 3 else "minisblack"
    with tifffile.TiffWriter(tmp_path / "in.tif", byteorder=order) as writer:  # type: ignore[arg-type]
        writer.write(data, photometric=photometric, metadata=None, **stored)
    (array,) = copy(tmp_path / "in.tif", tmp_path / "out.tif")
    np.testing.assert_array_equal(array, image)
    with tifffile.TiffFile(tmp_path / "in.tif") as before, tifffile.TiffFile(tmp_path / "out.tif") as after:
        one, other = before.pages.first, after.pages.first
        for name in ("shape", "axes", "photometric", "compression", "predictor", "extrasamples", "is_tiled"):
            assert getattr(other, name) == getattr(one, name), name
        assert other.is_tiled is False or (other.tilelength, other.tilewidth) == stored["tile"]
        np.testing.assert_array_equal(other.asarray(), one.asarray())


def test_pages_keep_their_number_sizes_depths_and_tags(tmp_path: Path) -> None:
    pages = [random_image((20, 30), "uint8"), random_image((11, 7, 3), "uint16"), random_image((9, 9), "float32")]
    with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
        for i, page in enumerate(pages):
            writer.write(
                page,
                photometric="rgb" if page.ndim == 3 else "minisblack",
                metadata=None,
                description=f"page {i}",
                software="a scanner",
                datetime="2026:11:21 10:00:00",
                resolution=(300 + i, 200),
                resolutionunit="INCH",
                extratags=[(65000, 12, 3, (1.5, 2.5, i), True), (274, 3, 1, 6, True), (305 + 10, 2, 0, "Ann", True)],
            )
    arrays = copy(tmp_path / "in.tif", tmp_path / "out.tif")
    assert len(arrays) == 3
    with tifffile.TiffFile(tmp_path / "in.tif") as before, tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert len(after.pages) == 3
        for i, (one, other) in enumerate(zip(before.pages, after.pages, strict=True)):
            np.testing.assert_array_equal(arrays[i], pages[i])
            np.testing.assert_array_equal(other.asarray(), pages[i])
            placed = {273, 278, 279}
            tags = [{t.code: t.value for t in page.aspage().tags if t.code not in placed} for page in (one, other)]
            assert tags[0] == tags[1]
            assert (tags[1][270], tags[1][274], tags[1][65000]) == (f"page {i}", 6, (1.5, 2.5, i))


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
def test_gray_counts_as_it_did(tmp_path: Path, photometric: str) -> None:
    image = random_image((8, 9), "uint8")
    tifffile.imwrite(tmp_path / "in.tif", image, photometric=photometric, metadata=None)
    copy(tmp_path / "in.tif", tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.pages.first.photometric.name.lower() == photometric
        np.testing.assert_array_equal(after.pages.first.asarray(), image)


def test_a_bigtiff_stays_one_and_large_pictures_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = random_image((8, 9), "uint8")
    for big, limit, wanted in ((True, 2**32, True), (False, 2**32, False), (False, 71, True)):
        monkeypatch.setattr(tiff, "BIG_BYTES", limit)
        tifffile.imwrite(tmp_path / "in.tif", image, bigtiff=big, metadata=None)
        copy(tmp_path / "in.tif", tmp_path / "out.tif")
        with tifffile.TiffFile(tmp_path / "out.tif") as after:
            assert after.is_bigtiff is wanted
            np.testing.assert_array_equal(after.asarray(), image)


def test_lossy_pages_become_lossless_ones(tmp_path: Path) -> None:
    image = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    tifffile.imwrite(tmp_path / "in.tif", image, compression="jpeg", metadata=None)
    (array,) = copy(tmp_path / "in.tif", tmp_path / "out.tif")
    assert np.abs(array.astype(int) - image).max() < 8
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.pages.first.compression.name == "ADOBE_DEFLATE"
        np.testing.assert_array_equal(after.asarray(), array)


def test_channels_beyond_colour_are_taken_when_asked_for(tmp_path: Path) -> None:
    five, two = random_image((8, 9, 5), "uint16"), random_image((8, 9, 2), "uint8")
    tifffile.imwrite(tmp_path / "five.tif", five, photometric="minisblack", planarconfig="contig", metadata=None)
    tifffile.imwrite(tmp_path / "two.tif", two, photometric="minisblack", planarconfig="contig", metadata=None)
    for name, image in (("five.tif", five), ("two.tif", two)):
        with pytest.raises(InputError, match="--planes"):
            read_image(tmp_path / name)
        (array,) = copy(tmp_path / name, tmp_path / "out.tif", planes=True)
        np.testing.assert_array_equal(array, image)
        with tifffile.TiffFile(tmp_path / "out.tif") as after:
            np.testing.assert_array_equal(after.asarray(), image)


@pytest.mark.parametrize("mode", ["1", "P", "CMYK"])
def test_what_pillow_knows_better(tmp_path: Path, mode: str) -> None:
    """Bits, palettes and inks become gray or RGB."""
    made = Image.fromarray(random_image((8, 9, 3), "uint8")).convert(mode)
    made.save(tmp_path / "in.tif")
    array, metadata = read_image(tmp_path / "in.tif")
    wanted = np.asarray(made.convert("L" if mode == "1" else "RGB"))
    np.testing.assert_array_equal(array, wanted)
    write_pages(tmp_path / "out.tif", [(array, metadata)])
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif")[0], wanted)


def test_without_imagecodecs_pillow_helps_and_the_rest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff, "CODECS", False)
    small, deep = random_image((8, 9, 3), "uint8"), random_image((8, 9, 3), "uint16")
    Image.fromarray(small).save(tmp_path / "small.tif", compression="tiff_lzw")
    (array,) = copy(tmp_path / "small.tif", tmp_path / "out.tif")
    np.testing.assert_array_equal(array, small)
    tifffile.imwrite(tmp_path / "deep.tif", deep, compression="lzw", metadata=None)
    with pytest.raises(MissingExtraError, match=r"denoise-zoo\[codecs\]"):
        read_image(tmp_path / "deep.tif")


def test_types_that_no_model_takes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((8, 9), np.int16), metadata=None)
    with pytest.raises(InputError, match="int16") as caught:
        read_image(tmp_path / "in.tif")
    assert "in.tif" in str(caught.value)
    tifffile.imwrite(
        tmp_path / "volume.tif",
        np.zeros((4, 16, 16), np.uint8),
        volumetric=True,
        tile=(4, 16, 16),
        photometric="minisblack",
    )
    with pytest.raises(InputError, match="volume.tif"):
        read_image(tmp_path / "volume.tif")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_files_never_end_in_another_error(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "in.tif"
    messages = 0
    for stored in STORED:
        image = random_image((40, 50, 3), "uint16")
        data = np.moveaxis(image, -1, 0) if "planarconfig" in stored else image
        tifffile.imwrite(tmp_path / "good.tif", data, photometric="rgb", **stored)
        good = (tmp_path / "good.tif").read_bytes()
        for _ in range(30):
            content = bytearray(good[: rng.integers(1, len(good) + 1)] if rng.random() < 0.5 else good)
            for place in rng.integers(0, min(len(content), 400), 4):
                content[place] = rng.integers(256)
            path.write_bytes(content)
            try:
                copy(path, tmp_path / "out.tif", planes=True)
            except (InputError, MissingExtraError) as error:
                messages += 1
                assert "\n" not in str(error)
    assert messages > 100


def test_codes_without_a_meaning_are_damage(tmp_path: Path) -> None:
    """A first LZW code that nothing has defined: imagecodecs follows it anywhere, and may end the process."""
    tifffile.imwrite(tmp_path / "in.tif", np.zeros((4, 5), np.uint8), compression="lzw", metadata=None)
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        place, length = file.pages.first.dataoffsets[0], file.pages.first.databytecounts[0]
    bits = "".join(f"{code:09b}" for code in (256, 400, 300, 257)).ljust(8 * length, "0")
    content = bytearray((tmp_path / "in.tif").read_bytes())
    content[place : place + length] = int(bits, 2).to_bytes(len(bits) // 8, "big")[:length]
    (tmp_path / "in.tif").write_bytes(content)
    with pytest.raises(InputError, match="is the file whole"):
        read_image(tmp_path / "in.tif")
