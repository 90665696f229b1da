"""How patches are varied before noise is drawn on them, and what is done to noisy and clean alike since.

All randomness is stateless: the same seed does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import UsageError

# The least, the most, and what is none.
BOUNDS = {
    "rescale": (1, 4, 1),
    "brightness": (0, 0.5, 0),
    "contrast": (1, 100, 1),
    "saturation": (1, 10, 1),
    "smooth": (0, 4, 0),
    "sharpen": (0, 4, 0),
    "enlarge": (1, 4, 1),
}
# What is done after the picture was taken, and what is none of it.
SINCE = {"smooth": 0, "sharpen": 0, "enlarge": 1}


@dataclass(frozen=True)
class Augment:
    """How patches are varied (see :func:`augment`). ``Augment.none()`` only crops."""

    flip: bool = True
    transpose: bool = True
    # Up to this factor more of the image is shrunk into the patch, for half of the patches. Where images bring their
    # noise it must be 1: shrinking makes that weaker.
    rescale: float = 1.25
    brightness: float = 0.05  # up to this much is added or taken, on the [0, 1] scale
    # For a quarter of the patches, up to this factor about their mean, cut at black and white: what is drawn or written
    # is black on white in places, and photographs seldom are.
    contrast: float = 1
    # For a quarter of the patches, up to this factor about their gray, with the channels in any order: texture of one
    # strong colour, as red cloth has, is rare in photographs, and looks like a sensor's noise, which each channel has
    # for itself.
    saturation: float = 1
    # For a quarter of the patches, up to so many rows or columns of black, or of white, at some of their sides, as
    # films and scans have them: pixels at an end that are lost look much the same.
    frame: int = 0
    # For a quarter of the batches, the noise smoothed, by a Gaussian of up to so many pixels, its colour by up to three
    # times as many, before the file's part of it (JPEG, bits): what a camera's own denoiser leaves, coarse noise on a
    # picture that is sharp. Not for networks that are told the noise's level, which this changes.
    smooth: float = 0
    # For a quarter of the batches, an unsharp mask of up to this strength, noisy and clean alike, before the file's
    # part of the noise, as cameras and editors do: each pixel's difference from its surroundings, times this, is added.
    # Not for networks that are told the noise's level either.
    sharpen: float = 0
    # For a quarter of the batches, the middle enlarged by up to this factor, noisy and clean alike: pictures whose
    # noise has become coarse. Half of them before the file's part of the noise (JPEG, bits), as a camera's zoom does,
    # half after it, by whoever has the file. Not for networks that are told the noise's level either.
    enlarge: float = 1
    # Up to so many of the last rows and columns are cut off all patches of a batch, for networks that pad sides which
    # are no multiples of theirs: they must see such ends, and those where nothing is padded. What compiles for each
    # size (XLA, JAX) compiles for all of them.
    trim: int = 0

    def __post_init__(self) -> None:
        for name, (low, high, none) in BOUNDS.items():
            if not low <= (value := getattr(self, name)) <= high:
                raise UsageError(f"{name}={value!r}; expected {low} to {high} ({none} is none)")
        for name, value in {"trim": self.trim, "frame": self.frame}.items():
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
                raise UsageError(f"{name}={value!r}; expected a whole number of rows and columns, 0 for none")

    @classmethod
    def none(cls) -> Augment:
        return cls(flip=False, transpose=False, rescale=1, brightness=0)


# Where images bring their noise: brighter, lost pixels would be neither black nor white, and noise is cut elsewhere.
AUGMENT_WITH_NOISE = Augment(rescale=1, brightness=0)


def augment(patches: Any, augmentation: Augment, seed: Any) -> Any:
    """Flips, transposition, brightness, contrast, saturation and a frame, drawn once per call; patches float32
    (n, p, p, c) in [0, 1].
    """
    coin = tf.random.stateless_uniform((6,), seed)
    if augmentation.flip:
        patches = tf.cond(coin[0] < 0.5, lambda: tf.reverse(patches, [1]), lambda: patches)
        patches = tf.cond(coin[1] < 0.5, lambda: tf.reverse(patches, [2]), lambda: patches)
    if augmentation.transpose:
        patches = tf.cond(coin[2] < 0.5, lambda: tf.transpose(patches, (0, 2, 1, 3)), lambda: patches)
    if augmentation.brightness:
        patches += (2 * coin[3] - 1) * augmentation.brightness
    if augmentation.contrast > 1:
        factor = tf.where(coin[4] < 0.25, tf.pow(float(augmentation.contrast), coin[5]), 1.0)
        mean = tf.reduce_mean(patches, (1, 2, 3), keepdims=True)
        patches = tf.where(factor > 1, tf.clip_by_value(mean + factor * (patches - mean), 0, 1), patches)
    if augmentation.saturation > 1:
        patches = _saturated(patches, augmentation.saturation, seed + 3)  # the frame has two
    if augmentation.frame:
        patches = _framed(patches, augmentation.frame, seed + 1)
    return patches


def _saturated(patches: Any, most: float, seed: Any) -> Any:
    """A quarter of the patches with their channels in any order, up to ``most`` times as far from gray."""
    chance = tf.random.stateless_uniform((2,), seed)
    order = tf.argsort(tf.random.stateless_uniform((patches.shape[-1],), seed + 1))
    others = tf.gather(patches, order, axis=-1)
    gray = tf.reduce_mean(others, -1, keepdims=True)
    strong = tf.clip_by_value(gray + tf.pow(float(most), chance[1]) * (others - gray), 0, 1)
    return tf.where(chance[0] < 0.25, strong, patches)


def _framed(patches: Any, most: int, seed: Any) -> Any:
    """A black or white frame of up to ``most`` pixels around a quarter of the patches, wherever there is a side of it.

    Each side is there or not, and thin more often than not: one row is the hardest to tell from lost pixels.
    """
    chance, wide = tf.random.stateless_uniform((6,), seed), tf.random.stateless_uniform((4,), seed + 1)
    top, bottom, left, right = tf.unstack(tf.where(chance[:4] < 0.5, 1 + tf.floor(wide**2 * most), 0.0))
    height, width = patches.shape[1:3]
    rows, columns = tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32)
    rows, columns = (rows < top) | (rows >= height - bottom), (columns < left) | (columns >= width - right)
    frame = (rows[:, tf.newaxis] | columns)[..., tf.newaxis]
    return tf.where((chance[4] < 0.25) & frame, tf.where(chance[5] < 0.5, 0.0, 1.0), patches)


def smoothing(most: float, seed: Any) -> tuple[Any, Any, Any]:
    """How to smooth a batch's noise (see :func:`smooth`): by up to ``most`` pixels for a quarter of the calls, by 0 for
    the others; its colour by up to three times as many; and up to half of it is kept as it is.
    """
    chance = tf.random.stateless_uniform((4,), seed)
    deviation = tf.where(chance[0] < 0.25, most * chance[1], 0.0)
    return deviation, deviation * (1 + 2 * chance[2]), chance[3] / 2


def smooth(pair: tuple[Any, Any], deviation: Any, of_colour: Any, kept: Any) -> tuple[Any, Any]:
    """Noisy and clean images (n, h, w, c) with the noise between them behind a Gaussian of ``deviation`` pixels, its
    colour, what channels have beside their mean, behind one of ``of_colour``; a share of ``kept`` stays as it is.
    """
    noisy, clean = pair

    def smoothed() -> Any:
        noise = noisy - clean
        brightness = tf.reduce_mean(noise, -1, keepdims=True)
        smooth_noise = blurred(brightness, deviation) + blurred(noise - brightness, of_colour)
        return clean + kept * noise + (1 - kept) * smooth_noise

    return tf.cond(deviation > 0, smoothed, lambda: noisy), clean


def blurred(images: Any, deviation: Any) -> Any:
    """``images`` (n, h, w, c) behind a Gaussian of ``deviation`` pixels; what lies beyond an end counts for nothing."""
    reach = tf.cast(tf.math.ceil(3 * deviation), tf.float32)
    line = tf.exp(-tf.square(tf.range(-reach, reach + 1) / deviation) / 2)

    def sums(x: Any) -> Any:
        for kernel in (line[:, None, None, None], line[None, :, None, None]):
            x = tf.nn.depthwise_conv2d(x, tf.repeat(kernel, x.shape[-1], axis=2), (1, 1, 1, 1), "SAME")
        return x

    return sums(images) / sums(tf.ones_like(images[:1]))


def sharpening(most: float, seed: Any) -> tuple[Any, Any, Any]:
    """How to sharpen a batch (see :func:`sharpen`): by up to ``most`` for a quarter of the calls, by 0 for the others.

    The Gaussian is of 0.5 to 2 pixels; half of the calls sharpen the brightness alone, as cameras do.
    """
    chance = tf.random.stateless_uniform((4,), seed)
    strength = tf.where(chance[0] < 0.25, most * chance[1], 0.0)
    return strength, 0.5 * tf.pow(4.0, chance[2]), chance[3] < 0.5


def sharpen(batch: Any, strength: Any, deviation: Any, brightness_alone: Any) -> Any:
    """The images (n, h, w, c) in ``batch`` behind an unsharp mask: their difference from what a Gaussian of
    ``deviation`` pixels leaves of them is added, ``strength`` times; of all channels alike, or of their mean.
    """

    def sharpened(x: Any) -> Any:
        detail = x - blurred(x, deviation)
        brightness = tf.reduce_mean(detail, -1, keepdims=True)
        return x + strength * tf.where(brightness_alone, brightness, detail)

    return tf.cond(strength > 0, lambda: tf.nest.map_structure(sharpened, batch), lambda: batch)


def enlargements(most: float, seed: Any) -> tuple[Any, Any]:
    """By what to enlarge a batch before it is a file, and after: up to ``most``, once, for a quarter of the calls."""
    chance = tf.random.stateless_uniform((3,), seed)
    factor = tf.where(chance[0] < 0.25, tf.pow(float(most), chance[1]), 1.0)
    return tf.where(chance[2] < 0.5, factor, 1.0), tf.where(chance[2] < 0.5, 1.0, factor)


def enlarge(batch: Any, factor: Any) -> Any:
    """The middle of the images (n, h, w, c) in ``batch``, ``factor`` times as large."""

    def enlarged(x: Any) -> Any:
        size = x.shape[1:3]
        height, width = (tf.maximum(tf.cast(tf.round(float(side) / factor), tf.int32), 1) for side in size)
        top, left = (size[0] - height) // 2, (size[1] - width) // 2
        return tf.ensure_shape(tf.image.resize(x[:, top : top + height, left : left + width], size, "bicubic"), x.shape)

    return tf.cond(factor > 1, lambda: tf.nest.map_structure(enlarged, batch), lambda: batch)


def trim(batch: Any, most: int, seed: Any) -> Any:
    """Cut up to ``most`` of the last rows and columns off the images (n, h, w, c) in ``batch``, drawn once per call."""
    fewer = tf.random.stateless_uniform((2,), seed, 0, most + 1, tf.int32)

    def cut(x: Any) -> Any:
        height, width = tf.unstack(tf.shape(x)[1:3] - fewer)
        return x[:, :height, :width]

    return tf.nest.map_structure(lambda x: cut(x) if x.shape.rank == 4 else x, batch)
