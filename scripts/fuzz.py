"""Damaged and odd inputs by the thousand: no traceback, no hang, no output lost or half-written.

    python scripts/fuzz.py [--cases 10000] [--processes 300] [--seed 0]

Real files of every format are made, then damaged (cut short, bytes changed, pieces swapped, doubled or taken out, named
as another format), and denoised by the command's own entry function; some of them by the command in a process of its
own. Arrays of odd shapes, types, byte orders and values go to the API. A case passes if it ends within a time limit,
with a result that can be read, or with an error in one line, exit status 1 or 2, and an older output untouched.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from rich.progress import track
from skimage import data

import zoo
from zoo.cli import main as command
from zoo.inference.reading import open_pages
from zoo.inference.writing import FORMATS

LIMIT_S = 60
OLD = b"an older output"
ENDINGS = (*FORMATS, ".npy", ".gif")


def good_files(rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Small files of every format and kind: (ending, content)."""
    photo = data.astronaut()[:37, 200:241]
    modes = {mode: Image.fromarray(photo).convert(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")}
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 6, "a camera"

    def saved(mode: str, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        modes[mode].save(buffer, kind, **options)
        return buffer.getvalue()

    for mode in ("L", "RGB", "CMYK"):
        yield ".jpg", saved(mode, "JPEG", exif=exif, comment=b"hills")
        yield ".jpg", saved(mode, "JPEG", progressive=True, dpi=(300, 300))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield ".png", saved(mode, "PNG", exif=exif, icc_profile=b"no profile")
        yield ".tif", saved(mode, "TIFF", exif=exif)
    yield ".png", saved("P", "PNG", transparency=3)
    for mode in ("RGB", "RGBA"):
        yield ".webp", saved(mode, "WEBP", lossless=True)
        yield ".webp", saved(mode, "WEBP", quality=50)
    yield ".webp", saved("RGB", "WEBP", save_all=True, append_images=[modes["RGB"].rotate(90)])
    for mode in ("1", "L", "P", "RGB"):
        yield ".bmp", saved(mode, "BMP")
        yield ".gif", saved(mode, "GIF")
    for mode in ("1", "L", "RGB"):
        yield ".ppm", saved(mode, "PPM")
    yield ".tif", saved("CMYK", "TIFF")
    deep = (photo.astype(np.uint16) * 257).astype(np.uint16)
    for array in (deep, deep[..., 0], photo / np.float32(255), np.dstack([photo, photo[..., :2]]), photo.astype("i2")):
        for options in ({}, {"compression": "zlib", "predictor": True}, {"tile": (16, 16)}, {"compression": "lzw"}):
            if array.dtype.kind == "f" and "predictor" in options:
                continue
            buffer = io.BytesIO()
            rgb = array.ndim == 3 and array.shape[2] == 3
            photometric = "rgb" if rgb else "minisblack"
            planar = {"planarconfig": "contig"} if array.ndim == 3 else {}
            tifffile.imwrite(buffer, array, photometric=photometric, bigtiff=bool(rng.integers(2)), **planar, **options)
            yield ".tif", buffer.getvalue()
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=">") as writer:
        for page in (photo, deep[..., 0], photo[:9, :1]):
            writer.write(page, photometric="rgb" if page.ndim == 3 and page.shape[2] == 3 else "minisblack")
    yield ".tif", buffer.getvalue()
    yield ".png", png(37, 41, 16, 2, b"".join(b"\0" + row.tobytes() for row in deep.transpose(1, 0, 2).astype(">u2")))
    yield ".png", png(60_000, 60_000, 8, 2, b"")  # a bomb
    yield ".png", png(20_000, 1, 8, 0, b"\0" + bytes(20_000))
    for array in (photo, deep, photo / 255, (photo / 255).astype(">f4"), photo[..., 0], photo > 9, photo.astype("c8")):
        yield ".npy", saved_array(array)
    for array in (np.zeros((0, 5)), np.zeros((3, 4, 5, 6)), np.full((9, 9), np.nan), np.full((9, 9), np.inf)):
        yield ".npy", saved_array(array)
    yield ".npy", saved_array(np.full((1, 1), 1e300))
    yield ".png", b""
    yield ".jpg", b"This is a text.\n"


def png(width: int, height: int, depth: int, color: int, rows: bytes) -> bytes:
    """A PNG file of any header."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def saved_array(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content after one to three accidents; sometimes none."""
    bad = bytearray(content)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        if not bad:
            break
        place, length = rng.randrange(len(bad)), rng.randrange(1, 64)
        accident = rng.randrange(7)
        if accident == 0:
            del bad[place:]
        elif accident == 1:
            bad[min(place, 400 % len(bad))] = rng.randrange(256)  # headers matter most
        elif accident == 2:
            for _ in range(rng.randrange(1, 20)):
                bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        elif accident == 3:
            del bad[place : place + length]
        elif accident == 4:
            bad[place:place] = bad[place : place + length]
        elif accident == 5:
            bad[place : place + 4] = rng.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
            )
        else:
            other = rng.randrange(len(bad))
            bad[place : place + length], bad[other : other + length] = (
                bad[other : other + length],
                bad[place : place + length],
            )
    return bytes(bad)


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
    """Ends the program with the stacks of all threads where a case hangs."""
    import faulthandler

    faulthandler.dump_traceback_later(LIMIT_S, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def file_case(folder: Path, seeds: list[tuple[str, bytes]], rng: random.Random, *, process: bool) -> str:
    """Denoise one damaged file; what happened, or AssertionError."""
    ending, content = rng.choice(seeds)
    if rng.random() < 0.1:
        ending = rng.choice(ENDINGS)
    source = folder / f"in{ending}"
    source.write_bytes(damaged(content, rng))
    target = folder / f"out{rng.choice([e for e in ENDINGS if e != '.gif']) if rng.random() < 0.5 else ending}"
    if older := rng.random() < 0.5:
        target.write_bytes(OLD)
    arguments = ["denoise", str(source), "-o", str(target), "--threads", "1"]
    options = [], ["--planes"], ["--max-pixels", "1500"], ["--tile", "16"], ["--strength", "0.5"], ["--ensemble", "4"]
    arguments += rng.choice(options)
    if process:
        done = subprocess.run(
            [sys.executable, "-m", "zoo.cli", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        status, said = done.returncode, done.stderr
    else:
        heard = io.StringIO()
        with time_limit(), contextlib.redirect_stderr(heard):
            status = command(arguments)
        said = heard.getvalue()
    assert status in (0, 1, 2), (status, said)
    assert len(said.splitlines()) == 1 and "Traceback" not in said, said
    left = {path.name for path in folder.iterdir()} - {source.name, target.name}
    assert not left, left
    if status:
        assert said.startswith("zoo: error: "), said
        assert target.read_bytes() == OLD if older else not target.exists(), "the older output was touched"
    elif target.suffix == ".npy":
        assert np.isfinite(np.load(target)).all()
    else:
        with open_pages(target, planes=True) as pages:
            assert sum(1 for _ in pages) == len(pages) > 0
    source.unlink()
    target.unlink(missing_ok=True)
    return f"exit {status}"


def array_case(denoisers: dict[int, zoo.Denoiser], rng: random.Random) -> str:
    """Denoise one odd array; what happened, or AssertionError."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    shape = rng.choice(
        ((), (5,), (0, 4), (1, 1), (1, 20_000), (7, 5), (16, 16, 1), (9, 8, 2), (8, 9, 3), (5, 6, 4), (4, 4, 5))
        + ((2, 9, 8, 1), (3, 8, 9, 3), (0, 4, 4, 3), (2, 2, 2, 2, 2), (2, 6, 7, 4))
    )
    dtype = rng.choice(("B", "H", "e", "f", "d", ">H", ">f", *"?bhiIqQgFDSUOm"))
    image: Any = numbers.normal(0.5, 1, shape)
    with np.errstate(all="ignore"), contextlib.suppress(ValueError, TypeError):
        image = (image * rng.choice((1, 255, 65535))).astype(dtype)
    if rng.random() < 0.3 and isinstance(image, np.ndarray) and image.dtype.kind == "f" and image.size:
        image.flat[rng.randrange(image.size)] = rng.choice((np.nan, np.inf, -np.inf))
    if rng.random() < 0.2 and isinstance(image, np.ndarray) and image.ndim > 1:
        image = image[::-1, ::-1].swapaxes(0, 1)
    if rng.random() < 0.05:
        image = rng.choice((None, "photo.png", [[1, 2]], 5, b"x", {}, np.ma.masked_all((3, 3))))
    options: dict[str, Any] = rng.choice(
        ({}, {}, {}, {"tile": 4}, {"tile": 0}, {"strength": 2}, {"ensemble": 8}, {"sigma": 5}, {"out": 1})
    )
    before = image.copy() if isinstance(image, np.ndarray) else image
    try:
        with time_limit(), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitting = 3 if len(shape) > 2 and shape[-1] > 2 else 1
            found = denoisers[fitting if rng.random() < 0.8 else 4 - fitting](image, **options)
    except zoo.ZooError as error:
        assert len(str(error).splitlines()) == 1
        return "refused"
    assert isinstance(found, np.ndarray) and (found.shape, found.dtype) == (image.shape, image.dtype)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(image, before)
    return "done"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000, help="in this process: half files, half arrays")
    parser.add_argument("--processes", type=int, default=300, help="files, each in a process of its own")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    seeds = list(good_files(np.random.default_rng(args.seed)))
    denoisers = {1: zoo.load("resnet-gaussian-gray", threads=1), 3: zoo.load("resnet-gaussian-color", threads=1)}
    count: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in track(range(args.cases + args.processes), "fuzzing"):
            rng = random.Random(f"{args.seed}-{i}")
            process = i >= args.cases
            try:
                if process or i % 2:
                    count["command: " + file_case(Path(folder), seeds, rng, process=process)] += 1
                else:
                    count["API: " + array_case(denoisers, rng)] += 1
            except Exception as error:  # whatever it is: this is what is looked for
                wrong += 1
                print(f"case {i} of seed {args.seed}: {type(error).__name__}: {error}")
                for path in Path(folder).iterdir():
                    path.unlink()
    print(", ".join(f"{what}: {n}" for what, n in sorted(count.items())) + f"; {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
