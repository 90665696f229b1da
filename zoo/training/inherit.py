"""Start a model from the weights of another one of the same architecture, gray to colour and blind to told included."""

from __future__ import annotations

import keras
import numpy as np

from zoo.errors import UsageError


def inherit(model: keras.Model, source: keras.Model) -> None:
    """Copy into ``model`` the weights of ``source``, layer by layer of equal name.

    From a gray model to a colour one, the layers that touch the image are spread: the first convolution sees the mean
    of the channels, and the head gives each channel what it gave the gray one. From a model that finds the noise level
    by itself to one that is told, the first convolution reads the level with weights of zero.

    Raises:
        UsageError: Layers of other names or shapes.
    """
    if {w.path for w in model.weights} != {w.path for w in source.weights}:
        odd = sorted({w.path for w in model.weights} ^ {w.path for w in source.weights})[0]
        raise UsageError(f"{odd!r} is in only one of the models; expected the same architecture with the same options")
    values = {w.path: keras.ops.convert_to_numpy(w) for w in source.weights}
    model.set_weights([spread(values[w.path], tuple(w.shape), w.path) for w in model.weights])


def spread(value: np.ndarray, shape: tuple[int, ...], path: str) -> np.ndarray:
    """Weights of a gray model's first convolution or head, for three channels; others as they are."""
    if value.shape == shape:
        return value
    if value.ndim == 4 and value.shape[2] == 1 and shape == (*value.shape[:2], 3, value.shape[3]):
        return np.repeat(value / 3, 3, axis=2)
    if value.ndim == 4 and shape == (*value.shape[:2], value.shape[2] + 1, value.shape[3]):
        return np.pad(value, ((0, 0), (0, 0), (0, 1), (0, 0)))  # SigmaMap adds its channel behind
    if shape == (*value.shape[:-1], value.shape[-1] * 3):
        return np.repeat(value, 3, axis=-1)  # depth-to-space counts channels fastest
    raise UsageError(
        f"{path!r} has shape {value.shape}; expected {shape}: the same widths, gray to colour, or blind to told"
    )
