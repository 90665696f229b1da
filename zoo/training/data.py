"""Images → augmented patches → noisy batches, by tf.data.

Every batch is a function of (seed, step) alone: images are visited in a shuffled order computed from their number in
the sequence, and all randomness is stateless. So a run can be continued at any step as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import UsageError
from zoo.noise import Bits, Jpeg, Mixture, Noise
from zoo.training.corrupt import MCU, LayerNoise, corrupt, split
from zoo.training.neighbors import neighbor_pairs
from zoo.training.sources import ImageSet

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


def hold_out(images: ImageSet, every: int = 10) -> tuple[list[int], list[int]]:
    """Image numbers for training and for validation: every tenth is held out, at least one."""
    held = list(range(0, len(images), every))
    kept = [i for i in range(len(images)) if i % every]
    if not kept:
        raise UsageError(f"{len(images)} image to train on; expected at least 2, or validation images of their own")
    return kept, held


def check_noise(images: ImageSet, noise: Noise | None, *, self_supervised: bool) -> None:
    """Refuse noise for images that bring theirs, and clean images without any. Raises UsageError."""
    kind = "pairs of" if images.paired else "noisy" if self_supervised else "clean"
    if images.paired and self_supervised:
        raise UsageError("self_supervised=True with pairs of images; expected noisy images alone")
    if noise is None and kind == "clean":
        raise UsageError("no noise for clean images; expected one, such as gaussian:0-55, or pairs of images")
    if noise is not None and kind != "clean":
        raise UsageError(f"noise {noise.name!r} for {kind} images, which bring their own; leave it out")


def batches(
    images: ImageSet,
    noise: Noise | None,
    *,
    batch: int,
    patch: int,
    seed: int,
    start: int = 0,
    augmentation: Augment | None = None,
    takes_sigma: bool = False,
    numbers: Sequence[int] | None = None,
    self_supervised: bool = False,
) -> tf.data.Dataset:
    """An endless tf.data pipeline of (noisy, clean) float32 batches (n, patch, patch, c), or ((noisy, sigma), clean).
    Their sides are shorter by what ``augmentation`` trims.

    Args:
        noise: What is drawn on each clean batch; None for pairs, which bring their own.
        batch, patch: Patches in a batch; their side in pixels. Every image must be at least as large.
        seed: All randomness: the same seed gives the same batches.
        start: The number of the first batch to give: the pipeline continues there exactly.
        takes_sigma: Give the drawn noise level too, (n, 1), on the image's scale.
        numbers: Use only these images.
        self_supervised: The images are noisy, and nothing else is known: see :mod:`zoo.training.neighbors`.
    """
    augmentation = augmentation or (Augment() if noise is not None else Augment(rescale=1))
    chosen = np.arange(len(images)) if numbers is None else np.asarray(numbers)
    check_noise(images, noise, self_supervised=self_supervised)
    # Without clean images, the network sees half of the pixels in each direction.
    named, patch = ("2·patch", 2 * patch) if self_supervised else ("patch", patch)
    if augmentation.saturation > 1 and images.channels == 1:
        raise UsageError(f"saturation={augmentation.saturation!r} of gray images; expected 1, or images in colour")
    for name, none in {"contrast": 1, "saturation": 1, "frame": 0, "rescale": 1}.items():
        if (value := getattr(augmentation, name)) != none and (images.paired or self_supervised):
            raise UsageError(
                f"{name}={value!r} would change the noise too that the images bring; expected {none}, or clean images"
            )
    for name, none in SINCE.items():
        if (value := getattr(augmentation, name)) != none and takes_sigma:
            raise UsageError(
                f"{name}={value!r} would change the noise's level, which the network is told; expected {none}"
            )
    if augmentation.trim >= (seen := patch // 2 if self_supervised else patch):
        raise UsageError(f"trim={augmentation.trim!r} of patches of {seen} pixels; expected less")
    if (small := images.sizes[chosen].min()) < patch:
        raise UsageError(f"an image is only {small} pixels high or wide; expected at least {named}={patch}")
    since = any(getattr(augmentation, name) != none for name, none in SINCE.items())
    per_visit, cut = images.cutter()
    # Large images are visited more often, so that all pixels are seen alike.
    visits = np.repeat(chosen, np.ceil(images.areas[chosen] / (16 * patch * patch)).astype(int))
    visited, sizes = tf.constant(visits, tf.int64), tf.constant(images.sizes)

    def visit(n: Any) -> Any:
        epoch, position = n // len(visits), n % len(visits)
        order = tf.stack([tf.cast(seed, tf.int64), epoch])
        shuffle = tf.random.experimental.index_shuffle  # pyright: ignore[reportAttributeAccessIssue]
        i = visited[shuffle(position, order, len(visits) - 1)]
        keys = tf.random.split(tf.stack([tf.cast(seed, tf.int64), n]), 3)
        # Every other visit: resampling smooths, and who sees resampled patches alone takes fine texture for noise.
        coin, u = tf.unstack(tf.random.stateless_uniform((2,), keys[0]))
        scale = tf.where(coin < 0.5, 1.0, 1 + u * (augmentation.rescale - 1))
        side = tf.minimum(tf.cast(tf.round(patch * scale), tf.int64), tf.reduce_min(sizes[i]))
        at = tf.random.stateless_uniform((2, per_visit), keys[1], dtype=tf.float64)
        room = tf.cast(sizes[i] - side + 1, tf.float64)
        corner = tf.cast(at * room[:, None], tf.int64)
        patches = tf.cast(cut(i, corner[0], corner[1], side), tf.float32) / images.white
        if augmentation.rescale > 1:
            patches = tf.cond(
                side == patch,
                lambda: patches,
                lambda: tf.image.resize(patches, (patch, patch), "bicubic", antialias=True),
            )
        patches = augment(tf.ensure_shape(patches, (per_visit, patch, patch, images.depth)), augmentation, keys[2])
        clean = not images.paired and not self_supervised
        return tf.clip_by_value(patches, 0, 1) if clean else patches  # noise leads beyond

    def form(step: Any, stacked: Any) -> Any:
        key, filed = tf.stack([tf.cast(seed, tf.int64) + 1, step]), None
        if images.paired:
            pair = stacked[..., : images.channels], stacked[..., images.channels :]
        elif self_supervised:
            pair = neighbor_pairs(stacked, key)
        else:
            assert noise is not None
            taken, filed = taken_and_filed(noise) if since else (noise, None)
            noisy, sigma = corrupt(taken, stacked, key)
            pair = ((noisy, sigma) if takes_sigma else noisy), stacked
        if since:
            if augmentation.smooth:
                pair = smooth(pair, *smoothing(augmentation.smooth, tf.stack([tf.cast(seed, tf.int64) + 5, step])))
            before, after = enlargements(augmentation.enlarge, tf.stack([tf.cast(seed, tf.int64) + 3, step]))
            pair = enlarge(pair, before)
            if augmentation.sharpen:
                pair = sharpen(pair, *sharpening(augmentation.sharpen, tf.stack([tf.cast(seed, tf.int64) + 4, step])))
            if filed is not None:
                pair = corrupt(filed, pair[0], split(key, 2)[1])[0], pair[1]
            noisy, target = enlarge(pair, after)
            # Cubic splines overshoot, and an unsharp mask is made to.
            pair = noisy, tf.clip_by_value(target, 0, 1) if noise is not None else target
        if augmentation.trim:
            pair = trim(pair, augmentation.trim, tf.stack([tf.cast(seed, tf.int64) + 2, step]))
        return pair

    # ``batch`` visits give ``per_visit`` batches of patches from different images.
    group = start // per_visit
    # A thread per core for decoding would take the cores from training; two keep ahead of it.
    data = tf.data.Dataset.range(group * batch, np.iinfo(np.int64).max).map(visit, num_parallel_calls=2)
    data = data.batch(batch, drop_remainder=True).map(lambda x: tf.transpose(x, (1, 0, 2, 3, 4))).unbatch()
    data = data.skip(start % per_visit)
    steps = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
    # A layer of somebody's own counts its random numbers in a variable, which two calls at once would read alike.
    at_once = 1 if noise is not None and LayerNoise.kind in noise.kinds else 2
    return tf.data.Dataset.zip((steps, data)).map(form, num_parallel_calls=at_once).prefetch(8)


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


def taken_and_filed(noise: Noise) -> tuple[Noise, Noise | None]:
    """What of ``noise`` a picture has as it is taken, and what it gets as a file: JPEG or bits, and what follows."""
    parts = noise.parts if isinstance(noise, Mixture) else (noise,)
    for i, part in enumerate(parts):
        if {Jpeg.kind, Bits.kind} & set(part.kinds):
            return Mixture(parts[:i]), Mixture(parts[i:])
    return noise, None


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


def validation_pairs(
    images: ImageSet,
    noise: Noise | None,
    *,
    seed: int,
    side: int,
    most: int,
    numbers: Sequence[int] | None = None,
    self_supervised: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fixed pairs for validation, the same at every look: centre crops with seeded noise by the numpy sampler.

    What JPEG compresses is a picture that was cropped since for every other one, as in training.

    Returns:
        noisy and clean (with ``self_supervised`` the noisy neighbours instead), float32 (n, side, side, c), and the
        level of Gaussian noise (n, 1) on the image's scale.
    """
    chosen = (list(range(len(images))) if numbers is None else list(numbers))[:most]
    side = min(side, int(images.sizes[chosen].min()))
    side -= side % 2 if self_supervised else 0
    noisy, clean, sigma = [], [], []
    for i in chosen:
        top, left = (images.sizes[i] - side) // 2
        crop = images.image(i)[top : top + side, left : left + side]
        clean.append(crop[..., -images.channels :])
        if noise is None:
            noisy.append(crop[..., : images.channels])
        else:
            cropped = Jpeg.kind in noise.kinds and len(noisy) % 2 == 1
            before = np.random.default_rng([seed, i]).integers(min(MCU, side), size=2) if cropped else (0, 0)
            larger = np.pad(clean[-1], ((before[0], 0), (before[1], 0), (0, 0)), "symmetric")
            drawn, image = some_noise(noise, larger, seed, i)
            noisy.append(image[before[0] :, before[1] :])
            sigma.append([drawn.deviation() / 255])
    if self_supervised:
        pairs = neighbor_pairs(tf.constant(np.stack(clean)), tf.constant([seed, 0], tf.int64))
        return pairs[0].numpy(), pairs[1].numpy(), np.zeros((len(chosen), 1), np.float32)
    return np.stack(noisy), np.stack(clean), np.array(sigma or [[0.0]] * len(chosen), np.float32)


