"""``resnet``: residual encoder and decoder blocks that predict the noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import keras
from keras import layers

from zoo.architectures.blocks import (
    Activation,
    Downsampling,
    Output,
    Predicts,
    activate,
    check_sizes,
    code,
    conv,
    extremes,
    for_the_stem,
    image_output,
    padded_input,
    up,
)
from zoo.errors import UsageError

Block = Literal["basic", "wide"]


def residual(
    x: Any,
    shortcut: Any,
    *,
    hidden: int,
    stride: int,
    block: Block,
    activation: Activation,
    batch_norm: bool,
    name: str,
) -> Any:
    """shortcut + F(x), with ``hidden`` features in front of the one activation of F, which takes ``stride``.

    "basic": two 3×3 convolutions (He et al. 2016). "wide": stride×stride, activation, 1×1 to 0.8 times the features
    that go out, 3×3 (Yu et al. 2018, "Wide activation", WDSR-B): many features for the activation, few for the 3×3.
    F ends in zeros (Goyal et al. 2017, section 5.1), so that each block starts as its shortcut.
    """
    out = shortcut.shape[-1]
    if block == "basic":
        parts = [(hidden, 3, stride), (out, 3, 1)]
    elif block == "wide":
        parts = [(hidden, stride, stride), (max(1, round(0.8 * out)), 1, 1), (out, 3, 1)]
    else:
        raise UsageError(f"block={block!r}; expected 'basic' or 'wide'")
    for part, (features, kernel, stride) in zip("abc", parts, strict=False):
        last = part == "abc"[len(parts) - 1]
        x = layers.Conv2D(
            features,
            kernel,
            strides=stride,
            padding="same",
            use_bias=not batch_norm,
            kernel_initializer="zeros" if last and not batch_norm else "he_normal",
            name=f"{name}_{part}_conv",
        )(x)
        if batch_norm:
            scale = "zeros" if last else "ones"
            x = layers.BatchNormalization(gamma_initializer=scale, name=f"{name}_{part}_norm")(x)
        if part == "a":
            x = activate(x, activation, f"{name}_a")
    return layers.Add(name=f"{name}_add")([shortcut, x])


def encoder_block(
    x: Any,
    scale: float,
    out: int,
    stride: int,
    *,
    name: str,
    downsampling: Downsampling = "strided",
    block: Block = "basic",
    activation: Activation = "relu",
    batch_norm: bool = False,
) -> Any:
    """Residual encoder block (in, scale, out, stride): in features → out features at 1/stride of the size.

    ``scale``·out features stand inside, at the activation: a bottleneck below 1, wide above. Where size or features
    change, the shortcut is a projection: a convolution of stride×stride pixels, without overlap.
    """
    if stride > 1 and downsampling == "pooled":
        x, stride = layers.MaxPooling2D(stride, name=f"{name}_pool")(x), 1
    shortcut = x
    if stride > 1 or x.shape[-1] != out:
        # "same", though nothing is ever padded: so ONNX Runtime knows that both branches are of one size, and adds one
        # to the other as it computes it.
        shortcut = layers.Conv2D(
            out, stride, strides=stride, padding="same", kernel_initializer="he_normal", name=f"{name}_projection"
        )(x)
    return residual(
        x,
        shortcut,
        hidden=max(1, round(scale * out)),
        stride=stride,
        block=block,
        activation=activation,
        batch_norm=batch_norm,
        name=name,
    )


def decoder_block(
    x: Any,
    scale: float,
    out: int,
    *,
    name: str,
    skip: Any = None,
    block: Block = "basic",
    activation: Activation = "relu",
    batch_norm: bool = False,
) -> Any:
    """Residual decoder block (in, scale, out): in features → out features at twice the size, plus ``skip`` if given.

    The projection on the shortcut upsamples (1×1 convolution, depth-to-space); F follows at the larger size, where it
    sees the encoder's features too.
    """
    x = up(x, out, name)
    if skip is not None:
        x = layers.Add(name=f"{name}_skip")([x, skip])
    return residual(
        x,
        x,
        hidden=max(1, round(scale * out)),
        stride=1,
        block=block,
        activation=activation,
        batch_norm=batch_norm,
        name=name,
    )


def resnet(
    *,
    channels: int = 1,
    widths: Sequence[int] = (32, 64),
    encoder_depths: Sequence[int] = (2, 4),
    decoder_depths: Sequence[int] = (4,),
    block: Block = "basic",
    scale: float = 1.0,
    skips: bool = True,
    batch_norm: bool = False,
    downsampling: Downsampling = "strided",
    activation: Activation = "relu",
    output: Output = "identity",
    slack: float = 0.1,
    predicts: Predicts = "noise",
    standardize: bool = True,
    dropout: float = 0.0,
    takes_sigma: bool = False,
    impulses: bool = False,
) -> keras.Model:
    """Build ``resnet``: a U-Net of residual blocks whose first level is at half size (a stem of stride 2).

    Image (n, h, w, channels) in [0, 1] → the same, any h, w ≥ 1. At half size a convolution costs a quarter per pixel
    of the image, and wide layers on few pixels run faster than narrow ones on many: that is where the speed is from.

    Args:
        widths: Features per level, at 1/2, 1/4, 1/8 ... of the size.
        encoder_depths: Residual blocks per level on the way down; the first may be 0 (the stem alone), the last
            number is the bottom's.
        decoder_depths: Residual blocks per level on the way up, in the order of ``widths`` (without the bottom).
        block: What a block is made of: "basic" or "wide" (see :func:`residual`).
        scale: Features inside a block, as a multiple of those it gives out; about 4 for wide blocks.
        skips: Add each encoder level to the decoder's level of the same size.
        batch_norm: Batch normalization behind each convolution of a block.
        impulses: For noise that puts black or white in place of pixels (salt and pepper, blocks knocked out): the stem
            is shown how near each value is to either, and no other value is changed, whatever it learns
            (:func:`zoo.architectures.blocks.extremes`).
        channels, downsampling, activation, output, slack, predicts, standardize, dropout, takes_sigma: As in
            :func:`zoo.architectures.deep.deep`.

    Raises:
        UsageError: An argument that does not fit.
    """
    check_sizes(channels, tuple(widths), min([*encoder_depths[1:], *decoder_depths], default=1))
    if encoder_depths and encoder_depths[0] < 0:
        raise UsageError(f"encoder_depths={tuple(encoder_depths)!r}; expected whole numbers from 0 on")
    if downsampling not in get_args(Downsampling):
        raise UsageError(f"downsampling={downsampling!r}; expected one of {', '.join(get_args(Downsampling))}")
    if not scale > 0:
        raise UsageError(f"scale={scale!r}; expected a number above 0")
    if len(encoder_depths) != len(widths) or len(decoder_depths) != len(widths) - 1:
        raise UsageError(
            f"{len(widths)} widths with {len(encoder_depths)} encoder_depths and {len(decoder_depths)} decoder_depths; "
            "expected one encoder depth per width and one decoder depth less"
        )
    options: dict[str, Any] = {"block": block, "activation": activation, "batch_norm": batch_norm}
    inputs, x = padded_input(channels, multiple=2 ** len(widths), takes_sigma=takes_sigma)
    marks = extremes(x) if impulses else []
    x = for_the_stem(inputs, x, standardize=standardize, marks=marks)
    x = conv(x, widths[0], activation, "encoder_stem", stride=2)
    levels = []
    for level, (width, depth) in enumerate(zip(widths, encoder_depths, strict=True)):
        for i in range(depth):
            stride = 2 if level and i == 0 else 1
            x = encoder_block(
                x, scale, width, stride, name=f"encoder_{level}_{i}", downsampling=downsampling, **options
            )
        levels.append(x)
    x = code(x, dropout)
    for level in reversed(range(len(widths) - 1)):
        skip = levels[level] if skips else None
        x = decoder_block(x, scale, widths[level], name=f"decoder_{level}_0", skip=skip, **options)
        for i in range(1, decoder_depths[level]):
            x = encoder_block(x, scale, widths[level], 1, name=f"decoder_{level}_{i}", **options)
    return image_output(
        inputs,
        x,
        upscale=2,
        output=output,
        slack=slack,
        predicts=predicts,
        standardize=standardize,
        name="resnet",
        marks=marks,
    )
