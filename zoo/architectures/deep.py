"""``deep``: an encoder that shrinks the image to an eighth, and its mirror image."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from zoo.architectures.blocks import Activation, Downsampling, Output, Predicts, autoencoder


def deep(
    *,
    channels: int = 1,
    widths: Sequence[int] = (16, 32, 64, 128),
    depth: int = 2,
    downsampling: Downsampling = "strided",
    activation: Activation = "relu",
    output: Output = "identity",
    slack: float = 0.1,
    predicts: Predicts = "clean",
    standardize: bool = True,
    dropout: float = 0.0,
    takes_sigma: bool = False,
) -> keras.Model:
    """Build ``deep``: features grow as space shrinks, everything must pass through the code (a bottleneck).

    Image (n, h, w, channels) in [0, 1] → the same, any h, w ≥ 1.

    Args:
        channels: 1 (gray) or 3 (colour).
        widths: Features per level; the first level is at full size, each further one at half of the one before.
        depth: Convolutions per level, in the encoder and in the decoder.
        downsampling: "strided" (a convolution of stride 2) or "pooled" (max pooling).
        activation: "relu" or "leaky_relu".
        output: What the head does: "identity", "sigmoid", or "tanh", which is a·(tanh(x)+b).
        slack: How far "tanh" reaches beyond [0, 1], on both sides.
        predicts: "clean" (the image itself) or "noise" (subtracted from the image).
        standardize: Bring the input to zero mean and unit deviation, by fixed constants.
        dropout: Share of the code's values dropped while training.
        takes_sigma: Add a second input (n, 1): the noise level on the image's scale (sigma/255).

    Raises:
        UsageError: An argument that does not fit.
    """
    return autoencoder(
        name="deep",
        channels=channels,
        widths=tuple(widths),
        depth=depth,
        skips=False,
        downsampling=downsampling,
        activation=activation,
        output=output,
        slack=slack,
        predicts=predicts,
        standardize=standardize,
        dropout=dropout,
        takes_sigma=takes_sigma,
    )
