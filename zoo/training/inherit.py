"""Start a model from the weights of another: gray to colour, blind to told, small to large, at first without a change.

The larger model begins as the smaller one and learns what more it can do (Chen et al. 2016, "Net2Net"; here by zeros
in place of copied features, so that nothing has to be told apart by noise).
"""

from __future__ import annotations

import re

import keras
import numpy as np

from zoo.errors import UsageError

RESIDUAL = re.compile(r"_[abc]_(conv|norm)$")  # a residual block's layers; a new block begins as its shortcut
PIXELS = 4  # a convolution in front of depth-to-space has its features for each of them, features counted fastest


def inherit(model: keras.Model, source: keras.Model) -> None:
    """Copy into ``model`` the weights of ``source``, layer by layer of equal name; ``model`` then does the same.

    From a gray model to a colour one, the layers that touch the image are spread: the first convolution sees the mean
    of the channels, and the head gives each channel what it gave the gray one. From a model that finds the noise level
    by itself to one that is told, the first convolution reads the level with weights of zero. Further features of a
    wider model begin as it was built with them, and the others read them with weights of zero; further residual blocks
    begin as their shortcuts, as they were built.

    Raises:
        UsageError: ``source`` is not a smaller model of the same architecture with the same options.
    """
    values = {w.path: keras.ops.convert_to_numpy(w) for w in source.weights}
    missing = values.keys() - {w.path for w in model.weights}
    further = {w.path for w in model.weights if w.path not in values and not RESIDUAL.search(w.path.split("/")[-2])}
    if missing or further:
        odd = sorted(missing | further)[0]
        raise UsageError(f"{odd!r} is in only one of the models; expected the same architecture with the same options")
    built = [keras.ops.convert_to_numpy(w) for w in model.weights]
    weights = zip(model.weights, built, strict=True)
    model.set_weights([grow(values[w.path], start, w.path) if w.path in values else start for w, start in weights])


def grow(value: np.ndarray, start: np.ndarray, path: str) -> np.ndarray:
    """``value`` among the weights ``start`` of a model with more features, which it does not read."""
    layer = path.split("/")[-2]
    if layer == "head":
        value = np.repeat(value, start.shape[-1] // value.shape[-1], axis=-1)  # depth-to-space counts channels fastest
    if value.ndim == 4 and (value.shape[2], start.shape[2]) == (1, 3):
        value = np.repeat(value / 3, 3, axis=2)
    small, large = value.shape, start.shape
    features = slice(-2, None) if value.ndim == 4 else slice(-1, None)
    fits = all(a <= b for a, b in zip(small[features], large[features], strict=True))
    if small[:-2] != large[:-2] or not fits:
        raise UsageError(f"{path!r} has shape {small}; expected at most {large}: a model of the same or smaller widths")
    pixels = PIXELS if layer.endswith("_up_conv") else 1
    value = value.reshape(*small[:-1], pixels, -1)
    grown = start.reshape(*large[:-1], pixels, -1).copy()
    grown[..., : value.shape[-1]] = 0
    corner = tuple(slice(side) for side in value.shape)
    grown[corner] = value
    return grown.reshape(large)
