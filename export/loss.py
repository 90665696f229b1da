"""What 8 bits cost, measured on noisy photographs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.errors import InputError, MissingExtraError
from zoo.evaluation import MOST, mean_psnr, psnr
from zoo.inference.pictures import as_float, is_picture, read_picture
from zoo.noise import Gaussian, Noise, ends

LIMIT = 0.10  # dB
LEVELS = (15.0, 25.0, 50.0)
CALIBRATION_SIDE, GATE_SIDE = 128, 256
MOST_PICTURES = 50
# (noisy float32 (n, h, w, c), the noise level on the 0–255 scale) → clean, likewise.
Denoise = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Loss:
    """What 8 bits cost under one noise: PSNR in dB, on average, in float32 and in int8."""

    noise: str
    float32: float
    int8: float

    @property
    def db(self) -> float:
        return self.float32 - self.int8

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"db": self.db}


class Photographs:
    """Clean photographs under noise: some cuts to calibrate with, others to measure with.

    Args:
        folder: Clean pictures; None for those that scikit-image ships.
        channels: Of the model.
        noise: What the model is for. Gaussian noise is measured at sigma 15, 25 and 50, those in its range.

    Raises:
        InputError: No pictures that can be used.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, channels: int, noise: Noise) -> None:
        # Of a folder of somebody's own its name alone: the figures are published, and its path is nobody's business.
        self.source = "scikit-image's photographs" if folder is None else Path(folder).resolve().name
        rng = np.random.default_rng(0)
        low, high = ends(noise.sigma) if isinstance(noise, Gaussian) else (0.0, 0.0)
        kinds: list[Noise] = [Gaussian(level) for level in LEVELS if low <= level <= high]
        steps: list[Noise] = [Gaussian(float(level)) for level in np.linspace(low, high, 6)] if high else [noise] * 6
        self.calibration: list[tuple[np.ndarray, float]] = []
        centres = []
        for picture in _shipped() if folder is None else _read(Path(folder)):  # one is in memory at a time
            if min(picture.shape[:2]) < GATE_SIDE or picture.shape[2] < channels:
                continue
            picture = picture if picture.shape[2] == channels else picture.mean(axis=-1, keepdims=True)
            cuts = zip(steps, _cuts(picture, CALIBRATION_SIDE, len(steps), rng), strict=True)
            self.calibration += [_noisy(cut, step, rng) for step, cut in cuts]
            centres.append(_centre(picture).copy())
        if not centres:
            kind = "colour pictures" if channels == 3 else "pictures"
            raise InputError(
                f"no {kind} of at least {GATE_SIDE}×{GATE_SIDE} pixels in {os.fspath(folder or self.source)!r}"
            )
        self._gate = [
            (kind.name, *_noisy(centre, kind, rng), centre) for kind in kinds or [noise] for centre in centres
        ]
        self._before: list[float] = []

    def losses(self, exact: Denoise, tried: Denoise) -> list[Loss]:
        """What ``tried`` loses against ``exact``, for each noise."""
        self._before = self._before or self._psnr(exact)
        rows = list(zip((name for name, *_ in self._gate), self._before, self._psnr(tried), strict=True))
        return [
            Loss(
                kind,
                min(MOST, mean_psnr([before for name, before, _ in rows if name == kind])),
                min(MOST, mean_psnr([after for name, _, after in rows if name == kind])),
            )
            for kind in dict.fromkeys(name for name, *_ in rows)
        ]

    def _psnr(self, denoise: Denoise) -> list[float]:
        return [psnr(clean, denoise(noisy, level)[0]) for _, noisy, level, clean in self._gate]


def worst(losses: Sequence[Loss]) -> float:
    """The most that is lost under any noise, in dB."""
    return max(loss.db for loss in losses)


def _noisy(clean: np.ndarray, noise: Noise, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    drawn = noise.draw(rng)
    return drawn.apply(clean, rng).astype(np.float32)[np.newaxis], drawn.deviation()


def _shipped() -> Iterator[np.ndarray]:
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise MissingExtraError("calibration on scikit-image's photographs", "export") from error
    for photograph in (data.astronaut, data.coffee, data.chelsea, data.rocket):
        yield as_float(photograph())


def _read(folder: Path) -> Iterator[np.ndarray]:
    paths = sorted(path for path in folder.glob("*") if is_picture(path)) if folder.is_dir() else []
    if not paths:
        raise InputError(f"no pictures in {str(folder)!r}; expected a folder of clean ones")
    for path in paths[:MOST_PICTURES]:
        image = as_float(read_picture(path)[0])
        image = image[..., np.newaxis] if image.ndim == 2 else image
        yield image[..., :1] if image.shape[2] < 3 else image[..., :3]  # without alpha


def _cuts(picture: np.ndarray, side: int, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(count):
        top, left = (int(rng.integers(0, size - side + 1)) for size in picture.shape[:2])
        yield picture[top : top + side, left : left + side]


def _centre(picture: np.ndarray) -> np.ndarray:
    top, left = ((size - GATE_SIDE) // 2 for size in picture.shape[:2])
    return picture[top : top + GATE_SIDE, left : left + GATE_SIDE]
