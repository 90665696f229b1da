"""TIFF files, by tifffile: any number of pages, any depth, larger than the memory.

Read page by page; a large page is never in memory as a whole but as a memory map: of the file itself where its pixels
lie there in one piece, else of a temporary file. Tags travel as they are, sub-directories but EXIF's and GPS's excepted
(the reduced copies of a pyramid would no longer be copies).
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import math
import os
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tifffile
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from zoo.errors import InputError, damaged
from zoo.inference.lzw import LZW, check_lzw
from zoo.inference.metadata import Metadata, TiffPage

# tifffile logs what it finds odd in a file; without a handler, Python would print that.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# A page from here on becomes a memory map.
LARGE_BYTES = 256 * 2**20
# Offsets of a classic TIFF have 32 bits; tags and tables need some room below.
BIG_BYTES = 2**32 - 2**25
MINISWHITE, MINISBLACK, RGB = 0, 1, 2  # photometric: white is zero, black is zero; colour
ALPHAS = (1, 2)  # extrasamples: associated, unassociated
EXIF_IFDS = {34665: "ExifTag", 34853: "GPSTag"}
# Tags that say how the pixels lie in that one file, and those that the writer has arguments for.
STORAGE = {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339}
STORAGE |= {282, 283, 296, 347, 512, 513, 514, 529, 530, 531, 532, 34675, 40965, 32997, 32998, *EXIF_IFDS}
# Tags that say how it was coded, and are no longer true of pixels that were brought into another form.
CODED = {280, 281, 290, 291, 292, 293, 301, 326, 327, 328, 332, 333, 334, 336, 433}
INTEROPERABILITY = 40965  # a pointer within EXIF's directory
XMP = 700
EDITORS = (33723, 34377)  # IPTC, Photoshop
# Types of tags that are pairs of numbers.
RATIONALS = {5: "I", 10: "i"}
# Where a pointer points until what it points to is there; 0 would be taken for damage.
PLACEHOLDER = 8
# Lossless ways to store pixels, by their numbers, and whether tifffile has them without imagecodecs.
NONE, DEFLATE = 1, 8
LONG, LONG8 = 4, 16
LOSSLESS = {NONE: True, DEFLATE: True, 32946: True, 34925: True, LZW: False, 50000: False, 34926: False}
CODECS = importlib.util.find_spec("imagecodecs") is not None


class TiffPages:
    """The pages of a TIFF file, each decoded when its turn comes.

    Raises:
        InputError: Damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = tifffile.TiffFile(path)
            self._pages = [page.aspage() for page in self._file.pages]
            self._sizes = [(int(page.imagelength), int(page.imagewidth)) for page in self._pages]
            self._known = [_known(page) for page in self._pages]
            self._bytes = [int(page.nbytes) for page in self._pages]
        # A damaged file makes the reader of its structure raise whatever its parts raise.
        except Exception as error:
            raise damaged(path, error) from error
        if any(page.imagedepth != 1 for page in self._pages):
            raise InputError(f"{str(path)!r} holds volumes; expected pictures: save the slices as pages")
        if not self._pages:
            raise InputError(f"{str(path)!r} holds no picture; is the file whole?")
        self._refuse_a_cut_chain()
        self._refuse_stacks()

    def _refuse_a_cut_chain(self) -> None:
        """Each page says where the next one is; of a file that was cut off, the last that can be read names another."""
        file, kind, page = self._file.filehandle, self._file.tiff, self._pages[-1]
        if kind.is_ndpi:  # whose numbers have their upper half elsewhere
            return
        try:
            file.seek(page.offset)
            (count,) = struct.unpack(kind.tagnoformat, file.read(kind.tagnosize))
            file.seek(count * kind.tagsize, os.SEEK_CUR)
            (following,) = struct.unpack(kind.offsetformat, file.read(kind.offsetsize))
        except (struct.error, OSError, ValueError) as error:
            raise damaged(self.path, error) from error
        if following and following not in {page.offset for page in self._pages}:  # some chains are rings
            raise InputError(
                f"{str(self.path)!r} cannot be read behind its page {len(self._pages)}, which names another; is the "
                "file whole?"
            )

    def _refuse_stacks(self) -> None:
        """Some programs describe the first of many pictures alone (ImageJ from 4 GB on): the others would be lost."""
        file = self._file
        if len(self._pages) > 1 or not (file.is_imagej or file.is_shaped):
            return
        try:
            stacks = [series.shape for series in file.series if series.is_truncated]
        except Exception as error:
            raise damaged(self.path, error) from error
        if stacks:
            raise InputError(
                f"{str(self.path)!r} holds a stack of shape {tuple(stacks[0])} with a single page for all of it; "
                "expected a page for each picture: save them so"
            )

    def close(self) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def big(self) -> bool:
        """Whether the pages need a BigTIFF."""
        return self._file.is_bigtiff or sum(self._bytes) > BIG_BYTES

    def size(self, i: int) -> tuple[int, int]:
        """Height and width of page ``i``, by its header."""
        return self._sizes[i]

    def known(self, i: int) -> bool:
        """Whether page ``i`` can be decoded here; otherwise Pillow may know it (palettes, CMYK, JPEG inside)."""
        return self._known[i]

    def read(self, i: int, *, planes: bool = False, white: float | None = None) -> np.ndarray:
        """The pixels of page ``i``, H×W or H×W×C, black at zero.

        Args:
            planes: Take channels of any number and meaning; otherwise only gray and colour, with alpha or without.
            white: The number that is white in the page's own numbers (or black, where white is zero).
        """
        page = self._pages[i]
        try:
            extra = tuple(page.extrasamples)
            named = len(extra) == 0 or (len(extra) == 1 and (extra[0] in ALPHAS or page.photometric == RGB))
            if not named and not planes:
                raise InputError(
                    f"{str(self.path)!r} holds {page.samplesperpixel} channels per pixel; expected gray or colour: "
                    "zoo denoise --planes takes each channel for a picture, others take them saved apart"
                )
            check_lzw(page)
            if self._bytes[i] < LARGE_BYTES:
                array = page.asarray()
            elif page.is_memmappable:
                mode: Literal["r", "c"] = "c" if _white_is_zero(page) else "r"  # c: changes stay in memory
                array = np.memmap(self.path, _dtype(page), mode, page.dataoffsets[0], page.shape)
            else:
                array = page.asarray(out="memmap")
            array = np.moveaxis(array, 0, -1) if page.axes == "SYX" else array
            if white is None:
                array = self.full_range(i, array)
            if _white_is_zero(page):
                gray, largest = array if array.ndim == 2 else array[..., 0], np.iinfo(array.dtype).max
                black = gray.dtype.type(largest if white is None else min(round(white), largest))
                np.subtract(black, np.minimum(gray, black), out=gray)
        except InputError:
            raise
        except Exception as error:
            raise damaged(self.path, error) from error
        if array.dtype.kind != "f" and array.dtype.name not in ("uint8", "uint16"):
            raise InputError(f"{str(self.path)!r} has values of {array.dtype}; expected uint8, uint16 or float")
        if array.shape[:2] != self.size(i):
            raise InputError(f"{str(self.path)!r} cannot be read (pixels of shape {array.shape}); is the file whole?")
        return array

    def full_range(self, i: int, array: np.ndarray) -> np.ndarray:
        """The pixels of page ``i``, white at 65535 where they have 9 to 15 bits, which no picture is written with."""
        page = self._pages[i]
        if array.dtype != np.uint16 or not _in_between(page):
            return array
        return np.rint(np.linspace(0, 65535, 2**page.bitspersample)).astype(np.uint16)[array]

    def metadata(self, i: int, decoded: np.ndarray | None = None) -> Metadata:
        """What page ``i`` holds beside its pixels; ``decoded`` are these where Pillow gave them: in another form than
        in the file, and upright.
        """
        page = self._pages[i]
        try:
            untrue = CODED if decoded is not None or _in_between(page) else set()
            if decoded is not None:
                untrue = untrue | {ExifTags.Base.Orientation}
            tags = tuple(_tag(t) for t in page.tags if t.code not in STORAGE | untrue)
            across, down = (_ratio(page.tags.valueof(code)) for code in (282, 283))
            if decoded is not None and page.tags.valueof(ExifTags.Base.Orientation) in range(5, 9):
                across, down = down, across
            unit = page.tags.valueof(296)
            unit = 2 if unit is None else int(unit) if unit in range(1, 6) else 1  # 2 (inch) is TIFF's default
            per_inch = {2: 1.0, 3: 2.54}.get(unit)
            resolution = dpi = None
            if across is not None and down is not None:
                resolution = across, down, unit
                if per_inch is not None:
                    dpi = across[0] / across[1] * per_inch, down[0] / down[1] * per_inch
            if decoded is None:
                layout: dict[str, Any] = {
                    "photometric": MINISBLACK if _white_is_zero(page) else int(page.photometric),
                    "planar": page.axes == "SYX",
                    "predictor": page.predictor != 1,
                    "extrasamples": tuple(map(int, page.extrasamples)),
                }
            else:
                channels = decoded.shape[2] if decoded.ndim == 3 else 1
                layout = {
                    "photometric": RGB if channels > 2 else MINISBLACK,
                    "planar": False,
                    "predictor": False,
                    "extrasamples": (2,) if channels in (2, 4) else (),
                }
            xmp = page.tags.valueof(XMP)
            return Metadata(
                "TIFF",
                icc=page.iccprofile,
                exif=self._exif(i, turned=decoded is not None),
                xmp=bytes(xmp) if isinstance(xmp, bytes) else None,
                dpi=dpi,
                tiff=TiffPage(
                    byteorder=self._file.byteorder,
                    compression=int(page.compression),
                    tile=(page.tilelength, page.tilewidth) if page.is_tiled else None,
                    subfiletype=int(page.subfiletype) if 254 in page.tags else None,
                    resolution=resolution,
                    tags=tags,
                    **layout,
                ),
            )
        except Exception as error:
            raise damaged(self.path, error) from error

    def _exif(self, i: int, *, turned: bool) -> bytes | None:
        if self._file.is_bigtiff and self._file.byteorder == ">":
            return None  # Pillow takes it for a classic file, and cannot read it
        exif = Image.Exif()
        exif.endian, exif.bigtiff = self._file.byteorder, self._file.is_bigtiff
        with self.path.open("rb") as file:
            exif.load_from_fp(file, self._pages[i].offset)
            if turned:
                exif.pop(ExifTags.Base.Orientation, None)
            return exif_block(exif)


