"""One picture on disk, denoised: all its pages, by the denoiser of its colour."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.errors import UsageError
from zoo.inference.denoiser import EVERYDAY, Denoiser
from zoo.inference.images import channels_of, is_gray_in_color, strips, to_color, to_gray
from zoo.inference.metadata import Metadata
from zoo.inference.pictures import LARGE_BYTES, Page, check_output, fitting_white, open_picture, write_picture
from zoo.inference.reading import MAX_PIXELS
from zoo.inference.tiling import Progress, TileSize
from zoo.scale import doubt


@dataclass(frozen=True)
class Settings:
    """How pictures are denoised: see :class:`zoo.inference.denoiser.Denoiser`, and ``zoo denoise --help``."""

    sigma: float | Literal["auto"] | None = None
    strength: float = 1.0
    ensemble: int = 1
    white: float | None = None
    tile: TileSize = "auto"
    quality: int | None = None
    planes: bool = False
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True)
class Report:
    """What was done with a picture: its pixels (all pages), the entries that denoised it, and anything unusual."""

    pixels: int
    entries: tuple[str, ...]
    notes: tuple[str, ...]


def denoise_file(
    source: Path,
    target: Path,
    choose: Callable[[int], Denoiser],
    settings: Settings,
    *,
    turn: AbstractContextManager[object] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Denoise all pages of one picture; the result appears whole or not at all.

    Args:
        source, target: Files.
        choose: The denoiser for an image of 1 or 3 channels.
        settings: How.
        turn: Held while a model runs, and not while files are read and written: several threads may each be at work on
            a picture of their own, so that the next is read and the last is written while one is denoised.
        progress: As for a call of a denoiser, page by page; what it raises ends the work.

    Raises:
        ZooError: What any of this raises.
    """
    pixels, entries, notes = 0, [], []
    turn = turn or nullcontext()
    planes = settings.planes
    with open_picture(source, max_pixels=settings.max_pixels, planes=planes, white=settings.white) as picture:

        def cleaned() -> Iterator[Page]:
            nonlocal pixels
            for image, metadata in picture.pages:
                check_output(target, image)
                doubts = doubt(image, settings.white)
                image, white = fitting_white(target, image, settings.white)
                # Of the noise in three equal channels, networks for colour have seen nothing.
                model = choose(1 if planes or is_gray_in_color(image) else channels_of(image))
                with _room(image) as result:
                    with turn:
                        if progress is not None:
                            progress(0, image.shape[0] * image.shape[1])  # its turn may come long after a wish to stop
                        note = denoise_into(
                            result, model, image, settings, _has_alpha(image, metadata), white, progress
                        )
                    pixels += image.shape[0] * image.shape[1]
                    entries.extend([model.entry.name] * (model.entry.name not in entries))
                    notes.extend(note for note in (note, doubts, metadata.lost) if note and note not in notes)
                    yield result, metadata

        write_picture(target, cleaned(), quality=settings.quality, big=picture.big)
    return Report(pixels, tuple(entries), tuple(notes))


def _has_alpha(image: np.ndarray, metadata: Metadata) -> bool:
    if metadata.tiff is not None:
        return metadata.tiff.extrasamples[-1:] in ((1,), (2,))  # a microscope's planes are of no such kind
    return bool(metadata.format) and image.ndim == 3 and image.shape[2] in (2, 4)


@contextmanager
def _room(image: np.ndarray) -> Iterator[np.ndarray]:
    """Where the result of an image goes: an array, or for a large one a memory map that leaves nothing behind."""
    if image.nbytes < LARGE_BYTES:
        yield np.empty(image.shape, image.dtype)
        return
    with tempfile.TemporaryFile() as file:
        yield np.memmap(file, image.dtype, "w+", shape=image.shape)


def denoise_into(
    out: np.ndarray,
    model: Denoiser,
    image: np.ndarray,
    settings: Settings,
    has_alpha: bool,
    white: float,
    progress: Progress | None = None,
) -> str:
    """Fill ``out`` with the clean image; says what had to be done where the model has another colour.

    ``has_alpha`` says of an image of planes whether the last one is alpha; of others, their shape does. ``white`` is
    the number that is white in the image.
    """
    how: dict[str, Any] = {name: getattr(settings, name) for name in ("sigma", "strength", "ensemble", "tile")}
    how["white"] = white

    def clean(source: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        return model.apply(source, **how, out=into, progress=progress)

    planes = settings.planes and image.ndim == 3
    channels = image.shape[2] - has_alpha if planes else channels_of(image)
    # Lost pixels are lost in all channels at once, so that these entries know them in gray pictures, too.
    keeps = model.channels == 3 and not model.entry.config.get("impulses")
    kept = f", of whose noise it leaves much: take {EVERYDAY[1][0]}" if keeps else ""
    if channels == model.channels and not planes:
        clean(image, out)
        return f"a gray picture{kept}" if keeps and is_gray_in_color(image) else ""
    if model.channels == 1 and not planes and is_gray_in_color(image):
        out[..., :3] = clean(image[..., 0])[..., np.newaxis]
        out[..., 3:] = image[..., 3:]
        return "gray, in three equal channels"
    if model.channels == 3 and not planes:
        color = to_color(image)
        with _room(color) as result:
            clean(color, result)
            for gray, strip in zip(strips(out), strips(result), strict=True):
                gray[...] = to_gray(strip).reshape(gray.shape)
        return f"the gray picture as a colour picture{kept}"
    if model.channels == 3:
        raise UsageError(f"{model.entry.name!r} is a colour model, and planes are gray; expected a gray model")
    for i in range(channels):
        out[..., i] = clean(image[..., i])
    out[..., channels:] = image[..., channels:]
    if not planes:
        return "a gray model: each colour by itself"
    return f"each of {channels} channels by itself{', alpha as it was' if channels < image.shape[2] else ''}"
