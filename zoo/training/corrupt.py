"""The noise of ``zoo/noise.py``, drawn by TensorFlow where the batch is formed.

Random numbers are stateless, a function of the seed alone, so that a run can be continued as if never stopped.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import UsageError
from zoo.noise import (
    Bayer,
    Bits,
    Blocks,
    Camera,
    Gaussian,
    Jpeg,
    Level,
    Mixture,
    Noise,
    Poisson,
    Raw,
    SaltPepper,
    Sometimes,
    ends,
    noise_from_name,
)

MCU = 16  # pixels of a side of JPEG's largest unit: four blocks, and one of each chroma, which has half the size


@dataclass(frozen=True)
class LayerNoise(Noise):
    """Noise that a Keras layer of somebody's own adds: called on clean batches (n, h, w, c) in [0, 1], in training.

    It runs inside tf.data, hence with TensorFlow as the backend, and in float32 whatever the precision of the network
    is: in bfloat16 the picture itself would be rounded. Its random numbers should come from a
    ``keras.random.SeedGenerator`` of its own: then the pairs of a validation are the same at every look. The noise of a
    batch is not a function of seed and step, as the zoo's own kinds are: a resumed run goes on with other noise.
    """

    layer: keras.layers.Layer
    kind = "layer"
    bounds = {}

    @property
    def name(self) -> str:
        return f"layer:{type(self.layer).__name__}"

    def apply(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for variable in self.layer.non_trainable_variables:
            if variable.path.endswith("seed_generator_state"):
                variable.assign(rng.integers(0, 2**31, size=variable.shape))
        return keras.ops.convert_to_numpy(self.layer(image[np.newaxis], training=True))[0]


def as_noise(noise: str | Noise | keras.layers.Layer) -> Noise:
    """Noise by its name, by itself, or by a Keras layer that adds it."""
    if isinstance(noise, keras.layers.Layer):
        if keras.backend.backend() != "tensorflow":
            raise UsageError(f"a layer as noise with the backend {keras.backend.backend()}; expected tensorflow")
        whole: Any = noise
        for layer in whole._flatten_layers():  # Keras has no public name for those within
            layer.dtype_policy = keras.DTypePolicy("float32")
        return LayerNoise(whole)
    if not isinstance(noise, Noise):
        return noise_from_name(noise)
    _expect_sampler(noise)
    return noise


def _expect_sampler(noise: Noise) -> None:
    for part in noise.parts if isinstance(noise, Mixture) else [noise.part] if isinstance(noise, Sometimes) else []:
        _expect_sampler(part)
    if corrupt.dispatch(type(noise)) is corrupt.dispatch(object):
        raise UsageError(
            f"noise of a {type(noise).__name__}, which only numpy can draw; expected a Keras layer that adds it "
            "(zoo.training.corrupt.LayerNoise), or a kind of the zoo"
        )


@singledispatch
def corrupt(noise: Noise, clean: Any, seed: Any) -> tuple[Any, Any]:
    """Noise on a batch, its level drawn for each image.

    Args:
        noise: What to draw.
        clean: float32 (n, h, w, c).
        seed: int (2,): the same seed gives the same batch.

    Returns:
        The noisy batch, not clipped, and the level that was drawn (n, 1): the standard deviation of the Gaussian noise
        in it (:meth:`zoo.noise.Noise.deviation`), on the image's scale.
    """
    raise UsageError(f"noise {noise!r} has no sampler for training; expected one registered in zoo/training/corrupt.py")


def draw_level(level: Level, clean: Any, seed: Any, *, logarithmic: bool = False) -> Any:
    """One level per image, (n, 1, 1, 1)."""
    low, high = ends(level)
    shape: Any = (tf.shape(clean)[0], 1, 1, 1)
    if low == high:
        return tf.fill(shape, low)
    if logarithmic:
        return tf.exp(tf.random.stateless_uniform(shape, seed, tf.math.log(low), tf.math.log(high)))
    return tf.random.stateless_uniform(shape, seed, low, high)


def split(seed: Any, count: int) -> Any:
    return tf.unstack(tf.random.split(seed, count))


def none(clean: Any) -> Any:
    return tf.zeros((tf.shape(clean)[0], 1))


def need_colour(noise: Noise, clean: Any) -> None:
    if clean.shape[-1] != 3:
        raise UsageError(f"{noise.name} on images of {clean.shape[-1]} channels; expected colour images")


@corrupt.register
def _(noise: LayerNoise, clean: Any, seed: Any) -> tuple[Any, Any]:
    return noise.layer(clean, training=True), none(clean)


@corrupt.register
def _(noise: Gaussian, clean: Any, seed: Any) -> tuple[Any, Any]:
    level, draw = split(seed, 2)
    sigma = draw_level(noise.sigma, clean, level) / 255
    return clean + sigma * tf.random.stateless_normal(tf.shape(clean), draw), sigma[:, :, 0, 0]


@corrupt.register
def _(noise: Poisson, clean: Any, seed: Any) -> tuple[Any, Any]:
    level, draw = split(seed, 2)
    return photons(clean, draw_level(noise.peak, clean, level, logarithmic=noise.logarithmic), draw), none(clean)


def photons(clean: Any, peak: Any, seed: Any) -> Any:
    return tf.random.stateless_poisson(tf.shape(clean), seed, tf.maximum(clean, 0) * peak, tf.float32) / peak


@corrupt.register
def _(noise: SaltPepper, clean: Any, seed: Any) -> tuple[Any, Any]:
    level, draw = split(seed, 2)
    share = draw_level(noise.percent, clean, level) / 100
    u = tf.random.stateless_uniform(tf.shape(clean[..., :1]), draw)
    return tf.where(u < share, tf.cast(u < share / 2, tf.float32), clean), none(clean)


@corrupt.register
def _(noise: Blocks, clean: Any, seed: Any) -> tuple[Any, Any]:
    level, place, draw = split(seed, 3)
    count, height, width, _ = tf.unstack(tf.shape(clean))
    side = noise.side
    share = draw_level(noise.percent, clean, level)[:, :, :, 0] / 100
    cells = tf.random.stateless_uniform((count, height // side + 2, width // side + 2), draw) < share
    mask = tf.repeat(tf.repeat(cells, side, axis=1), side, axis=2)
    start = tf.random.stateless_uniform((count, 2), place, 0, side, tf.int32)
    # One offset per image, as in the numpy sampler: a gather of rows, then of columns.
    mask = tf.gather(mask, start[:, :1] + tf.range(height), axis=1, batch_dims=1)
    mask = tf.transpose(mask, (0, 2, 1))
    mask = tf.transpose(tf.gather(mask, start[:, 1:] + tf.range(width), axis=1, batch_dims=1), (0, 2, 1))
    return tf.where(tf.expand_dims(mask, -1), 0.0, clean), none(clean)


@corrupt.register
def _(noise: Camera, clean: Any, seed: Any) -> tuple[Any, Any]:
    shot, read, draw, rest = split(seed, 4)
    deviation = draw_level(noise.shot, clean, shot) / 255
    noisy = photons(clean, 1 / tf.maximum(deviation, 1e-4) ** 2, draw) if ends(noise.shot)[1] else clean
    sigma = draw_level(noise.read, clean, read) / 255
    return noisy + sigma * tf.random.stateless_normal(tf.shape(clean), rest), none(clean)


@corrupt.register
def _(noise: Bayer, clean: Any, seed: Any) -> tuple[Any, Any]:
    need_colour(noise, clean)
    draw, place = split(seed, 2)
    count, height, width, _ = tf.unstack(tf.shape(clean))
    # One mosaic for all, cut out at a place of its own for each image.
    row, column = tf.range(height + 1) % 2 == 0, tf.range(width + 1) % 2 == 0
    row = row[:, tf.newaxis]
    masks = tf.cast(tf.stack([row & column, row != column, ~row & ~column], axis=-1), clean.dtype)
    start = tf.random.stateless_uniform((count, 2), place, 0, 2, tf.int32)
    masks = tf.map_fn(
        lambda at: tf.slice(masks, [at[0], at[1], 0], [height, width, 3]), start, fn_output_signature=clean.dtype
    )
    behind = tf.reduce_sum(clean * masks, -1, keepdims=True)  # one colour per pixel: a third of the numbers to draw
    noisy, _ = corrupt.dispatch(Camera)(noise, behind, draw)
    seen = tf.pad((noisy - behind) * masks, ((0, 0), (1, 1), (1, 1), (0, 0)), "REFLECT")
    red_blue, green = noise.kernels
    kernel = np.stack([red_blue, green, red_blue], axis=-1)[..., np.newaxis]
    return clean + tf.nn.depthwise_conv2d(seen, kernel, (1, 1, 1, 1), "VALID"), none(clean)


@corrupt.register
def _(noise: Raw, clean: Any, seed: Any) -> tuple[Any, Any]:
    need_colour(noise, clean)
    draw, balance, mixture = split(seed, 3)
    count: Any = tf.shape(clean)[0]
    red_blue = tf.random.stateless_uniform((count, 2), balance, *noise.gains)
    gains = tf.stack([red_blue[:, 0], tf.ones(count), red_blue[:, 1]], axis=-1)[:, tf.newaxis, tf.newaxis]
    taken = tf.random.stateless_uniform((count, 3, 3), mixture, 0, noise.taken) * (1 - tf.eye(3))
    matrix = tf.linalg.diag(1 + tf.reduce_sum(taken, axis=-1)) - taken
    shown = tf.clip_by_value(clean, 0, 1)
    light = tf.where(shown <= 0.04045, shown / 12.92, tf.pow((shown + 0.055) / 1.055, 2.4))

    def times(matrices: Any, pixels: Any) -> Any:
        return tf.einsum("ndc,nhwc->nhwd", matrices, pixels)

    def srgb(light: Any) -> Any:
        return tf.where(light <= 0.0031308, light * 12.92, 1.055 * tf.pow(light, 1 / 2.4) - 0.055)

    raw = times(tf.linalg.inv(matrix), light) / gains
    developed = light + times(matrix, (corrupt.dispatch(Bayer)(noise, raw, draw)[0] - raw) * gains)
    return clean + srgb(tf.clip_by_value(developed, 0, 1)) - srgb(light), none(clean)


@corrupt.register
def _(noise: Jpeg, clean: Any, seed: Any) -> tuple[Any, Any]:
    level, coin, place = split(seed, 3)
    quality = tf.cast(tf.round(draw_level(noise.quality, clean, level)[:, 0, 0, 0]), tf.int32)
    # Every other patch is one of a picture that was cropped since, whose blocks begin anywhere: who sees them at one
    # place alone takes those at another for the picture, and leaves what noise is in them.
    count, height, width, _ = tf.unstack(tf.shape(clean))
    cropped = tf.random.stateless_uniform((count, 1), coin) < 0.5
    most = tf.cast(tf.minimum(MCU, tf.stack([height, width])), tf.float32)
    at = tf.where(cropped, tf.cast(tf.random.stateless_uniform((count, 2), place) * most, tf.int32), 0)

    def compress(item: tuple[Any, Any, Any]) -> Any:
        pixels = tf.cast(tf.round(tf.clip_by_value(item[0], 0, 1) * 255), tf.uint8)
        before = tf.stack([[item[2][0], 0], [item[2][1], 0], [0, 0]])
        pixels = tf.pad(pixels, before, "SYMMETRIC")
        # Not adjust_jpeg_quality, nor convert_image_dtype: its fast decoder, and whole numbers that are cut and not
        # rounded, make pictures darker by one of 255 steps in the mean, and a network would learn to brighten.
        content = tf.raw_ops.EncodeJpegVariableQuality(images=pixels, quality=item[1])
        found = tf.io.decode_jpeg(content, item[0].shape[-1], dct_method="INTEGER_ACCURATE")
        return tf.cast(found[item[2][0] :, item[2][1] :], tf.float32) / 255

    found = tf.map_fn(compress, (clean, quality, at), fn_output_signature=tf.float32)
    return tf.ensure_shape(found, clean.shape), none(clean)


@corrupt.register
def _(noise: Bits, clean: Any, seed: Any) -> tuple[Any, Any]:
    white = tf.pow(2.0, tf.round(draw_level(noise.depth, clean, seed))) - 1
    return tf.round(tf.clip_by_value(clean, 0, 1) * white) / white, none(clean)


@corrupt.register
def _(noise: Mixture, clean: Any, seed: Any) -> tuple[Any, Any]:
    noisy, variance = clean, none(clean)
    for part, key in zip(noise.parts, split(seed, len(noise.parts)), strict=True):
        noisy, level = corrupt(part, noisy, key)
        variance += tf.square(level)
    return noisy, tf.sqrt(variance)


@corrupt.register
def _(noise: Sometimes, clean: Any, seed: Any) -> tuple[Any, Any]:
    coin, draw = split(seed, 2)
    chosen = tf.where(draw_level((0.0, 1.0), clean, coin)[:, 0, 0, 0] < 0.5)

    def some() -> tuple[Any, Any]:  # the others would cost as much
        noisy, level = corrupt(noise.part, tf.gather_nd(clean, chosen), draw)
        return (
            tf.tensor_scatter_nd_update(clean, chosen, noisy),
            tf.tensor_scatter_nd_update(none(clean), chosen, level),
        )

    return tf.cond(tf.size(chosen) > 0, some, lambda: (clean, none(clean)))