def exif_block(exif: Image.Exif) -> bytes | None:
    """The EXIF of a page as other formats have it, without what says how its pixels are stored."""
    for tag in STORAGE - set(EXIF_IFDS) | {XMP}:  # which has a place of its own
        exif.pop(tag, None)
    for directory in (exif, *(exif.get_ifd(code) for code in EXIF_IFDS if code in exif)):
        for tag, value in list(directory.items()):
            directory[tag] = _Text(value) if isinstance(value, str) else value
    exif.bigtiff = False  # which no other format knows
    return exif.tobytes() if len(exif) else None


def without_blocks(exif: bytes) -> bytes:
    """The EXIF of a TIFF page without what editors of pictures put there for themselves, which can be large."""
    loaded = _loaded(exif)
    for tag in EDITORS:
        loaded.pop(tag, None)
    return loaded.tobytes()


def write_tiff(path: Path, pages: Iterable[tuple[np.ndarray, Metadata]], *, big: bool = False) -> None:
    """Write pages to a new file, each the way it was stored if it comes from a TIFF file, deflated if not.

    If so, all come from one file, whose byte order they keep: what other programs put into tags follows that.
    """
    directories: list[dict[int, ImageFileDirectory_v2]] = []
    pages = iter(pages)
    first = next(pages)
    stored = first[1].tiff
    order: Literal["<", ">"] = ">" if stored is not None and stored.byteorder == ">" else "<"
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=order) as writer:
        for array, metadata in itertools.chain([first], pages):
            directories.append(_directories(metadata, order, big))
            pointers = [(EXIF_IFDS[code], LONG8 if big else LONG, 1, PLACEHOLDER, True) for code in directories[-1]]
            writer.write(**_page(array, metadata), extratags=[*_tags(metadata), *pointers])
    if any(directories):
        _append(path, directories)


