"""Noise: each kind once, as a frozen dataclass with a numpy sampler, and the grammar of its name.

A name is KIND:LEVEL, with LEVEL a number or a range LOW-HIGH from which each image draws its own level, joined by "+"
where kinds follow one another, with "?" behind those that every second image goes without: ``gaussian:25``,
``gaussian:0-55``, ``poisson:1-100+saltpepper:2``, ``camera:0-20,0-5+jpeg:60-100?``.

Training draws the same distributions inside tf.data (``zoo/training/corrupt.py``); tests hold the two together.
"""

from __future__ import annotations

import io
import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
from PIL import Image

from zoo.errors import InputError, UsageError

Level = float | tuple[float, float]


@dataclass(frozen=True)
class Noise(ABC):
    """One kind of noise. Every field is a level: a number, or a (low, high) range that each image draws from."""

    kind: ClassVar[str]
    # What a level may be: (lowest, highest), per field.
    bounds: ClassVar[dict[str, tuple[float, float]]]
    # Whether a range is drawn from evenly on the logarithm of the level.
    logarithmic: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name, (lowest, highest) in self.bounds.items():
            try:
                low, high = ends(getattr(self, name))
            except (TypeError, ValueError):  # no numbers, or more than two
                low = high = math.nan
            if not (math.isfinite(low) and math.isfinite(high) and lowest <= low <= high <= highest):
                raise UsageError(
                    f"{self.kind} noise with {name}={getattr(self, name)!r}; expected a number or a (low, high) range "
                    f"within {lowest:g} to {highest:g}"
                )

    @property
    def name(self) -> str:
        """The noise by its grammar, such as ``gaussian:0-55``."""
        return f"{self.kind}:{','.join(format_level(getattr(self, field)) for field in self.bounds)}"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of noise in it, in order."""
        return (self.kind,)

    @property
    def has_level(self) -> bool:
        """Whether one number says how strong it is, as a model that takes the noise level wants to be told: white
        Gaussian noise, in a picture that may be cut and rounded behind it."""
        return "gaussian" in self.kinds and set(self.kinds) <= {"gaussian", "bits"}

    def deviation(self) -> float:
        """Standard deviation of the white Gaussian noise in it on the 0–255 scale, once each level is a number."""
        return 0.0

    def draw(self, rng: np.random.Generator) -> Noise:
        """This noise at one level: a number drawn from each range, evenly (or evenly on the logarithm)."""
        return replace(self, **{name: self._level(getattr(self, name), rng) for name in self.bounds})

    def _level(self, level: Level, rng: np.random.Generator) -> float:
        low, high = ends(level)
        if low == high:
            return low
        if self.logarithmic:
            return float(math.exp(rng.uniform(math.log(low), math.log(high))))
        return float(rng.uniform(low, high))

    def middle(self) -> Noise:
        """This noise at the middle of its levels, all its parts there: what it is typically."""
        return replace(self, **{name: self._middle(getattr(self, name)) for name in self.bounds})

    def _middle(self, level: Level) -> float:
        low, high = ends(level)
        return math.sqrt(low * high) if self.logarithmic else (low + high) / 2

    def sample(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Noise on an image.

        Args:
            image: float array (h, w, c), clean, in [0, 1].
            rng: All randomness comes from here: the same state gives the same picture.

        Returns:
            float32 array of the same shape, **not clipped** to [0, 1].

        Raises:
            UsageError: An image of another type or shape, or with NaN or infinity, or no random generator.
        """
        if not isinstance(image, np.ndarray) or image.ndim != 3 or image.dtype.kind != "f":
            form = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise UsageError(f"image is {form}; expected float (height, width, channels) in [0, 1]: bytes / 255, say")
        if not np.isfinite(image).all():
            raise UsageError("image with NaN or infinite values; expected finite ones")
        if not isinstance(rng, np.random.Generator):
            raise UsageError(f"rng={rng!r}; expected such as numpy.random.default_rng(0)")
        return self.draw(rng).apply(image.astype(np.float32, copy=False), rng)

    @abstractmethod
    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """As :meth:`sample`, once each level is a number."""


