"""PSNR and SSIM of a denoiser over clean images, against named noise or beside noisy ones.

Benchmarks as in the literature: the noise is not clipped, images are floats and taken whole, and PSNR is over the full
frame of the output clipped to [0, 1] (and not rounded to 8 bits).
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import track

from zoo.architectures import load_keras
from zoo.errors import InputError, UsageError, ZooError, ZooWarning, one_line
from zoo.folders import files_below, paired
from zoo.inference.denoiser import Denoiser, load
from zoo.inference.ensemble import check_ensemble, run_ensemble
from zoo.inference.images import channels_of, check_image, to_gray, to_tensor
from zoo.inference.noise_level import noise_level
from zoo.inference.onnx_file import OnnxFile
from zoo.inference.pictures import ENDINGS, open_picture, page_name
from zoo.noise import Noise, noise_from_name
from zoo.scale import check_white, doubt

if TYPE_CHECKING:
    import keras

# A folder, or files and arrays.
Images = str | os.PathLike[str] | Sequence[str | os.PathLike[str] | np.ndarray]


@dataclass(frozen=True)
class Score:
    """Means over images.

    Attributes:
        psnr, ssim: Of the clipped output, in dB and up to 1. In a mean over images, one that comes out unchanged counts
            as 100 dB beside others, and so it does for ``noisy_psnr`` (:func:`mean_psnr`).
        count: Images.
        noisy_psnr, noisy_ssim: Of the noisy input, **not clipped**: 20.17 dB for Gaussian noise of sigma 25. Infinite
            where there is no noise.
    """

    psnr: float
    ssim: float
    count: int
    noisy_psnr: float
    noisy_ssim: float

    def row(self) -> dict[str, float | None]:
        """As it stands in an entry.json: to four places, and None for infinity, which JSON does not know."""
        return {name: round(value, 4) if math.isfinite(value) else None for name, value in asdict(self).items()}


def evaluate(
    name_or_model: str | os.PathLike[str] | Denoiser | keras.Model,
    images: Images | tuple[Images, Images],
    noise: str | Noise | keras.layers.Layer | None = None,
    seed: int = 0,
    *,
    ensemble: int = 1,
    white: float | None = None,
    failed: Callable[[InputError], None] | None = None,
    progress: bool = False,
) -> Score:
    """Measure a denoiser over clean images: the means of :func:`evaluate_each`, which see for arguments and errors."""
    errors: list[InputError] = []
    how: dict[str, Any] = {"ensemble": ensemble, "white": white, "failed": failed and errors.append}
    scores = [score for _, score in evaluate_each(name_or_model, images, noise, seed, progress=progress, **how)]
    if not scores:
        raise errors[0]
    if failed is not None:
        for error in errors:
            failed(error)
    means = {"psnr": mean_psnr, "noisy_psnr": mean_psnr, "ssim": np.mean, "noisy_ssim": np.mean}
    found = {name: float(mean([getattr(score, name) for score in scores])) for name, mean in means.items()}
    return Score(count=len(scores), **found)


def evaluate_each(
    name_or_model: str | os.PathLike[str] | Denoiser | keras.Model,
    images: Images | tuple[Images, Images],
    noise: str | Noise | keras.layers.Layer | None = None,
    seed: int = 0,
    *,
    ensemble: int = 1,
    white: float | None = None,
    failed: Callable[[InputError], None] | None = None,
    progress: bool = False,
) -> Iterator[tuple[str, Score]]:
    """Measure a denoiser on one clean image after another.

    Args:
        name_or_model: An entry's name or folder, a Denoiser, a Keras model, or the path of a .keras or .onnx file (an
            image in and out, channels last or first; a second input is the noise level, as a number or as a map).
        images: A folder (and those in it), or a list of files or arrays: uint8, uint16 or float in [0, 1], H×W, H×W×3
            or with alpha, which is left aside; at least 11×11 pixels. Each page of a file counts as an image. Colour
            becomes gray by its luma where the model is gray. Without noise, a pair (noisy, clean) of folders whose
            files have equal names, or of such lists in the same order.
        noise: Such as "gaussian:25", or a Keras layer that adds it (:class:`zoo.training.corrupt.LayerNoise`). Image i
            draws from ``numpy.random.default_rng([seed, i])``, in the order of the list, or of the files' sorted paths;
            the pages of a file draw one after the other: the same figures each time. None for pairs, which bring
            theirs: a model that takes the level is told an estimate.
        seed: Of the noise.
        ensemble: Of how many orientations of an image the results are averaged, as for a call of a Denoiser.
        white: The number that is white in the images, as for a call of a Denoiser.
        failed: Told of an image that cannot be used, which is left out then (by :func:`evaluate` at the end, and if
            there are others); without it, the first one ends all.
        progress: Show a bar on standard error.

    Yields:
        The file's path in the folder, with the page of several, or the image's number; and its score.

    Raises:
        UsageError: An unknown model or noise, or a model that takes the noise level, with noise that has none.
        InputError: No images, one that cannot be read, or a gray one for a colour model.
    """
    noise = None if noise is None else _noise(noise)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise UsageError(f"seed={seed!r}; expected a whole number from 0 on")
    check_ensemble(ensemble)
    check_white(white)
    sources = _pairs(images) if noise is None else [(name, None, clean) for name, clean in _sources(images)]
    model = _model(name_or_model)
    if model.takes_sigma and noise is not None and not noise.has_level:
        raise UsageError(
            f"noise {noise.name!r} for a model that takes the noise level; expected such as gaussian:25 or "
            "gaussian:25+bits:8"
        )
    doing = "pairs" if noise is None else noise.name
    steps = track(sources, doing, console=Console(stderr=True), transient=True, disable=not progress)
    for i, source in enumerate(steps):
        rng = np.random.default_rng([seed, i])
        for name, noisy, clean in _usable(_examples(*source, model.channels, white), failed):
            if noise is None:
                level = min(noise_level(noisy), 255.0) if model.takes_sigma else 0.0
            else:
                drawn = noise.draw(rng)
                noisy, level = drawn.apply(clean, rng), drawn.deviation()
            run = partial(_answer, model, name, sigma=level)
            output = np.clip(run_ensemble(run, noisy, size=ensemble), 0, 1)
            yield (
                name,
                Score(psnr(clean, output), ssim(clean, output), 1, psnr(clean, noisy), ssim(clean, noisy)),
            )


# ---- measures --------------------------------------------------------------------------------------------------------


def psnr(clean: np.ndarray, image: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of images on the [0, 1] scale; infinite if they are equal."""
    error = float(np.square(image.astype(np.float64) - clean).mean())
    return -10 * math.log10(error) if error else math.inf


