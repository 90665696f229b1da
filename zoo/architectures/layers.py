"""Layers that Keras does not have: padding to a multiple and back, the noise level as a map, sub-pixel convolution."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

register = keras.saving.register_keras_serializable(package="zoo")


@register
class PadToMultiple(layers.Layer):
    """Mirror the last rows and columns until height and width are multiples of ``multiple``.

    Mirrored, noise stays noise. Copies of the last row would be a pattern without any between its rows: a network takes
    it for structure and leaves the noise at that end of the picture (0.2 dB of a whole one of 321×321 pixels at
    sigma 25). A side shorter than ``multiple`` has nothing to mirror, and its end is repeated.

    A gather with computed indices: it serves any size from 1×1, and exports as a few nodes.
    """

    def __init__(self, multiple: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, x: Any) -> Any:
        for axis in (1, 2):
            size = ops.shape(x)[axis]
            if isinstance(size, int) and size % self.multiple == 0:
                continue
            last, index = size - 1, ops.arange((size + self.multiple - 1) // self.multiple * self.multiple)
            mirrored, repeated = last - ops.abs(last - index), ops.minimum(index, last)
            x = ops.take(x, ops.where(size < self.multiple, repeated, mirrored), axis=axis)
        return x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, features = input_shape
        return (batch, *(s and -(-s // self.multiple) * self.multiple for s in (height, width)), features)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "multiple": self.multiple}


@register
class CropLike(layers.Layer):
    """Crop the first input to the height and width of the second: the end of what PadToMultiple began."""

    def call(self, x: Any, like: Any) -> Any:
        height, width = ops.shape(like)[1:3]
        return x[:, :height, :width, :]

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], like_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (x_shape[0], like_shape[1], like_shape[2], x_shape[3])


@register
class SigmaMap(layers.Layer):
    """Append the noise level to the features, as a constant map (Zhang et al. 2018, FFDNet, section III-A).

    Inputs: the image (n, h, w, c) and sigma (n, 1) on the image's scale. ``scale`` brings it to the size of features.
    """

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: Any, sigma: Any) -> Any:
        level = ops.reshape(ops.cast(sigma, x.dtype) * self.scale, (-1, 1, 1, 1))
        return ops.concatenate([x, ops.ones_like(x[..., :1]) * level], axis=-1)

    def compute_output_shape(
        self, x_shape: tuple[int | None, ...], sigma_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*x_shape[:3], x_shape[3] + 1) if x_shape[3] is not None else x_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


@register
class DepthToSpace(layers.Layer):
    """``block``² groups of features become ``block``×``block`` pixels (Shi et al. 2016, sub-pixel convolution)."""

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = block

    def call(self, x: Any) -> Any:
        return ops.depth_to_space(x, self.block, data_format="channels_last")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, features = input_shape
        assert features is not None
        return (batch, height and height * self.block, width and width * self.block, features // self.block**2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block": self.block}