@dataclass(frozen=True)
class Gaussian(Noise):
    """Additive white Gaussian noise of standard deviation ``sigma`` on the 0–255 scale."""

    sigma: Level
    kind = "gaussian"
    bounds = {"sigma": (0, 255)}

    def deviation(self) -> float:
        return number(self.sigma)

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image + np.float32(number(self.sigma) / 255) * rng.standard_normal(image.shape, dtype=np.float32)


@dataclass(frozen=True)
class Poisson(Noise):
    """Photon noise: a white pixel counts ``peak`` photons on average. Mean x, variance x/peak."""

    peak: Level
    kind = "poisson"
    bounds = {"peak": (0.01, 1e6)}
    logarithmic = True  # the noise goes with the root of the peak: drawn evenly, nearly all images would be bright

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return photons(image, number(self.peak), rng)


@dataclass(frozen=True)
class SaltPepper(Noise):
    """``percent`` of the pixels replaced, all channels at once, by black or white with even odds."""

    percent: Level
    kind = "saltpepper"
    bounds = {"percent": (0, 100)}

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        share, u = number(self.percent) / 100, rng.random((*image.shape[:2], 1))
        return np.where(u < share, (u < share / 2).astype(np.float32), image)


@dataclass(frozen=True)
class Blocks(Noise):
    """Blocks of 8×8 pixels knocked out (black): each cell of a grid at a random offset, ``percent`` of the area."""

    percent: Level
    kind = "blocks"
    bounds = {"percent": (0, 100)}
    side: ClassVar[int] = 8

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        height, width = image.shape[:2]
        top, left = rng.integers(self.side, size=2)
        cells = rng.random((height // self.side + 2, width // self.side + 2)) < number(self.percent) / 100
        mask = cells.repeat(self.side, axis=0).repeat(self.side, axis=1)
        return np.where(mask[top : top + height, left : left + width, None], np.float32(0), image)


@dataclass(frozen=True)
class Camera(Noise):
    """Poisson–Gaussian noise of a sensor (Foi et al. 2008): variance (shot/255)²·x + (read/255)².

    ``shot`` is the standard deviation that photon noise alone has at white, ``read`` that of the signal-independent
    read noise, both on the 0–255 scale: ``camera:10,3``.
    """

    shot: Level
    read: Level
    kind = "camera"
    bounds = {"shot": (0, 255), "read": (0, 255)}

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if shot := number(self.shot):
            # Beyond 1e8 photons (shot noise of 1/40 of a step of 8 bits) counting adds nothing but the cost of it.
            image = photons(image, min((255 / shot) ** 2, 1e8), rng)
        return Gaussian(self.read).apply(image, rng)


@dataclass(frozen=True)
class Bayer(Camera):
    """The noise of a sensor behind a Bayer mosaic of colour filters, each colour interpolated bilinearly between its
    pixels (demosaicing): neighbours share their noise. The picture itself loses nothing. Colour images only.

    ``shot`` and ``read`` are those of the sensor, as for ``camera``: ``bayer:10,3``.
    """

    kind = "bayer"
    # Weights of the pixels of a colour, for red and blue (a quarter of the pixels) and for green (half of them).
    kernels: ClassVar[tuple[np.ndarray, np.ndarray]] = (
        np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4,
        np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4,
    )

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        self._need_colour(image)
        height, width = image.shape[:2]
        noise = super().apply(image, rng) - image
        seen = noise * bayer_masks(height, width, *rng.integers(2, size=2))
        seen = np.pad(seen, ((1, 1), (1, 1), (0, 0)), "reflect")  # which keeps to the mosaic
        red_blue, green = self.kernels
        spread = np.zeros_like(noise)
        for i, j in np.ndindex(3, 3):
            weights = np.array([red_blue[i, j], green[i, j], red_blue[i, j]])
            spread += weights * seen[i : i + height, j : j + width]
        return image + spread

    def _need_colour(self, image: np.ndarray) -> None:
        if image.shape[-1] != 3:
            raise UsageError(f"{self.name} on an image of {image.shape[-1]} channels; expected a colour image")


def bayer_masks(height: int, width: int, top: int, left: int) -> np.ndarray:
    """Which pixels of a mosaic see red, green and blue: bool (height, width, 3). Red is at (top, left) and every other
    pixel from there, blue diagonally beside it, green at the rest."""
    row = (np.arange(height) - top)[:, np.newaxis] % 2 == 0
    column = (np.arange(width) - left) % 2 == 0
    return np.stack([row & column, row != column, ~row & ~column], axis=-1)


@dataclass(frozen=True)
class Raw(Bayer):
    """The noise of a sensor in a picture that a camera developed: in linear light and behind a Bayer mosaic, then white
    balance, colour matrix and the curve of sRGB (Brooks et al. 2019, "Unprocessing images for learned raw denoising",
    section 3, without its tone mapping). It is strongest in the dark, and coloured: red and blue are amplified, and the
    matrix takes from each colour what the others have. Colour images in sRGB only.

    ``shot`` and ``read`` are those of the sensor as for ``camera``, but in linear light: ``raw:10,0.5``. Each image
    draws its white balance (red and blue times 1.2 to 2.5) and its matrix (rows whose sum is one, up to 0.6 taken from
    each colour for each of the others). The result is cut at black and white, as a camera's picture is.
    """

    kind = "raw"
    gains: ClassVar[tuple[float, float]] = (1.2, 2.5)
    taken: ClassVar[float] = 0.6

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        self._need_colour(image)
        gains = np.ones(3, np.float32)
        gains[::2] = rng.uniform(*self.gains, size=2)
        matrix = -rng.uniform(0, self.taken, size=(3, 3)).astype(np.float32)
        np.fill_diagonal(matrix, 0)
        np.fill_diagonal(matrix, 1 - matrix.sum(axis=1))
        light = linear_from_srgb(image)
        raw = light @ np.linalg.inv(matrix).T / gains
        developed = light + (super().apply(raw, rng) - raw) * gains @ matrix.T
        # The picture itself loses nothing, not even what float32 rounds on the way.
        return image + srgb_from_linear(np.clip(developed, 0, 1)) - srgb_from_linear(light)


def linear_from_srgb(image: np.ndarray) -> np.ndarray:
    """Linear light of an image in sRGB (IEC 61966-2-1), both in [0, 1]."""
    image = np.clip(image, 0, 1)
    return np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** np.float32(2.4))


def srgb_from_linear(light: np.ndarray) -> np.ndarray:
    """An image in sRGB of linear light, both in [0, 1]."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** np.float32(1 / 2.4) - 0.055)


MOST_OF_JPEG = 65500  # pixels of a side


@dataclass(frozen=True)
class Jpeg(Noise):
    """The loss of JPEG at ``quality`` (with halved chroma). The image is clipped and rounded to 8 bits by it."""

    quality: Level
    kind = "jpeg"
    bounds = {"quality": (1, 100)}

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if max(image.shape[:2]) > MOST_OF_JPEG:
            raise InputError(
                f"JPEG of {image.shape[1]}×{image.shape[0]} pixels; it has at most {MOST_OF_JPEG} in a row"
            )
        if image.shape[-1] not in (1, 3):
            raise UsageError(f"{self.name} on an image of {image.shape[-1]} channels; expected 1 or 3")
        pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(
            buffer, "JPEG", quality=round(number(self.quality)), subsampling=2
        )
        return np.asarray(Image.open(buffer), np.float32).reshape(image.shape) / 255


@dataclass(frozen=True)
class Bits(Noise):
    """What a picture loses that is kept in so many bits per channel: beyond black and white it is cut, and rounded.

    Behind noise, that is how nearly all noisy pictures come: cut noise makes black lighter and white darker.
    """

    depth: Level
    kind = "bits"
    bounds = {"depth": (1, 16)}

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        white = 2 ** round(number(self.depth)) - 1
        return np.round(np.clip(image, 0, 1) * white) / np.float32(white)


@dataclass(frozen=True)
class Mixture(Noise):
    """Several kinds of noise, one after another."""

    parts: tuple[Noise, ...]
    kind = "mixture"
    bounds = {}

    def __post_init__(self) -> None:
        if not isinstance(self.parts, tuple) or not all(isinstance(part, Noise) for part in self.parts):
            raise UsageError(
                f"a mixture of {self.parts!r}; expected a tuple of noises, such as (Gaussian(5), Jpeg(80))"
            )

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.parts)

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(kind for part in self.parts for kind in part.kinds)

    def deviation(self) -> float:
        return math.hypot(*(part.deviation() for part in self.parts))

    def draw(self, rng: np.random.Generator) -> Noise:
        return replace(self, parts=tuple(part.draw(rng) for part in self.parts))

    def middle(self) -> Noise:
        return replace(self, parts=tuple(part.middle() for part in self.parts))

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for part in self.parts:
            image = part.apply(image, rng)
        return image


@dataclass(frozen=True)
class Sometimes(Noise):
    """Noise that an image has or has not, by the toss of a coin."""

    part: Noise
    kind = "sometimes"
    bounds = {}

    @property
    def name(self) -> str:
        return f"{self.part.name}?"

    @property
    def kinds(self) -> tuple[str, ...]:
        return self.part.kinds

    def draw(self, rng: np.random.Generator) -> Noise:
        return self.part.draw(rng) if rng.random() < 0.5 else Gaussian(0.0)

    def middle(self) -> Noise:
        return self.part.middle()

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.draw(rng).apply(image, rng)


KINDS: dict[str, type[Noise]] = {
    c.kind: c for c in (Gaussian, Poisson, SaltPepper, Blocks, Camera, Bayer, Raw, Jpeg, Bits)
}
LEVEL = re.compile(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")


def noise_from_name(name: str) -> Noise:
    """The noise that ``name`` stands for, such as ``gaussian:25`` or ``poisson:1-100+saltpepper:2``.

    Raises:
        UsageError: No name, one that does not follow the grammar, or a level that is out of bounds.
    """
    if not isinstance(name, str):
        raise UsageError(f"noise={name!r}; expected a name, such as 'gaussian:25', or a Noise")
    parts = tuple(_part(part.strip()) for part in name.split("+"))
    return parts[0] if len(parts) == 1 else Mixture(parts)


def _part(name: str) -> Noise:
    if name.endswith("?"):
        return Sometimes(_part(name[:-1]))
    kind, _, levels = name.partition(":")
    if kind not in KINDS:
        raise UsageError(f"unknown noise {name!r}; expected KIND:LEVEL with a kind of {', '.join(KINDS)}")
    wanted = [field.name for field in fields(KINDS[kind])]
    found = [LEVEL.fullmatch(level.strip()) for level in levels.split(",")]
    if len(found) != len(wanted) or None in found:
        raise UsageError(
            f"unknown level in noise {name!r}; expected {kind}:{','.join(w.upper() for w in wanted)}, "
            "each a number or a range LOW-HIGH"
        )
    return KINDS[kind](*(_parse(*match.groups()) for match in found if match))


def _parse(low: str, high: str | None) -> Level:
    return float(low) if high is None else (float(low), float(high))


def photons(image: np.ndarray, peak: float, rng: np.random.Generator) -> np.ndarray:
    """Photon counts for an image, as a share of those of a white pixel."""
    return (rng.poisson(np.maximum(image, 0) * peak) / peak).astype(np.float32)


def ends(level: Level) -> tuple[float, float]:
    """A level as a range (low, high): both the same for a number."""
    low, high = level if isinstance(level, tuple) else (level, level)
    return float(low), float(high)


def number(level: Level) -> float:
    """A level that must be a number by now."""
    if isinstance(level, tuple):
        raise UsageError(f"level {level!r} is a range; expected a number: call sample(), or draw() first")
    return float(level)


def format_level(level: Level) -> str:
    low, high = (np.format_float_positional(end, trim="-") for end in ends(level))
    return low if low == high else f"{low}-{high}"