def _page(array: np.ndarray, metadata: Metadata) -> dict[str, Any]:
    """The arguments of tifffile's writer for one page, but for its tags."""
    channels = array.shape[2] if array.ndim == 3 else 1
    stored = metadata.tiff
    color = channels in (3, 4) and (stored is None or stored.photometric == RGB)
    photometric = RGB if color else (stored.photometric if stored and stored.photometric != RGB else MINISBLACK)
    extra = stored.extrasamples if stored else ()
    if len(extra) != channels - (3 if color else 1):
        extra = (2,) * (channels - (3 if color else 1))
    planar = stored is not None and stored.planar and channels > 1
    compression = stored.compression if stored else DEFLATE
    if not LOSSLESS.get(compression, False) and not (CODECS and compression in LOSSLESS):
        compression = DEFLATE
    predictor = stored is not None and stored.predictor and compression != NONE
    resolution = (*metadata.dpi, 2) if metadata.dpi else None
    if stored is not None:
        resolution = stored.resolution
    return {
        "data": np.ascontiguousarray(np.moveaxis(array, -1, 0)) if planar else array,
        "photometric": photometric,
        "planarconfig": ("separate" if planar else "contig") if channels > 1 else None,
        "extrasamples": extra or None,
        "compression": DEFLATE if compression == 32946 else compression,
        "predictor": predictor and (CODECS or array.dtype.kind != "f"),
        "tile": stored.tile if stored else None,
        "iccprofile": metadata.icc,
        "resolution": resolution[:2] if resolution else None,
        "resolutionunit": resolution[2] if resolution else None,
        "subfiletype": stored.subfiletype if stored else None,
        "software": False,
        "metadata": None,
    }


