from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from zoo.errors import InputError, MissingExtraError
from zoo.inference import tiff
from zoo.inference.compare import read_pairs
from zoo.inference.metadata import Metadata, as_seen
from zoo.inference.pictures import read_picture, write_picture
from zoo.inference.reading import open_pages, read_image
from zoo.inference.writing import write_pages

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


PLACED = (273, 278, 279)  # where and how much the strips are
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
            tags = [{t.code: t.value for t in page.aspage().tags if t.code not in PLACED} for page in (one, other)]
            assert tags[0] == tags[1]
            assert (tags[1][270], tags[1][274], tags[1][65000]) == (f"page {i}", 6, (1.5, 2.5, i))


@pytest.mark.parametrize("photometric", ["miniswhite", "minisblack"])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_black_is_black_where_white_is_zero(
    tmp_path: Path, photometric: str, dtype: str, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every format, and for the model: it knows lost pixels, and photons, by black."""
    if large:
        monkeypatch.setattr(tiff, "LARGE_BYTES", 1)
    image = random_image((8, 9), dtype)
    stored = WHITE[dtype] - image if photometric == "miniswhite" else image
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric=photometric, metadata=None)
    for ending in ("tif", "png"):
        (array,) = copy(tmp_path / "in.tif", tmp_path / f"out.{ending}")
        np.testing.assert_array_equal(array, image)
        np.testing.assert_array_equal(np.array(Image.open(tmp_path / f"out.{ending}")), image)


def test_tags_stay_whatever_is_in_them(tmp_path: Path) -> None:
    """Text that is not ASCII, and what tifffile makes tables of: an electron microscope's, ImageJ's, OME's."""
    image = random_image((16, 17), "uint16")
    texts = [
        "Zoë, 3 µm".encode(),
        "Zoë, 3 µm".encode("latin-1"),
        b"[User]\r\nDate=1\r\nUserText=x\r\n",
        b"AP_WD\r\nWD = 4 mm",
    ]
    extra = [(code, 2, 0, text, True) for code, text in zip((315, 270, 34682, 34118), texts, strict=True)]
    extra += [(65001, 5, 1, (1, 3), True), (65002, 10, 2, (-1, 3, 2, 5), True), (65003, 3, 2, (1, 258), True)]
    extra += [(65004, 12, 1, 0.1, True), (65005, 7, 3, b"\0\1\2", True)]
    files = [tmp_path / f"{name}.tif" for name in ("little", "big", "imagej", "ome")]
    for file, order in zip(files, "<>", strict=False):
        with tifffile.TiffWriter(file, byteorder=order) as writer:  # type: ignore[arg-type]
            writer.write(image, photometric="minisblack", metadata=None, extratags=extra)
    inside = {"Info": "Zoë: 3 µm", "Labels": ["one"]}
    tifffile.imwrite(files[2], image[None], imagej=True, metadata=inside | {"unit": "um"}, resolution=(2.5, 1 / 3))
    tifffile.imwrite(
        files[3], image, ome=True, metadata={"axes": "YX", "PhysicalSizeX": 1.1, "PhysicalSizeXUnit": "µm"}
    )
    for file in files:
        copy(file, file.with_suffix(".out.tif"))
        with tifffile.TiffFile(file) as before, tifffile.TiffFile(file.with_suffix(".out.tif")) as after:
            assert before.byteorder == after.byteorder
            tags = [
                {
                    t.code: (t.dtype, t.astuple()[3].rstrip(b"\0"))
                    for t in found.pages.first.tags
                    if t.code not in PLACED
                }
                for found in (before, after)
            ]
            assert tags[0] == tags[1]
            assert (before.imagej_metadata, before.ome_metadata) == (after.imagej_metadata, after.ome_metadata)
            np.testing.assert_array_equal(after.pages.first.asarray(), image)


def test_texts_that_are_not_ascii_go_from_jpeg_to_tiff_and_back(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[315], exif.get_ifd(34665)[42036] = "artist.", "lens model"  # Pillow writes no others
    Image.fromarray(random_image((8, 9), "uint8")).save(tmp_path / "in.jpg", exif=exif)
    file = (tmp_path / "in.jpg").read_bytes()
    for text, other in ((b"artist.", "Müller"), (b"lens model", "Größe µ")):
        assert file.count(text) == 1 and len(text) == len(other.encode())
        file = file.replace(text, other.encode())
    (tmp_path / "in.jpg").write_bytes(file)
    copy(tmp_path / "in.jpg", tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.pages.first.tags[315].astuple()[3].rstrip(b"\0") == "Müller".encode()
    copy(tmp_path / "out.tif", tmp_path / "back.jpg")
    for file in ("in.jpg", "out.tif", "back.jpg"):
        found = Image.open(tmp_path / file).getexif()
        texts = found[315], found.get_ifd(34665)[42036]
        assert [text.encode("latin-1").decode() for text in texts] == ["Müller", "Größe µ"]


@pytest.mark.parametrize("way", [{"imagej": True}, {"truncate": True}])
def test_a_stack_with_one_page_for_all_is_refused(tmp_path: Path, way: dict[str, Any]) -> None:
    """As ImageJ writes it from 4 GB on: what has no page of its own would be lost."""
    stack = random_image((5, 8, 9), "uint8")
    tifffile.imwrite(
        tmp_path / "in.tif", stack, photometric="minisblack", truncate="truncate" in way, imagej="imagej" in way
    )
    if "imagej" in way:
        data = (tmp_path / "in.tif").read_bytes()
        with tifffile.TiffFile(tmp_path / "in.tif") as file:
            second = file.pages[1].offset
            order: Any = "big" if file.byteorder == ">" else "little"
        cut = data.index(second.to_bytes(4, order))
        (tmp_path / "in.tif").write_bytes(data[:cut] + bytes(4) + data[cut + 4 :])
    with pytest.raises(InputError, match=r"holds a stack of shape \(5, 8, 9\) with a single page"):
        copy(tmp_path / "in.tif", tmp_path / "out.tif")


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("way", [{"imagej": True}, {"ome": True}, {"metadata": None}, "pillow"])
def test_a_stack_that_was_cut_off_is_refused(tmp_path: Path, way: Any, share: float) -> None:
    """Not read as far as it goes: pages would be lost without a word."""
    stack = random_image((8, 64, 80), "uint16")
    if way == "pillow":
        first, *others = map(Image.fromarray, stack)
        first.save(tmp_path / "in.tif", save_all=True, append_images=others)
    elif way == {"metadata": None}:
        with tifffile.TiffWriter(tmp_path / "in.tif") as writer:
            for page in stack:
                writer.write(page, metadata=None)
    else:
        tifffile.imwrite(tmp_path / "in.tif", stack, photometric="minisblack", **way)
    assert len(copy(tmp_path / "in.tif", tmp_path / "out.tif")) == 8
    data = (tmp_path / "in.tif").read_bytes()
    (tmp_path / "in.tif").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"is the file whole\?"):
        copy(tmp_path / "in.tif", tmp_path / "cut.tif")
    assert not (tmp_path / "cut.tif").exists()


def test_a_bigtiff_stays_one_and_large_pictures_become_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = random_image((8, 9), "uint8")
    for big, limit, wanted in ((True, 2**32, True), (False, 2**32, False), (False, 71, True)):
        monkeypatch.setattr(tiff, "BIG_BYTES", limit)
        tifffile.imwrite(tmp_path / "in.tif", image, bigtiff=big, metadata=None)
        copy(tmp_path / "in.tif", tmp_path / "out.tif")
        with tifffile.TiffFile(tmp_path / "out.tif") as after:
            assert after.is_bigtiff is wanted
            np.testing.assert_array_equal(after.asarray(), image)


@pytest.mark.parametrize("big", [False, True])
def test_exif_and_gps_travel(tmp_path: Path, big: bool) -> None:
    exif = Image.Exif()
    exif.get_ifd(34665)[36864], exif.get_ifd(34665)[42036] = b"0232", "lens"
    exif.get_ifd(34853)[1], exif.get_ifd(34853)[6] = "N", 12.25
    exif.get_ifd(34665)[40965] = {1: "R98"}  # it points into the file that it came from
    Image.fromarray(random_image((8, 9), "uint8")).save(tmp_path / "in.jpg", exif=exif)
    pages = [read_image(tmp_path / "in.jpg")]
    write_pages(tmp_path / "first.tif", pages, big=big)
    copy(tmp_path / "first.tif", tmp_path / "again.tif")
    copy(tmp_path / "again.tif", tmp_path / "back.jpg")
    for name in ("first.tif", "again.tif", "back.jpg"):
        found = Image.open(tmp_path / name).getexif()
        assert found.get_ifd(34665) == {36864: b"0232", 42036: "lens"}
        assert found.get_ifd(34853) == {1: "N", 6: 12.25}
    with tifffile.TiffFile(tmp_path / "again.tif") as after:
        assert after.is_bigtiff is big


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
    assert metadata.lost == ("CMYK as RGB" if mode == "CMYK" else "")
    write_pages(tmp_path / "out.tif", [(array, metadata)])
    np.testing.assert_array_equal(read_image(tmp_path / "out.tif")[0], wanted)


@pytest.mark.parametrize("mode", ["1", "P", "CMYK"])
@pytest.mark.parametrize("ending", [".tif", ".png", ".npy"])
def test_what_pillow_decodes_is_turned_once(tmp_path: Path, mode: str, ending: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    made = Image.fromarray(random_image((8, 9, 3), "uint8")).convert(mode)
    made.save(tmp_path / "in.tif", exif=exif, dpi=(300, 200))
    wanted = np.rot90(np.asarray(made.convert("L" if mode == "1" else "RGB")), -1)
    page = read_image(tmp_path / "in.tif")
    assert page[1].dpi == (200, 300)
    write_picture(tmp_path / f"out{ending}", [page])
    array, metadata = read_picture(tmp_path / f"out{ending}")
    found = as_seen(array, metadata)
    np.testing.assert_allclose(found, wanted / 255 if ending == ".npy" else wanted, rtol=1e-6)


def retyped(path: Path, **values: tuple[int, str, float]) -> None:
    """Give tags of a file another type and value in their place: (code of the type, letter of struct, value)."""
    names = {"across": 282, "down": 283, "unit": 296}
    with tifffile.TiffFile(path) as file:
        places = {name: file.pages.first.tags[names[name]].offset for name in values}
    content = bytearray(path.read_bytes())
    for name, (kind, letter, value) in values.items():
        packed = struct.pack("<HI", kind, 1) + struct.pack(f"<{letter}", value).ljust(4, b"\0")
        content[places[name] + 2 : places[name] + 12] = packed
    path.write_bytes(content)


@pytest.mark.parametrize("unit", [0, 1, 2, 3, 6, 9])
@pytest.mark.parametrize("kind", [None, (3, "H"), (4, "I"), (11, "f")])
def test_odd_resolutions(tmp_path: Path, unit: int, kind: tuple[int, str] | None) -> None:
    """Plain numbers in place of ratios, and units that nobody knows."""
    image = random_image((8, 9), "uint8")
    tifffile.imwrite(tmp_path / "in.tif", image, resolution=(300, 300), resolutionunit=2, metadata=None)
    plain = {} if kind is None else {"across": (*kind, 300), "down": (*kind, 300)}
    retyped(tmp_path / "in.tif", unit=(3, "H", unit), **plain)
    (array,) = copy(tmp_path / "in.tif", tmp_path / "out.tif")
    np.testing.assert_array_equal(array, image)
    assert read_image(tmp_path / "in.tif")[1].dpi == {2: (300, 300), 3: (762, 762)}.get(unit)
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        tags = after.pages.first.tags
        assert (tags[282].value, tags[283].value) == ((300, 1), (300, 1))
        assert int(tags[296].value) == (unit if unit in range(1, 6) else 1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("first", [True, False])
def test_pages_that_pillow_decodes_keep_their_tags_beside_others(tmp_path: Path, order: str, first: bool) -> None:
    """Bits (as of a fax) and a picture, with a map's scale, in either byte order: tags are bytes in that order."""
    gray, bits = random_image((20, 30), "uint8"), random_image((16, 24), "uint8") > 127
    extra = [(33550, 12, 3, (1.0, 2.0, 0.5), True), (65003, 3, 2, (1, 258), True), (315, 2, 0, "Ann", True)]
    pages = [bits, gray] if first else [gray, bits]
    sizes: dict[str, Any] = {"resolution": (7, 9), "resolutionunit": 1}
    with tifffile.TiffWriter(tmp_path / "in.tif", byteorder=order) as writer:  # type: ignore[arg-type]
        for page in pages:
            writer.write(page, photometric="minisblack", metadata=None, extratags=extra, **sizes)
    for array, page in zip(copy(tmp_path / "in.tif", tmp_path / "out.tif"), pages, strict=True):
        np.testing.assert_array_equal(array, page.astype(np.uint8) * 255 if page.dtype == bool else page)
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.byteorder == order
        for page in after.pages:
            tags = page.aspage().tags
            assert (tags[33550].value, tags[65003].value, tags[315].value) == ((1.0, 2.0, 0.5), (1, 258), "Ann")
            assert (tags[282].value, tags[283].value, int(tags[296].value)) == ((7, 1), (9, 1), 1)


def test_a_palette_of_one_page_has_its_profile_on_that_page(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pages = [Image.fromarray(random_image((8, 9, 3), "uint8")).convert("P") for _ in range(3)]
    pages[1].info["icc_profile"] = profile
    pages[0].save(tmp_path / "in.tif", save_all=True, append_images=pages[1:])
    with open_pages(tmp_path / "in.tif") as found:
        assert [metadata.icc for _, metadata in found] == [None, profile, None]


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_white_is_white_in_between_8_and_16_bits(tmp_path: Path, bits: int, photometric: str) -> None:
    """Nothing that is written has so many: as they are, they would be nearly black in 16."""
    pytest.importorskip("imagecodecs")
    white = 2**bits - 1
    image = np.array([[0, 1, white // 2], [white - 1, white, 5]], np.uint16)
    stored = white - image if photometric == "miniswhite" else image
    extra = [(281, 3, 1, white, True)]
    tifffile.imwrite(
        tmp_path / "in.tif", stored, bitspersample=bits, photometric=photometric, metadata=None, extratags=extra
    )
    (array,) = copy(tmp_path / "in.tif", tmp_path / "out.tif")
    np.testing.assert_array_equal(array, np.rint(image * (65535 / white)))
    with tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert 281 not in after.pages.first.tags
        np.testing.assert_array_equal(after.asarray(), array)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [12, 16])
def test_a_file_s_own_numbers_stay_where_their_white_is_said(tmp_path: Path, bits: int, photometric: str) -> None:
    """Twelve bits by themselves or in 16, and where white is zero, black is what white is said to be."""
    if bits == 12:
        pytest.importorskip("imagecodecs")
    image = np.array([[0, 1, 2047], [4094, 4095, 5]], np.uint16)
    stored = 4095 - image if photometric == "miniswhite" else image
    tifffile.imwrite(tmp_path / "in.tif", stored, bitspersample=bits, photometric=photometric, metadata=None)
    with open_pages(tmp_path / "in.tif", white=4095) as pages:
        ((array, _),) = pages
    np.testing.assert_array_equal(array, image)
    with open_pages(tmp_path / "in.tif", white=4000) as pages:  # what is brighter than white stays, but below black
        ((array, _),) = pages
    wanted = np.maximum(4000 - stored.astype(int), 0) if photometric == "miniswhite" else image
    np.testing.assert_array_equal(array, wanted)


def test_a_large_file_that_begins_with_its_large_bytes(tmp_path: Path) -> None:
    image = random_image((20, 30), "uint16")
    tifffile.imwrite(tmp_path / "in.tif", image, byteorder=">", bigtiff=True, metadata=None)
    (array,) = copy(tmp_path / "in.tif", tmp_path / "out.tif")
    np.testing.assert_array_equal(array, image)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), image)


def test_twelve_bits_without_imagecodecs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("imagecodecs")
    image = np.array([[0, 1, 2047], [4094, 4095, 5]], np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", image, bitspersample=12, photometric="minisblack", metadata=None)
    monkeypatch.setattr(tiff, "CODECS", False)
    np.testing.assert_array_equal(read_image(tmp_path / "in.tif")[0], np.rint(image * (65535 / 4095)))


def test_alpha_that_is_multiplied_in_is_so_in_tiff_alone(tmp_path: Path) -> None:
    straight = np.array([[[200, 100, 50, 128], [9, 9, 9, 0], [255, 1, 0, 255]]], np.uint8)
    alpha = straight[..., 3:] / 255
    stored = np.concatenate([np.rint(straight[..., :3] * alpha), straight[..., 3:]], -1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", extrasamples=["assocalpha"], metadata=None)
    copy(tmp_path / "in.tif", tmp_path / "out.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), stored)
    copy(tmp_path / "in.tif", tmp_path / "out.png")
    found = np.array(Image.open(tmp_path / "out.png")).astype(int)
    seen = straight[..., 3] > 0
    assert np.abs(found - straight)[seen].max() <= 1
    np.testing.assert_array_equal(found[..., 3], straight[..., 3])
    write_picture(tmp_path / "out.npy", [read_image(tmp_path / "in.tif")])
    np.testing.assert_allclose(np.load(tmp_path / "out.npy") * 255, found, atol=0.5)
    (pair,) = read_pairs(tmp_path / "in.tif", tmp_path / "out.png")
    np.testing.assert_array_equal(np.asarray(pair.before), np.asarray(pair.after))


def test_inks_of_16_bits_are_told_for_what_they_are(tmp_path: Path) -> None:
    image = random_image((8, 9, 4), "uint16")
    tifffile.imwrite(tmp_path / "in.tif", image, photometric="separated", metadata=None)
    with pytest.raises(InputError, match="CMYK of 16 bits"):
        read_image(tmp_path / "in.tif")


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
