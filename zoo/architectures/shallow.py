"""``shallow``: an encoder and decoder that shrink the image little."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from zoo.architectures.blocks import Activation, Downsampling, Output, Predicts, autoencoder


def shallow(
    *,
    channels: int = 1,
    widths: Sequence[int] = (32, 64),
    depth: int = 1,
    downsampling: Downsampling = "strided",
    activation: Activation = "relu",
    output: Output = "identity",
    slack: float = 0.1,
    predicts: Predicts = "clean",
    standardize: bool = True,
    dropout: float = 0.0,
    takes_sigma: bool = False,
) -> keras.Model:
    """Build ``shallow``: convolutions at full and half size, the code at half size, and the mirror image.

    The first denoiser of the course: little is thrown away on the way to the code, and little context is seen.
    Arguments as in :func:`zoo.architectures.deep.deep`; image (n, h, w, channels) in [0, 1] → the same, any h, w ≥ 1.
    """
    return autoencoder(
        name="shallow",
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
