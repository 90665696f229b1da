"""Images → augmented patches → noisy batches, by tf.data.

Every batch is a function of (seed, step) alone: images are visited in a shuffled order computed from their number in
the sequence, and all randomness is stateless. So a run can be continued at any step as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import UsageError
from zoo.noise import Bits, Jpeg, Mixture, Noise
from zoo.training.augment import (
    AUGMENT_WITH_NOISE,
    SINCE,
    Augment,
    augment,
    enlarge,
    enlargements,
    sharpen,
    sharpening,
    smooth,
    smoothing,
    trim,
)
from zoo.training.corrupt import MCU, LayerNoise, corrupt
from zoo.training.neighbors import neighbor_pairs
from zoo.training.sources import ImageSet

# A seed's third word, for random numbers that are none of the noise's.
CROP = 1000


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
    augmentation = augmentation or (Augment() if noise is not None else AUGMENT_WITH_NOISE)
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
    if augmentation.smooth and self_supervised:
        raise UsageError(
            f"smooth={augmentation.smooth!r} would carry the noise of what is learned to what is shown; expected 0, or "
            "clean images"
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
        def key(number: int) -> Any:
            return tf.stack([tf.cast(seed, tf.int64) + number, step])

        filed = None
        if images.paired:
            pair = stacked[..., : images.channels], stacked[..., images.channels :]
        elif self_supervised:
            pair = neighbor_pairs(stacked, key(1))
        else:
            assert noise is not None
            taken, filed = taken_and_filed(noise) if since else (noise, None)
            noisy, sigma = corrupt(taken, stacked, key(1))
            pair = ((noisy, sigma) if takes_sigma else noisy), stacked
        if since:
            if augmentation.smooth:
                pair = smooth(pair, *smoothing(augmentation.smooth, key(5)))
            before, after = enlargements(augmentation.enlarge, key(3))
            pair = enlarge(pair, before)
            if augmentation.sharpen:
                pair = sharpen(pair, *sharpening(augmentation.sharpen, key(4)))
            if filed is not None:
                # A seed of its own: one that is split off this step's may be that of a part of what is taken.
                pair = corrupt(filed, pair[0], key(6))[0], pair[1]
            noisy, target = enlarge(pair, after)
            # Cubic splines overshoot, and an unsharp mask is made to.
            pair = noisy, tf.clip_by_value(target, 0, 1) if noise is not None else target
        if augmentation.trim:
            pair = trim(pair, augmentation.trim, key(2))
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


def taken_and_filed(noise: Noise) -> tuple[Noise, Noise | None]:
    """What of ``noise`` a picture has as it is taken, and what it gets as a file: JPEG or bits, and what follows."""
    parts = noise.parts if isinstance(noise, Mixture) else (noise,)
    for i, part in enumerate(parts):
        if {Jpeg.kind, Bits.kind} & set(part.kinds):
            return Mixture(parts[:i]), Mixture(parts[i:])
    return noise, None


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
            before = np.random.default_rng([seed, i, CROP]).integers(min(MCU, side), size=2) if cropped else (0, 0)
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
