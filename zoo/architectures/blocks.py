"""Blocks that every family is made of: functions ``x → x`` on Keras tensors, each layer named.

A model reads: ``image_input`` → the family's encoder → ``code`` → its decoder → ``image_output``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import layers

from zoo.architectures.layers import CropLike, DepthToSpace, PadToMultiple, SigmaMap
from zoo.errors import UsageError

Downsampling = Literal["strided", "pooled"]
Activation = Literal["relu", "leaky_relu"]
Output = Literal["identity", "sigmoid", "tanh"]
Predicts = Literal["clean", "noise"]

# Mean and deviation of the luma of photographs in general, on the [0, 1] scale. Constants, never the statistics of
# the image at hand: those would let a far corner of the picture change this one, and a tile differ from the whole.
MEAN, DEVIATION = 0.45, 0.25

# How near to black or white a value counts as such, ever less: five of the 255 steps of 8 bits.
REACH = 5 / 255

# The layers that carry the image itself stay in float32 under mixed precision: bfloat16 has fewer steps than 8 bits.
EXACT = "float32"


def image_input(channels: int, *, multiple: int, standardize: bool, takes_sigma: bool) -> tuple[list[Any], Any]:
    """The inputs and the padded, standardized image: ([image] or [image, sigma], x)."""
    inputs, x = padded_input(channels, multiple=multiple, takes_sigma=takes_sigma)
    return inputs, for_the_stem(inputs, x, standardize=standardize)


def padded_input(channels: int, *, multiple: int, takes_sigma: bool) -> tuple[list[Any], Any]:
    """The inputs and the padded image: ([image] or [image, sigma], x)."""
    image = keras.Input((None, None, channels), name="image")
    inputs = [image, keras.Input((1,), name="sigma")] if takes_sigma else [image]
    return inputs, PadToMultiple(multiple, name="pad", dtype=EXACT)(image)


def for_the_stem(inputs: list[Any], x: Any, *, standardize: bool, marks: Sequence[Any] = ()) -> Any:
    """What the first convolution reads: the padded image ``x``, ``marks`` of its pixels, the noise level if given."""
    if standardize:
        x = layers.Rescaling(1 / DEVIATION, -MEAN / DEVIATION, name="standardize", dtype=EXACT)(x)
    if marks:
        x = layers.Concatenate(name="marked", dtype=EXACT)([x, *marks])
    if len(inputs) > 1:
        x = SigmaMap(1 / DEVIATION, name="sigma_map", dtype=EXACT)(x, inputs[1])
    return x


def extremes(x: Any) -> list[Any]:
    """[black, white]: how near each value of an image is to that, 1 there and beyond, 0 from REACH on.

    Impulse noise stands at the very ends, where photographs seldom are. Switching filters look for it there, and leave
    all other pixels alone (Sun & Neuvo 1994); to a convolution 255 and 250 are nearly one, and these marks tell it.
    """
    steep = 1 / REACH
    black = layers.Rescaling(-steep, 1.0, name="near_black", dtype=EXACT)(x)
    white = layers.Rescaling(steep, 1 - steep, name="near_white", dtype=EXACT)(x)
    return [
        layers.ReLU(max_value=1.0, name="black", dtype=EXACT)(black),
        layers.ReLU(max_value=1.0, name="white", dtype=EXACT)(white),
    ]


def image_output(
    inputs: list[Any],
    x: Any,
    *,
    upscale: int,
    output: Output,
    slack: float,
    predicts: Predicts,
    standardize: bool,
    name: str,
    marks: Sequence[Any] = (),
) -> keras.Model:
    """The head: features at 1/``upscale`` of the size → the model's output image, and the model itself.

    ``output``: "identity"; "sigmoid"; "tanh", which is a·(tanh(x)+b) with a and b such that it reaches from −slack to
    1+slack, so that black and white lie where there still is a gradient. With ``predicts="noise"`` the head's output is
    subtracted from the image (Zhang et al. 2017, DnCNN, section III-A) and must be the identity. With ``marks``, which
    sum to a share from 0 to 1 of each value of the padded image, that share of it is subtracted.
    """
    if predicts not in ("clean", "noise"):
        raise UsageError(f"predicts={predicts!r}; expected 'clean' or 'noise'")
    if output not in ("identity", "sigmoid", "tanh"):
        raise UsageError(f"output={output!r}; expected 'identity', 'sigmoid' or 'tanh'")
    if not slack >= 0:
        raise UsageError(f"slack={slack!r}; expected a number from 0 on, such as 0.1")
    if predicts == "noise" and output != "identity":
        raise UsageError(f"output={output!r} with predicts='noise'; noise has no range: use output='identity'")
    if marks and predicts != "noise":
        raise UsageError(f"predicts={predicts!r} for impulses, which alone are taken away; expected 'noise'")
    channels = inputs[0].shape[-1]
    # A head of zeros makes a noise-predicting model start as the identity, which is worth minutes of training.
    start = "zeros" if predicts == "noise" else "glorot_uniform"
    x = layers.Conv2D(channels * upscale**2, 3, padding="same", kernel_initializer=start, name="head", dtype=EXACT)(x)
    if upscale > 1:
        x = DepthToSpace(upscale, name="head_depth_to_space", dtype=EXACT)(x)
    if output == "tanh":
        x = layers.Activation("tanh", name="head_tanh", dtype=EXACT)(x)
        x = layers.Rescaling(0.5 + slack, 0.5, name="head_range", dtype=EXACT)(x)
    elif output == "sigmoid":
        x = layers.Activation("sigmoid", name="head_sigmoid", dtype=EXACT)(x)
    elif predicts == "clean" and standardize:
        x = layers.Rescaling(DEVIATION, MEAN, name="destandardize", dtype=EXACT)(x)
    if marks:
        lost = layers.Add(name="lost", dtype=EXACT)(list(marks))
        x = layers.Multiply(name="head_lost", dtype=EXACT)([x, lost])
    x = CropLike(name="crop", dtype=EXACT)(x, inputs[0])
    if predicts == "noise":
        x = layers.Subtract(name="denoised", dtype=EXACT)([inputs[0], x])
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], x, name=name)


def activate(x: Any, activation: Activation, name: str) -> Any:
    """ReLU, or leaky ReLU with slope 0.1 on the negative side."""
    if activation == "relu":
        return layers.ReLU(name=f"{name}_relu")(x)
    if activation == "leaky_relu":
        return layers.LeakyReLU(negative_slope=0.1, name=f"{name}_relu")(x)
    raise UsageError(f"activation={activation!r}; expected 'relu' or 'leaky_relu'")


def conv(x: Any, features: int, activation: Activation, name: str, *, kernel: int = 3, stride: int = 1) -> Any:
    """Convolution + ReLU."""
    # TensorFlow pads a strided convolution by other amounts for odd sizes; PadToMultiple keeps them even.
    x = layers.Conv2D(
        features, kernel, strides=stride, padding="same", kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return activate(x, activation, name)


def down(x: Any, features: int, downsampling: Downsampling, activation: Activation, name: str) -> Any:
    """Halve height and width: by a convolution of stride 2, or by max pooling before a convolution."""
    if downsampling == "strided":
        return conv(x, features, activation, name, stride=2)
    if downsampling == "pooled":
        return conv(layers.MaxPooling2D(2, name=f"{name}_pool")(x), features, activation, name)
    raise UsageError(f"downsampling={downsampling!r}; expected 'strided' or 'pooled'")


def up(x: Any, features: int, name: str) -> Any:
    """Double height and width: a 1×1 convolution and depth-to-space (no checkerboard, one node in ONNX)."""
    x = layers.Conv2D(features * 4, 1, kernel_initializer="he_normal", name=f"{name}_up_conv")(x)
    return DepthToSpace(2, name=f"{name}_up")(x)


def code(x: Any, dropout: float) -> Any:
    """Mark the learned representation: the layer named ``code`` (see ``zoo.encoder``)."""
    if dropout:
        x = layers.Dropout(dropout, name="encoder_dropout")(x)
    return layers.Identity(name="code")(x)


def autoencoder(
    *,
    name: str,
    channels: int,
    widths: tuple[int, ...],
    depth: int,
    skips: bool,
    downsampling: Downsampling,
    activation: Activation,
    output: Output,
    slack: float,
    predicts: Predicts,
    standardize: bool,
    dropout: float,
    takes_sigma: bool,
) -> keras.Model:
    """Convolution + ReLU down to a code, and the mirror image up again; ``skips`` lead around the code.

    ``widths[0]`` is at full size, each further level at half the size of the one before, with ``depth`` convolutions.
    """
    check_sizes(channels, widths, depth)
    inputs, x = image_input(channels, multiple=2 ** (len(widths) - 1), standardize=standardize, takes_sigma=takes_sigma)
    levels = []
    for level, width in enumerate(widths):
        for i in range(depth):
            if level and i == 0:
                x = down(x, width, downsampling, activation, f"encoder_{level}_0")
            else:
                x = conv(x, width, activation, f"encoder_{level}_{i}")
        levels.append(x)
    x = code(x, dropout)
    for level, width in reversed(list(enumerate(widths[:-1]))):
        x = up(x, width, f"decoder_{level}")
        if skips:
            x = layers.Add(name=f"decoder_{level}_skip")([x, levels[level]])
        for i in range(depth):
            x = conv(x, width, activation, f"decoder_{level}_{i}")
    return image_output(
        inputs, x, upscale=1, output=output, slack=slack, predicts=predicts, standardize=standardize, name=name
    )


def check_sizes(channels: int, widths: tuple[int, ...], depth: int) -> None:
    """Refuse sizes from which no model can be built."""
    if channels not in (1, 3):
        raise UsageError(f"channels={channels!r}; expected 1 (gray) or 3 (colour)")
    if not widths or any(not isinstance(w, int) or w < 1 for w in widths):
        raise UsageError(f"widths={widths!r}; expected one positive whole number per level, such as (32, 64, 128)")
    if depth < 1:
        raise UsageError(f"depth={depth!r}; expected at least one convolution or block per level")