def some_noise(noise: Noise, clean: np.ndarray, seed: int, i: int) -> tuple[Noise, np.ndarray]:
    """Noise on image ``i``; drawn again where it came out as none at all, as it may if it is only there sometimes."""
    for again in range(8):
        rng = np.random.default_rng([seed, i, again] if again else [seed, i])
        drawn = noise.draw(rng)
        noisy = drawn.apply(clean, rng)
        if not np.array_equal(noisy, clean):
            break
    return drawn, noisy


def refuse_frozen(pairs: Sequence[tuple[Any, Any]], noise: Noise) -> None:
    """Refuse a layer whose noise is the same in all batches: numbers that it has from numpy, or from Python, are drawn
    once, when TensorFlow traces it, and a network learns them by heart.
    """
    if not isinstance(noise, LayerNoise):
        return
    added = [np.subtract(noisy, clean) for noisy, clean in pairs]
    height, width = (min(one.shape[axis] for one in added) for axis in (1, 2))  # but for what was trimmed
    added = [one[:, :height, :width] for one in added]
    if len(added) > 1 and added[0].any() and all(np.allclose(one, added[0], atol=1e-5) for one in added):
        raise UsageError(
            f"{noise.name} adds the same to every batch, which a network learns by heart; expected numbers from "
            "keras.random with a SeedGenerator: numpy's are drawn once, when TensorFlow traces the layer"
        )


def refuse_copying(pairs: Iterable[tuple[Any, Any]], where: str) -> None:
    """Refuse data whose input equals its target in all of some batches, as of (clean, clean) pairs or noise at level 0.

    Not for one of them: by chance, rare noise may leave a batch alone.
    """
    if all(np.array_equal(noisy, clean) for noisy, clean in pairs):
        raise UsageError(
            f"{where} input equals its target: the network would learn to copy, with a perfect score and no use; "
            "expected noisy input: give a noise above 0, or pairs of noisy and clean images"
        )