MOST = 100.0  # dB that an image adds to a mean


def mean_psnr(each: Sequence[float]) -> float:
    """The mean of PSNRs in dB. Those above 100 count as that, unless all are infinite: one picture that comes out
    unchanged would otherwise hide all that do not."""
    return math.inf if math.inf == min(each) else float(np.mean(np.minimum(each, MOST)))


WINDOW = 11


def ssim(clean: np.ndarray, image: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004, section III) of images (h, w, c) on the [0, 1] scale, up to 1.

    Gaussian window of 11×11 with deviation 1.5, K1 = 0.01, K2 = 0.03, the variances of the population, over all
    places where the window fits; for colour the mean over the channels.

    Raises:
        InputError: Less than 11×11 pixels.
    """
    _check_window(clean)
    x, y = clean.astype(np.float64), image.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    cov = _blur(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    values = (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(values.mean())


def _check_window(image: np.ndarray) -> None:
    if min(image.shape[:2]) < WINDOW:
        raise InputError(f"image of {image.shape[0]}×{image.shape[1]} pixels; SSIM needs at least {WINDOW}×{WINDOW}")


def _blur(x: np.ndarray) -> np.ndarray:
    """By the Gaussian window along both axes, where it fits."""
    weights = np.exp(-np.square((np.arange(WINDOW) - WINDOW // 2) / 1.5) / 2)
    weights /= weights.sum()
    for axis in (0, 1):
        size = x.shape[axis] - WINDOW + 1
        x = sum(w * x[(slice(None),) * axis + (slice(k, k + size),)] for k, w in enumerate(weights))  # type: ignore[assignment]
    return x


# ---- images ----------------------------------------------------------------------------------------------------------


def _sources(images: Any) -> list[tuple[str, Any]]:
    """Name and path or array of each image."""
    if isinstance(images, str | os.PathLike):
        folder = Path(images)
        if not folder.is_dir():
            raise InputError(f"no folder {str(folder)!r}; expected a folder of clean images, or a list of files")
        sources: list[tuple[str, Any]] = [
            (str(file.relative_to(folder)), file) for file in files_below(folder, ENDINGS)
        ]
    elif not isinstance(images, Iterable):
        raise UsageError(f"images={images!r}; expected a folder of clean images, or a list of files or arrays")
    else:
        images = list(images)
        if odd := [s for s in images if not isinstance(s, str | os.PathLike | np.ndarray)]:
            raise UsageError(f"a {type(odd[0]).__name__} among the images; expected paths of files, or arrays")
        sources = [(f"image {i}" if isinstance(s, np.ndarray) else str(s), s) for i, s in enumerate(images)]
    if not sources:
        raise InputError(f"no images in {images!r}; expected some ({' '.join(ENDINGS)})")
    return sources


def _pairs(images: Any) -> list[tuple[str, Any, Any]]:
    """Name, noisy image and clean image (path or array) of each pair."""
    if not isinstance(images, tuple | list) or len(images) != 2:
        given = repr(images) if isinstance(images, str | os.PathLike) else f"a {type(images).__name__} of images"
        raise UsageError(f"no noise for {given}; expected one, such as gaussian:25, or a pair (noisy, clean)")
    if any(isinstance(half, np.ndarray) and half.ndim < 3 for half in images):
        raise UsageError("no noise for two images; expected one, such as gaussian:25, or a pair ([noisy], [clean])")
    if all(isinstance(half, str | os.PathLike) for half in images):
        folders = Path(images[0]), Path(images[1])
        files = paired(*folders, lambda folder: [path for _, path in _sources(folder)])
        return [(str(b.relative_to(folders[1])), a, b) for a, b in files]
    noisy, clean = map(_sources, images)
    if len(noisy) != len(clean):
        raise UsageError(f"{len(noisy)} noisy and {len(clean)} clean images; expected as many")
    return [(name, a, b) for (_, a), (name, b) in zip(noisy, clean, strict=True)]


def _size(image: np.ndarray) -> str:
    return f"{image.shape[0]}×{image.shape[1]}"


def _examples(
    name: str, noisy: Any, clean: Any, channels: int, white: float | None
) -> Iterator[tuple[str, Any, np.ndarray]]:
    """Of each page of a clean picture its name, the noisy one if there is one, and itself."""
    cleans = _images(name, clean, channels, white)
    if noisy is None:
        yield from ((page, None, image) for page, image in cleans)
        return
    for one, other in zip_longest(_images(name, noisy, channels, white, noisy=True), cleans):
        if one is None or other is None:
            raise InputError(
                f"{name}: the {'noisy' if one is None else 'clean'} file has fewer pages; expected equal ones"
            )
        if one[1].shape != other[1].shape:
            raise InputError(
                f"{other[0]}: noisy of {_size(one[1])} pixels, clean of {_size(other[1])}; expected equal ones"
            )
        yield other[0], one[1], other[1]


def _usable(
    examples: Iterator[tuple[str, Any, np.ndarray]], failed: Callable[[InputError], None] | None
) -> Iterator[tuple[str, Any, np.ndarray]]:
    """What comes before an image that cannot be used, of which ``failed`` is told."""
    try:
        yield from examples
    except InputError as error:
        if failed is None:
            raise
        failed(error)


def _images(
    name: str, source: Any, channels: int, white: float | None, *, noisy: bool = False
) -> Iterator[tuple[str, np.ndarray]]:
    """An array, or each page of a file, with its name."""
    if isinstance(source, np.ndarray):
        yield name, _image(name, source, channels, white, noisy)
        return
    with open_picture(Path(source), white=white) as picture:
        for number, (array, _) in enumerate(picture.pages):
            page = page_name(name, number, picture.count)
            yield page, _image(page, array, channels, white, noisy)


def _image(name: str, array: np.ndarray, channels: int, white: float | None, noisy: bool) -> np.ndarray:
    """An image as float32 (h, w, channels); a noisy one may lead beyond [0, 1]."""
    try:
        if channels_of(array) > channels:
            array = to_gray(array)
        check_image(array, channels, white)
        _check_window(array)
        if words := doubt(array, white):
            warnings.warn(words, ZooWarning, stacklevel=2)
        image = to_tensor(array, channels, white)[0][0]
        # But for rounding; every output is cut there.
        if not noisy and not (image.min() > -1e-5 and image.max() < 1 + 1e-5):
            low, high = (float(end) * (white or 1) for end in (image.min(), image.max()))
            raise InputError(f"clean image from {low:g} to {high:g}; expected values in [0, {white or 1:g}]")
        return image
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _noise(noise: Any) -> Noise:
    # Without importing Keras, which is not there in a base install.
    if not isinstance(noise, Noise) and _is_of_keras(noise):
        from zoo.training.corrupt import as_noise

        return as_noise(noise)
    return noise if isinstance(noise, Noise) else noise_from_name(noise)


def _is_of_keras(thing: Any) -> bool:
    return any(parent.__module__.partition(".")[0] == "keras" for parent in type(thing).__mro__)


# ---- models ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Model:
    """Any denoiser: ``run`` takes a noisy image (h, w, channels) and the noise level on the 0–255 scale."""

    channels: int
    takes_sigma: bool
    run: Callable[[np.ndarray, Any], np.ndarray]


def _answer(model: _Model, name: str, image: np.ndarray, sigma: Any) -> np.ndarray:
    """What the model makes of an image. Raises ZooError where that is none."""
    output = model.run(image, sigma)
    if output.shape != image.shape or not np.isfinite(output).all():
        raise ZooError(
            f"the model made values of shape {output.shape} of {name} of shape {image.shape}, "
            f"{np.isfinite(output).mean():.0%} of them finite; expected an image of the same shape"
        )
    return output


def _model(source: Any) -> _Model:
    if isinstance(source, Denoiser):
        return _from_denoiser(source)
    if _is_of_keras(source):
        return _from_keras(source)
    if not isinstance(source, str | os.PathLike):
        raise UsageError(f"a {type(source).__name__} to evaluate; expected a name, a path, a Denoiser or a Keras model")
    path = Path(source)
    if (ending := path.suffix.lower()) not in (".keras", ".onnx"):
        return _from_denoiser(load(source))
    if ending == ".keras":
        return _from_keras(load_keras(path))
    file = OnnxFile(path)
    return _Model(file.channels, file.takes_sigma, file)


def _from_denoiser(denoiser: Denoiser) -> _Model:
    takes_sigma = denoiser.entry.takes_sigma

    def run(image: np.ndarray, sigma: float) -> np.ndarray:
        # However small a level is, it was measured, or drawn.
        return denoiser.apply(image, sigma=sigma if takes_sigma else None, white=1)

    return _Model(denoiser.channels, takes_sigma, run)


def _from_keras(model: Any) -> _Model:
    given = getattr(model, "inputs", None) or []  # of a Sequential that was never built
    channels = given[0].shape[-1] if given else None
    if channels not in (1, 3):
        raise UsageError(f"a model of {channels} channels; expected one that is built for 1 or 3")
    takes_sigma = len(given) > 1

    def run(image: np.ndarray, sigma: float) -> np.ndarray:
        import keras

        inputs = [image[None], np.array([[sigma / 255]], np.float32)] if takes_sigma else image[None]
        try:
            return np.asarray(keras.ops.convert_to_numpy(model(inputs, training=False))[0], np.float32)
        except Exception as error:  # each backend has its own
            raise UsageError(
                f"the model cannot take an image of shape {image.shape} ({one_line(error)}); expected one for every "
                "size, such as export.any_size makes"
            ) from error

    return _Model(channels, takes_sigma, run)
