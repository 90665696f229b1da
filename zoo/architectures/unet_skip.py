"""``unet-skip``: ``deep`` plus skip connections."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from zoo.architectures.blocks import Activation, Downsampling, Output, Predicts, autoencoder


def unet_skip(
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
    """Build ``unet-skip``: ``deep``, with each level of the encoder added to the decoder's level of the same size.

    The skips (Ronneberger et al. 2015, U-Net, section 2; added rather than concatenated, as in Mao et al. 2016,
    RED-Net, so that the convolutions are exactly those of ``deep``) let detail pass around the bottleneck.
    Arguments as in :func:`zoo.architectures.deep.deep`; image (n, h, w, channels) in [0, 1] → the same, any h, w ≥ 1.
    """
    return autoencoder(
        name="unet_skip",
        channels=channels,
        widths=tuple(widths),
        depth=depth,
        skips=True,
        downsampling=downsampling,
        activation=activation,
        output=output,
        slack=slack,
        predicts=predicts,
        standardize=standardize,
        dropout=dropout,
        takes_sigma=takes_sigma,
    )
