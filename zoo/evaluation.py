"""PSNR and SSIM of a denoiser over clean images, against named noise.

Benchmarks as in the literature: the noise is not clipped, images are floats and taken whole, and PSNR is over the full
frame of the output clipped to [0, 1] (not rounded to 8 bits).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from zoo.errors import InputError, MissingExtraError, UsageError
from zoo.inference.denoiser import REFUSED, Denoiser, load
from zoo.inference.images import FORMATS, one_line, read_image, to_gray, to_tensor
from zoo.noise import Gaussian, Noise, ends, noise_from_name

if TYPE_CHECKING:
    import keras

Model = "str | os.PathLike[str] | Denoiser | keras.Model"


@dataclass(frozen=True)
class Score:
    """Means over the images.

    Attributes:
        psnr, ssim: Of the clipped output, in dB and from -1 to 1.
        count: Images.
        noisy_psnr, noisy_ssim: Of the noisy input, **not clipped**: 20.17 dB for Gaussian noise of sigma 25. Infinite
            if there is no noise.
    """

    psnr: float
    ssim: float
    count: int
    noisy_psnr: float
    noisy_ssim: float

    def row(self) -> dict[str, float | None]:
        """As it stands in an entry.json: rounded, and None for what is infinite."""
        return {k: round(v, 4) if math.isfinite(v) else None for k, v in asdict(self).items()}


def evaluate(
    name_or_model: Any,
    images: str | os.PathLike[str] | Sequence[Any],
    noise: str | Noise,
    seed: int = 0,
    *,
    progress: bool = False,
) -> Score:
    """Measure a denoiser over clean images.

    Args:
        name_or_model: An entry's name or folder, a Denoiser, a Keras model, or the path of a .keras or .onnx file
            (image first, channels first or last; a second input is the noise level, as a number or as a map).
        images: A folder, or a list of files or of arrays (uint8, uint16 or float in [0, 1]; H×W, H×W×3).
        noise: Such as "gaussian:25". Image i draws from ``numpy.random.default_rng([seed, i])``, in the order of the
            list or of the sorted file names: the same figures each time.
        seed: Of the noise.
        progress: Show a bar on standard error.

    Returns:
        Means of what :func:`evaluate_each` yields.

    Raises:
        UsageError: An unknown model or noise, or a model that takes the noise level with noise that has none.
        InputError: No images, one that cannot be read, or gray images for a colour model. (Colour images are converted
            to gray by their luma, where the model is gray.)
    """
    scores = []
    with _bar(progress) as advance:
        for _, score, total in _each(name_or_model, images, noise, seed):
            scores.append(score)
            advance(len(scores), total)
    mean = {f.name: float(np.mean([getattr(score, f.name) for score in scores])) for f in fields(Score)}
    return Score(**(mean | {"count": len(scores)}))