def _tags(metadata: Metadata) -> list[tuple[int, int, int, Any, bool]]:
    if metadata.tiff is not None:
        return [(*tag, True) for tag in metadata.tiff.tags]
    described = {} if metadata.exif is None else dict(_loaded(metadata.exif))
    directory = ImageFileDirectory_v2()
    for code, value in described.items():
        if code not in STORAGE:
            directory[code] = value
    tags = []
    for code, value in directory.items():
        kind = directory.tagtype[code]
        if kind == 2:
            tags.append((code, 2, 0, _Text(value).encode(), True))
        elif kind in (1, 7) and isinstance(value, bytes):
            tags.append((code, kind, len(value), value, True))
        elif kind in (3, 4):
            count = len(value) if isinstance(value, tuple) else 1
            tags.append((code, kind, count, value, True))
    if metadata.xmp:
        tags.append((XMP, 1, len(metadata.xmp), metadata.xmp, True))
    return tags


def _tag(tag: tifffile.TiffTag) -> tuple[int, int, int, Any]:
    """A tag as it lies in the file, whatever a reader makes of it: text in UTF-8, the tables of microscopes."""
    kind, value = int(tag.dtype), tag.astuple()[3]
    if kind in RATIONALS:  # the writer would count their bytes twice
        value = struct.unpack(f"{tag.parent.tiff.byteorder}{2 * tag.count}{RATIONALS[kind]}", value)
    return tag.code, kind, tag.count, value


class _Text(str):
    """A text of EXIF, which Pillow reads byte by byte, each a character, and writes with question marks for most."""

    def encode(self, encoding: str = "", errors: str = "replace") -> bytes:
        return super().encode("latin-1", errors)


def _loaded(exif: bytes) -> Image.Exif:
    loaded = Image.Exif()
    loaded.load(exif)
    return loaded


def _directories(metadata: Metadata, order: str, big: bool) -> dict[int, ImageFileDirectory_v2]:
    """EXIF's and GPS's directories, by the tag that points to them."""
    found = {}
    classic, large = (b"II*\0", b"II+\0") if order == "<" else (b"MM\0*", b"MM\0+")
    if metadata.exif is not None:
        exif = _loaded(metadata.exif)
        for code in EXIF_IFDS:
            if entries := exif.get_ifd(code):
                found[code] = ImageFileDirectory_v2(ifh=large + bytes(12) if big else classic + bytes(4), group=code)
                for tag, value in entries.items():
                    if tag != INTEROPERABILITY:
                        found[code][tag] = _Text(value) if isinstance(value, str) else value
    return found


def _append(path: Path, directories: Sequence[dict[int, ImageFileDirectory_v2]]) -> None:
    """Put directories at the end of the file, which tifffile does not write, and point to them."""
    with tifffile.TiffFile(path, mode="r+") as file:
        for page, found in zip(file.pages, directories, strict=True):
            for code, directory in found.items():
                end = file.filehandle.seek(0, os.SEEK_END)
                file.filehandle.write(b"\0" * (end % 2))
                end += end % 2
                file.filehandle.write(directory.tobytes(end))
                page.aspage().tags[code].overwrite(end)


def _known(page: tifffile.TiffPage) -> bool:
    return (
        page.photometric in (MINISWHITE, MINISBLACK, RGB)
        and (page.bitspersample in (8, 16, 32, 64) or (CODECS and _in_between(page)))
        and (CODECS or (LOSSLESS.get(page.compression, False) and page.predictor in (1, 2)))
    )


def _white_is_zero(page: tifffile.TiffPage) -> bool:
    """Whether white is zero and black the highest whole number; of floats, nobody says which is white."""
    return page.photometric == MINISWHITE and np.dtype(page.dtype).kind == "u"


def _in_between(page: tifffile.TiffPage) -> bool:
    """Whether a page has more bits than 8, and fewer than 16; of 5, 6 and 5, the three are told."""
    return isinstance(page.bitspersample, int) and 8 < page.bitspersample < 16


def _ratio(value: Any) -> tuple[int, int] | None:
    """Pixels per unit, which some programs write as a plain number; None where they are not stated."""
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, int | float) and math.isfinite(value):
        value = Fraction(value).limit_denominator(10_000).as_integer_ratio()
    if isinstance(value, tuple) and len(value) == 2 and all(0 < part < 2**32 for part in value):
        return value[0], value[1]
    return None


def _dtype(page: tifffile.TiffPage) -> np.dtype:
    return np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
