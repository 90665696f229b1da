"""A look at somebody's images before anything is trained on them: what can be used, what is left out, what is odd."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from rich.console import Console
from rich.progress import track
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from zoo.errors import InputError
from zoo.folders import by_name, files_below
from zoo.inference.images import to_color, to_gray
from zoo.inference.noise_level import CLEAN_SIGMA, noise_level, swapped
from zoo.inference.pictures import ENDINGS, as_float, open_picture, page_name
from zoo.scale import doubt, white_of
from zoo.training.sources import CACHE_BYTES

Kind = Literal["clean", "pairs", "noisy"]

# Held out: of all images for the verdict, and of the rest for choosing weights.
SHARE, MOST = 0.15, 16

FEWEST = 3  # one to learn from, one to choose the weights by, one to judge them
FEW, FEW_MEGAPIXELS = 10, 1.0
# Noise that neighbouring pixels share seems weak beside that of every other pixel. On val/, white, photon and sensor
# noise and impulses have 0.98 to 1.04 times the level there (up to 1.2 with JPEG after), demosaiced noise 3.7 to 6
# times. Below FAINT, clean pictures' texture looks like it.
SMOOTH, FAINT = 1.5, 2.0
# Pairs are compared in blocks of so many pixels, in which noise has averaged out.
BLOCK = 8
ALIKE = 0.5
SMOOTHING = 1.5  # pixels
# Of a picture whose blocks differ by less than this, or by so many times what noise is left in the means of blocks,
# strong noise leaves nothing to compare.
FLAT, FLAT_BY_NOISE = 0.02, 4
# The share of a noisy picture that must be neither black nor white for the rest to be left aside.
LEAST_WHOLE = 0.25
# Who does not fit better than this when moved is taken for moved; by more than this is no registration but chance.
FURTHEST_SHIFT = 32


@dataclass(frozen=True)
class Item:
    """An image, (h, w, C) of uint8, uint16 or float32, and its clean one for pairs."""

    name: str
    image: np.ndarray
    clean: np.ndarray | None = None


@dataclass
class Survey:
    """What was found.

    Attributes:
        kind: "clean", "pairs" or "noisy".
        items: What can be used.
        left_out: Name and reason of what cannot.
        notes: What is odd about what is used.
        digest: SHA-256 over the names and contents of the files that are used.
    """

    kind: Kind
    items: list[Item] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    digest: str = ""

    @property
    def megapixels(self) -> float:
        return sum(item.image.shape[0] * item.image.shape[1] for item in self.items) / 1e6

    def __str__(self) -> str:
        sizes = sorted(item.image.shape[:2] for item in self.items)
        depths = Counter(str(item.image.dtype) for item in self.items)
        what = {"clean": "clean images", "pairs": "pairs", "noisy": "noisy images"}[self.kind]
        lines = [f"{len(self.items)} {what}, {self.megapixels:.1f} megapixels"]
        if sizes:
            ends = [f"{height}×{width}" for height, width in (sizes[0], sizes[-1])]
            lines[0] += f", {' to '.join(dict.fromkeys(ends))}; " + ", ".join(f"{n} {d}" for d, n in depths.items())
        lines += [f"left out: {name}: {reason}" for name, reason in self.left_out]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def survey(
    kind: Kind,
    folders: tuple[str | os.PathLike[str], ...],
    *,
    channels: int,
    smallest: int,
    white: float | None = None,
    progress: bool = False,
) -> Survey:
    """Read all images of a folder, or of two for pairs (noisy, clean).

    Args:
        channels: Of the model: colour becomes gray, gray becomes colour.
        smallest: Images need so many pixels in height and width.
        white: The number that is white in them, if not that of their type: they become floats.
        progress: Show a bar on standard error.

    Raises:
        InputError: Less than three images that can be used (the message says why the others cannot), or more than fit
            into memory.
    """
    found = Survey(kind)
    digest, values, deepest = hashlib.sha256(), 0, 1
    files = list(_pairs(found, *map(Path, folders)) if kind == "pairs" else ((p,) for p in _files(Path(folders[0]))))
    top = Path(folders[0])
    for group in track(files, "looking", console=Console(stderr=True), transient=True, disable=not progress):
        try:
            pages = [list(_read(path, channels, white)) for path in group]
        except InputError as error:
            found.left_out.append((str(group[0].relative_to(top)), str(error)))
            continue
        if kind == "pairs" and len(pages[0]) != len(pages[1]):
            why = f"{len(pages[0])} pages, and its clean one has {len(pages[1])}"
            found.left_out.append((str(group[0].relative_to(top)), why))
            continue
        for number, images in enumerate(zip(*pages, strict=True)):
            name = page_name(str(group[0].relative_to(top)), number, len(pages[0]))
            if reason := _unfit(kind, images, smallest, white or 1):
                found.left_out.append((name, reason))
                continue
            found.items.append(Item(name, *images))
            # Training keeps all of them in the type of the deepest.
            values += sum(image.size for image in images)
            deepest = max(deepest, *(image.itemsize for image in images))
            if values * deepest > CACHE_BYTES:
                raise InputError(
                    f"the images take more than {CACHE_BYTES / 2**30:.1f} GiB; expected less: take a part of them, or "
                    "set DENOISE_ZOO_CACHE_BYTES"
                )
        for path, folder in zip(group, folders, strict=True):
            # Names need not be text.
            digest.update(os.fsencode(path.relative_to(folder).as_posix()) + b"\0" + path.read_bytes())
    found.digest = digest.hexdigest()
    if len(found.items) < FEWEST:
        why = "".join(f"; {name}: {reason}" for name, reason in found.left_out[:3])
        raise InputError(f"{len(found.items)} usable of {len(files)} in {folders[0]}{why}; expected at least {FEWEST}")
    _take_notes(found, white)
    return found


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r}; expected a folder of pictures")
    if not (files := files_below(folder, ENDINGS)):
        raise InputError(f"no pictures in {str(folder)!r}; expected some, in it or in folders below")
    return files


def _pairs(found: Survey, noisy: Path, clean: Path) -> Iterator[tuple[Path, Path]]:
    """Files of equal names, whatever their endings."""
    left, right = (by_name(folder, _files(folder)) for folder in (noisy, clean))
    for name in sorted(left.keys() ^ right.keys()):
        found.left_out.append((str(name), f"only in {str(noisy if name in left else clean)!r}"))
    for name in sorted(left.keys() & right.keys()):
        if len(left[name]) == len(right[name]) == 1:
            yield left[name][0], right[name][0]
        else:
            several = ", ".join(sorted({path.name for path in (*left[name], *right[name])}))
            found.left_out.append((str(name), f"several of this name ({several}): which one is of the pair?"))


def _read(path: Path, channels: int, white: float | None) -> Iterator[np.ndarray]:
    """The pages of a picture, (h, w, channels), in memory."""
    with open_picture(path, white=white) as picture:
        for array, _ in picture.pages:
            array = to_gray(array) if channels == 1 else to_color(array)
            array = array[..., np.newaxis] if array.ndim == 2 else array
            array = array[..., :channels]  # without alpha
            keep = white is None and white_of(array.dtype)
            yield np.ascontiguousarray(array if keep else as_float(array, white))


def _unfit(kind: Kind, images: tuple[np.ndarray, ...], smallest: int, white: float) -> str:
    """Why images cannot be used; empty if they can."""
    first = images[0]
    if min(first.shape[:2]) < smallest:
        return f"{first.shape[0]}×{first.shape[1]} pixels; expected at least {smallest} in height and width"
    if kind == "clean" and first.dtype == np.float32 and not 0 <= first.min() <= first.max() <= 1:
        low, high = white * float(first.min()), white * float(first.max())
        return f"values from {low:g} to {high:g}; expected a clean image's, from 0 to white ({white:g})"
    if kind != "pairs":
        return ""
    if images[1].shape != first.shape:
        return f"{first.shape[0]}×{first.shape[1]} pixels, and its clean one {images[1].shape[0]}×{images[1].shape[1]}"
    noisy, clean = (as_float(image).mean(axis=-1) for image in images)
    if np.array_equal(noisy, clean):
        return "equal to its clean one: from such pairs a network learns to copy"
    return _apart(noisy, clean)


def _apart(noisy: np.ndarray, clean: np.ndarray) -> str:
    """Whether two images show different things, or the same at different places."""
    # What is black or white may stand there in place of the picture (salt and pepper, blocks knocked out).
    whole = (noisy != 0) & (noisy != 1)
    if whole.mean() < LEAST_WHOLE:
        whole[:] = True
    a, b, share = (_blocks(plane) for plane in (noisy * whole, clean * whole, whole))
    enough = share >= LEAST_WHOLE / 2
    a, b = a[enough] / share[enough], b[enough] / share[enough]
    flat, differing = FLAT, b.std()
    if differing <= FLAT:  # white may be another number than that of the type: then so much less of a difference counts
        flat = min(FLAT, max(FLAT_BY_NOISE * noise_level(noisy) / 255 / BLOCK, 1e-4))
    if differing > flat and (a.std() < flat / 2 or np.corrcoef(a.ravel(), b.ravel())[0, 1] < ALIKE):
        return "shows something else than its clean one"
    if not whole.all():  # filled from around
        near = gaussian_filter(whole.astype(np.float32), BLOCK)
        noisy = np.where(whole, noisy, gaussian_filter(noisy * whole, BLOCK) / np.maximum(near, 1e-3))
    # Of what is coarser than the noise, or strong noise would hide the shift of a faint picture.
    noisy, clean = (gaussian_filter(plane, SMOOTHING) for plane in (noisy, clean))
    shift, _, _ = phase_cross_correlation(clean, noisy, normalization=cast(Any, None))
    down, right = (int(step) for step in shift)
    if (down or right) and max(abs(down), abs(right)) <= FURTHEST_SHIFT:
        moved = np.roll(noisy, (down, right), axis=(0, 1))
        margin = FURTHEST_SHIFT if min(noisy.shape) > 3 * FURTHEST_SHIFT else 0
        inner = (slice(margin, -margin or None),) * 2
        if np.square(moved - clean)[inner].mean() < 0.9 * np.square(noisy - clean)[inner].mean():
            return f"shifted against its clean one by {-down} pixels down and {-right} to the right"
    return ""


def _blocks(plane: np.ndarray) -> np.ndarray:
    """Means of blocks."""
    height, width = (side // BLOCK * BLOCK for side in plane.shape)
    return plane[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean(axis=(1, 3))


def _take_notes(found: Survey, white: float | None) -> None:
    if len(found.items) < FEW or found.megapixels < FEW_MEGAPIXELS:
        found.notes.append(
            f"that is little to learn from: expected about {FEW} images and {FEW_MEGAPIXELS:g} megapixels or more"
        )
    some = found.items[:16]
    references = [item.image if found.kind == "clean" else item.clean for item in some]
    levels = [noise_level(image) for image in references if image is not None]
    level = float(np.median(levels)) if levels and found.kind != "noisy" else 0.0
    pairs = [(item.image, item.clean) for item in some if item.clean is not None]
    if pairs and (words := swapped(*zip(*pairs, strict=True))):
        found.notes.append(words)
    elif level > CLEAN_SIGMA:
        found.notes.append(
            f"the clean images look noisy themselves (sigma {level:.1f}): "
            + (
                "what they hold is learned as picture; take cleaner ones, or --noisy"
                if found.kind == "clean"
                else "right for repeated shots of a scene; figures are then against a noisy picture"
            )
        )
    if found.kind == "noisy":
        near, apart = (float(np.median([noise_level(item.image[::step, ::step]) for item in some])) for step in (1, 2))
        if apart > max(FAINT, SMOOTH * near):
            found.notes.append(
                f"neighbouring pixels share noise (sigma {near:.1f}, {apart:.1f} of every other pixel), as demosaicing "
                "and JPEG leave it: from noisy images alone a network learns to keep such noise, and the verdict "
                "cannot show it; take pairs, or resnet-photo-color as it is"
            )
    # Who has said what is white, hears of each that does not look so, in its own numbers.
    looked = [image for item in some for image in (item.image, item.clean) if image is not None]
    doubts = [words for image in looked if (words := doubt(image * np.float32(white) if white else image, white))]
    if doubts and (white or 2 * len(doubts) > len(looked)):
        found.notes.append(doubts[0])
    if len({item.image.dtype for item in found.items}) > 1:
        found.notes.append("images of different depth: all are kept in the deepest")


def split(items: Sequence[Item], seed: int) -> tuple[list[Item], list[Item], list[Item]]:
    """To judge, to choose the weights by, to learn from: by file, all pages of one on one side."""
    files = sorted({_file(item) for item in items})
    if len(files) < 3:  # pages of one scan
        files = sorted({item.name for item in items})
    order = np.random.default_rng(seed).permutation(len(files))
    count = int(np.clip(round(SHARE * len(files)), 1, MOST))
    groups = [{files[i] for i in part} for part in np.split(order, (count, 2 * count))]
    judged, checks, learned = (
        [item for item in items if item.name in group or _file(item) in group] for group in groups
    )
    return judged, checks, learned


def _file(item: Item) -> str:
    return re.sub(r", page \d+$", "", item.name)
