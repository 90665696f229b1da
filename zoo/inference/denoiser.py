"""Denoisers by name: an entry's ONNX graph, run by ONNX Runtime. No Keras."""

from __future__ import annotations

import contextlib
import numbers
import os
import queue
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from zoo.errors import EntryError, UsageError, ZooError, ZooWarning, one_line
from zoo.inference.ensemble import check_ensemble, margin, run_ensemble
from zoo.inference.images import check_batch, check_image, from_tensor, to_tensor
from zoo.inference.noise_level import noise_level
from zoo.inference.onnx_runtime import REFUSED, onnxruntime, session_options
from zoo.inference.tiling import Progress, Tile, TileSize, check_tile, run_batch, run_tiled
from zoo.pretrained import Pretrained, describe, shipped
from zoo.scale import check_white, doubt, white_of

MODEL_FILE = "model.onnx"
Provider = str | tuple[str, dict[str, Any]]

# What a picture is denoised with, by its channels, when nobody says: the first of these that is shipped.
EVERYDAY = {1: ("resnet-gaussian-gray",), 3: ("resnet-photo-color", "resnet-gaussian-color")}


class Denoiser:
    """A pretrained denoiser, ready to be called; several threads may call it at once. Where a process forks, it goes on
    there with one thread: load it after that.

    Args:
        entry: What to run; its ONNX file is checked (SHA-256) here, and read once.
        threads: Processor threads per call; None leaves it to ONNX Runtime (one per core).
        providers: ONNX Runtime's execution providers, by preference, each by its name or as (name, options); None is
            the CPU.

    Raises:
        EntryError: A damaged or missing file. UsageError: Impossible ``threads`` or ``providers``.
    """

    def __init__(
        self, entry: Pretrained, *, threads: int | None = None, providers: Sequence[Provider] | None = None
    ) -> None:
        self.entry = entry
        self._how = {"threads": threads, "providers": providers}
        self._session = _session(entry, _options(threads), _known(providers))

    @property
    def channels(self) -> int:
        """1 for a model of gray images, 3 for colour."""
        return self.entry.channels

    def __reduce__(self) -> tuple[Any, ...]:
        """For pools of processes: another one is made there."""
        added = {name: value for name, value in vars(self).items() if name not in ("entry", "_how", "_session")}
        return partial(type(self), **self._how), (self.entry,), added or None

    def __repr__(self) -> str:
        return f"Denoiser({self.entry.name!r})"

    def __call__(
        self,
        image: np.ndarray,
        *,
        sigma: float | Literal["auto"] | None = None,
        strength: float = 1.0,
        ensemble: int = 1,
        white: float | None = None,
        tile: TileSize = "auto",
        out: np.ndarray | None = None,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Denoise one image, or a batch of images of one size.

        Args:
            image: H×W, H×W×1, or H×W×2 with alpha for a gray model; H×W×3 (red, green, blue; OpenCV reads them the
                other way round), or H×W×4 with alpha for a colour model; any H, W ≥ 1; or N×H×W×C for a batch. uint8,
                uint16, or float around [0, 1] (noise may leave that range: nothing is clipped). It may be a memory map
                larger than the memory.
            sigma: The noise's standard deviation on the 0–255 scale, for entries that take it, or "auto" to have it
                estimated (:func:`zoo.inference.noise_level.noise_level`); None for all others.
            strength: How much of the noise that was found is taken away, from 0 (none) to 1 (all).
            ensemble: Of how many orientations of the image the results are averaged: 1, 2, 4 or 8; as many times as
                long, and cleaner (:mod:`zoo.inference.ensemble`).
            white: The number that is white, such as 4095 for 12 bits in uint16, or for floats on another scale; by
                default the largest of the type, or 1 for floats, and where that seems unlikely there is a warning.
            tile: Side in pixels of the tiles that a large image is computed in, None for the whole at once. The result
                is the same (within 1e-5); the memory is not.
            out: Where the result goes, of the same dtype and shape, and not ``image`` itself; a new array by default.
            progress: Called with (pixels done, pixels in all) as the work goes on, in the calling thread. What it
                raises ends the work, as Ctrl-C does: behind a tile, of which smaller ones end sooner.

        Returns:
            Array of the same dtype and shape; alpha untouched; uint8 and uint16 rounded and clipped, floats not.

        Raises:
            InputError: An image that is none of these. UsageError: ``sigma``, ``strength``, ``ensemble``, ``white``,
                ``tile`` or ``out`` that does not fit.
        """
        how: dict[str, Any] = {"sigma": sigma, "strength": strength, "ensemble": ensemble, "white": white, "tile": tile}
        self._check(image, **how)
        for words in (doubt_sigma(sigma), doubt(image, white)):
            if words:
                warnings.warn(words, ZooWarning, stacklevel=2)
        return self._denoise(image, **how, out=out, progress=progress)

    def apply(self, image: np.ndarray, **how: Any) -> np.ndarray:
        """As a call, but without a warning, whatever scale ``white`` and ``sigma`` seem to be on: for whoever has
        looked at that before."""
        how = {"sigma": None, "strength": 1.0, "ensemble": 1, "white": None, "tile": "auto"} | how
        out, progress = how.pop("out", None), how.pop("progress", None)
        self._check(image, **how)
        return self._denoise(image, **how, out=out, progress=progress)

    def _check(self, image: np.ndarray, **how: Any) -> None:
        self._check_how(**how)
        white = how["white"]
        if not isinstance(image, np.ndarray) or image.ndim != 4:
            check_image(image, self.channels, white)
            return
        check_batch(image)
        for single in image:
            check_image(single, self.channels, white)

    def _check_how(self, *, sigma: Any, strength: float, ensemble: int, white: Any, tile: Any) -> None:
        check_sigma(self.entry, sigma)
        if isinstance(strength, bool) or not isinstance(strength, numbers.Real) or not 0 <= strength <= 1:
            raise UsageError(f"strength={strength!r}; expected a number from 0 (leave the image alone) to 1")
        check_ensemble(ensemble)
        check_tile(tile)
        check_white(white)

    def _denoise(
        self,
        image: np.ndarray,
        *,
        sigma: float | Literal["auto"] | None,
        strength: float,
        ensemble: int,
        white: float | None,
        tile: TileSize,
        out: np.ndarray | None,
        progress: Progress | None,
    ) -> np.ndarray:
        if isinstance(image, np.matrix):  # whose parts are matrices again, of two dimensions
            image = np.asarray(image)
        if sigma == "auto" and image.ndim == 4:  # each has a level of its own
            how: dict[str, Any] = {"sigma": sigma, "strength": strength, "ensemble": ensemble, "tile": tile}
            how["white"] = white or white_of(image.dtype) or 1
            return _stacked((self.apply(single, **how) for single in image), image, out, progress)
        level = min(noise_level(image, white), 255.0) if isinstance(sigma, str) else sigma
        feeds = {} if level is None else {"sigma": np.array([[level / 255]], np.float32)}
        if out is None:
            out = np.empty(image.shape, image.dtype)
        else:
            _check_out(out, image)

        halo, multiple_of = self.entry.halo + margin(ensemble, self.entry.multiple_of), self.entry.multiple_of

        def model(window: np.ndarray, part: Tile | None) -> np.ndarray:
            tensor, form = to_tensor(window, self.channels, white)
            run = partial(self._run, feeds=feeds)
            output = run_ensemble(run, tensor, size=ensemble, tile=part, multiple_of=multiple_of)
            if strength != 1:
                output = tensor + np.float32(strength) * (output - tensor)
            return from_tensor(output, form)

        run = run_batch if image.ndim == 4 else run_tiled
        run(model, image, out, tile=tile, halo=halo, multiple_of=multiple_of, progress=progress)
        return out

    def stream(
        self,
        images: Iterable[np.ndarray],
        *,
        sigma: float | Literal["auto"] | None = None,
        strength: float = 1.0,
        ensemble: int = 1,
        white: float | None = None,
        tile: TileSize = "auto",
    ) -> Iterator[np.ndarray]:
        """Denoise images one after the other, of whatever sizes: the frames of a video, a folder, a camera.

        The next image is fetched from ``images`` while the present one is computed, and no more than that: a source
        without end is fine.

        Args:
            images: As for a call, one at a time.
            sigma, strength, ensemble, white, tile: As for a call.

        Returns:
            The results, in order, as they are made.

        Raises:
            UsageError: Arguments that do not fit. What a call raises of an image, and what ``images`` raises, when its
            turn comes.
        """
        how: dict[str, Any] = {"sigma": sigma, "strength": strength, "ensemble": ensemble, "white": white, "tile": tile}
        self._check_how(**how)
        if not isinstance(images, Iterable):
            raise UsageError(f"images={images!r}; expected some that can be iterated over")
        return self._streamed(iter(images), how)

    def _streamed(self, source: Iterator[np.ndarray], how: dict[str, Any]) -> Iterator[np.ndarray]:
        # A thread that nothing waits for: a source that is silent for long, such as a camera, keeps no one from
        # stopping, as an executor would, whose threads are joined in the end.
        asked: queue.SimpleQueue[bool] = queue.SimpleQueue()
        come: queue.SimpleQueue[tuple[np.ndarray | None, BaseException | None]] = queue.SimpleQueue()

        def read() -> None:
            while asked.get():
                try:
                    image = next(source)
                    # It may be a buffer that the source fills again; a memory map is not, and may be larger than the
                    # memory.
                    if isinstance(image, np.ndarray) and not isinstance(image, np.memmap):
                        image = image.copy()
                    come.put((image, None))
                except BaseException as error:
                    come.put((None, error))
                    return

        threading.Thread(target=read, name="zoo-stream", daemon=True).start()
        try:
            asked.put(True)
            while True:
                image, error = come.get()
                if isinstance(error, StopIteration):
                    return
                if error is not None:
                    raise error
                asked.put(True)
                yield self(cast(np.ndarray, image), **how)
        finally:
            asked.put(False)

    def _run(self, tensor: np.ndarray, feeds: dict[str, np.ndarray]) -> np.ndarray:
        """The graph's answer to (n, h, w, C)."""
        feeds = {name: np.repeat(value, len(tensor), axis=0) for name, value in feeds.items()}
        try:
            (output,) = self._session.run(["denoised"], {"image": tensor, **feeds})
        except REFUSED as error:
            height, width = tensor.shape[1:3]
            raise ZooError(
                f"ONNX Runtime failed at {height}×{width} pixels ({one_line(error)}); try a smaller tile"
            ) from error
        return np.asarray(output)


def check_sigma(entry: Pretrained, sigma: float | Literal["auto"] | None) -> None:
    """Refuse a noise level that the entry does not take, or the lack of one. Raises UsageError."""
    name = entry.name
    if not entry.takes_sigma:
        if sigma is not None:
            raise UsageError(
                f"sigma={sigma!r} for {name!r}, which takes no noise level; leave it out, or take one that does: "
                f"{taking_sigma(entry.channels)}"
            )
    elif isinstance(sigma, str) and sigma == "auto":
        return
    elif isinstance(sigma, bool) or not isinstance(sigma, numbers.Real) or not 0 <= sigma <= 255:
        raise UsageError(f"sigma={sigma!r} for {name!r}; expected a noise level from 0 to 255, such as 25, or 'auto'")


def doubt_sigma(sigma: float | Literal["auto"] | None) -> str:
    """What to say of a level that is legal and seldom meant: other libraries take it on the image's scale."""
    if sigma is None or isinstance(sigma, str) or not 0 < sigma < 1:
        return ""
    level = float(sigma)
    return (
        f"sigma={level:g} is hardly any noise on the 0–255 scale; for a deviation of {level:g} on the [0, 1] scale "
        f"pass sigma={255 * level:.3g}"
    )


def taking_sigma(*channels: int) -> str:
    """The names of the shipped entries that take the noise level."""
    entries = map(describe, shipped())
    return ", ".join(entry.name for entry in entries if entry.takes_sigma and entry.channels in channels)


def _stacked(
    results: Iterable[np.ndarray], images: np.ndarray, out: np.ndarray | None, progress: Progress | None
) -> np.ndarray:
    """Results one by one, in ``out`` or a new array."""
    if out is None:
        out = np.empty(images.shape, images.dtype)
    else:
        _check_out(out, images)
    pixels = images.shape[1] * images.shape[2]
    for i, result in enumerate(results):
        out[i] = result
        if progress is not None:
            progress((i + 1) * pixels, len(images) * pixels)
    return out


def _check_out(out: np.ndarray, image: np.ndarray) -> None:
    if not isinstance(out, np.ndarray) or (out.shape, out.dtype) != (image.shape, image.dtype):
        found = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise UsageError(f"out is {found}; expected {image.dtype} of shape {image.shape}, as the image is")
    if _share_memory(out, image):
        raise UsageError("out shares memory with the image, whose pixels are needed to the end; expected another array")
    if not out.flags.writeable:
        raise UsageError("out is read-only; expected an array that can be written")


def _share_memory(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have a byte in common; of memory maps of one file, who knows."""
    files = [array.filename for array in (one, other) if isinstance(array, np.memmap)]
    with contextlib.suppress(OSError):  # the file of a map may have lost its name since
        if len(files) == 2 and None not in files and os.path.samefile(*map(str, files)):
            return True
    try:
        return np.shares_memory(one, other, max_work=10_000)  # pyright: ignore[reportArgumentType]
    except np.exceptions.TooHardError:
        return True


def load(
    name: str | os.PathLike[str], *, threads: int | None = None, providers: Sequence[Provider] | None = None
) -> Denoiser:
    """A pretrained denoiser: by the name of an entry (``zoo.list_pretrained()``), or the path of an entry's folder.

    Args:
        name: Such as "resnet-gaussian-color" or "./my-denoiser".
        threads, providers: As for :class:`Denoiser`.

    Raises:
        UsageError: An unknown name, or impossible ``threads`` or ``providers``. EntryError: A damaged entry.
    """
    return Denoiser(describe(name), threads=threads, providers=providers)


def everyday(channels: int) -> str:
    """The name of the entry that an image is denoised with when nobody says.

    Raises:
        UsageError: None of them is shipped.
    """
    names = EVERYDAY[channels]
    for name in names:
        if name in shipped():
            return name
    raise UsageError(f"none of {', '.join(names)} is installed; expected --model with a name of `zoo list` or a folder")


def _options(threads: int | None) -> onnxruntime.SessionOptions:
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1):
        raise UsageError(f"threads={threads!r}; expected a whole number from 1 on, or None for one per core")
    return session_options(threads)


def _known(providers: Sequence[Provider] | None) -> list[Provider]:
    """The execution providers to use, once this installation of ONNX Runtime is known to have them."""
    available = onnxruntime.get_available_providers()
    wanted: Any = ["CPUExecutionProvider"] if providers is None else providers
    if not isinstance(wanted, list | tuple) or not wanted or any(_name(one) not in available for one in wanted):
        raise UsageError(f"providers={providers!r}; expected a list of some of {', '.join(available)}")
    return list(wanted)


def _name(provider: Provider) -> str:
    return provider[0] if isinstance(provider, tuple) and provider else cast(str, provider)


def _is_text(path: Path) -> bool:
    try:
        return bool(os.fspath(path).encode())
    except UnicodeEncodeError:
        return False


def _session(
    entry: Pretrained, options: onnxruntime.SessionOptions, providers: list[Provider]
) -> onnxruntime.InferenceSession:
    path = entry.file(MODEL_FILE)
    try:
        # By its path, which says where the model may read. One that is no text ONNX Runtime does not take.
        model = str(path) if _is_text(path) else path.read_bytes()
        session = onnxruntime.InferenceSession(model, options, providers=providers)
    except REFUSED as error:
        raise EntryError(f"{str(path)!r} cannot be run ({one_line(error)}); publish the entry again") from error
    # ONNX Runtime falls back to the CPU where a provider's drivers are missing: slow, and not what was asked for.
    if missing := [name for name in map(_name, providers) if name not in session.get_providers()]:
        raise UsageError(f"provider {', '.join(missing)} does not start here (drivers?); leave it out to use the CPU")
    inputs = ["image", "sigma"] if entry.takes_sigma else ["image"]
    found = sorted(node.name for node in session.get_inputs()), [node.name for node in session.get_outputs()]
    if found != (inputs, ["denoised"]):
        raise EntryError(
            f"{str(path)!r} takes {', '.join(found[0])} and gives {', '.join(found[1])}; expected "
            f"{', '.join(inputs)} and denoised: publish the entry again"
        )
    return session
