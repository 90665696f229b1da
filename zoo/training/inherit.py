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
    """Copy into ``model`` the weights of ``source``, layer by layer of equal name; ``model`` then does the same (with
    ``impulses``, where the image is black or white).

    From a gray model to a colour one, the layers that touch the image are spread: the first convolution sees the mean
    of the channels, and the head gives each channel what it gave the gray one. From a model that finds by itself what
    the noise level is, or what is black or white, to one that is told, the first convolution reads that with weights of
    zero. Further features of a wider model begin as it was built with them, and the others read them with weights of
    zero; further residual blocks begin as their shortcuts, as they were built.

    Raises:
        UsageError: ``source`` is not a smaller model of the same architecture. Options that change no weight, such as
            the activation, must be the same too: nobody looks at them here.
    """
    values = {w.path: keras.ops.convert_to_numpy(w) for w in source.weights}
    missing = values.keys() - {w.path for w in model.weights}
    further = {w.path for w in model.weights if w.path not in values and not RESIDUAL.search(w.path.split("/")[-2])}
    if missing or further:
        odd = sorted(missing | further)[0]
        raise UsageError(f"{odd!r} is in only one of the models; expected the same architecture with the same options")
    stem = next(layer for layer in model.layers if layer.weights).kernel.path
    values[stem] = reread(values[stem], read_by_stem(source), read_by_stem(model))
    built = [keras.ops.convert_to_numpy(w) for w in model.weights]
    weights = zip(model.weights, built, strict=True)
    model.set_weights([grow(values[w.path], start, w.path) if w.path in values else start for w, start in weights])


def read_by_stem(model: keras.Model) -> list[str]:
    """What each feature is that the first convolution reads."""
    channels = model.inputs[0].shape[-1]
    marked = any(layer.name == "marked" for layer in model.layers)
    kinds = ["image", *(["black", "white"] if marked else [])]
    return [kind for kind in kinds for _ in range(channels)] + ["level"] * (len(model.inputs) - 1)


def reread(kernel: np.ndarray, has: list[str], wants: list[str]) -> np.ndarray:
    """The kernel of the first convolution, which reads what ``has`` says, for one that reads what ``wants`` says."""
    result = np.zeros((*kernel.shape[:2], len(wants), kernel.shape[3]), kernel.dtype)
    for kind in dict.fromkeys(has):
        old, new = ([i for i, each in enumerate(reads) if each == kind] for reads in (has, wants))
        if len(new) != len(old) and (len(old), len(new)) != (1, 3):
            raise UsageError(f"the source reads {has}, the model {wants}; expected all of that, or a gray source")
        result[:, :, new] = kernel[:, :, old] * (len(old) / len(new))  # a channel's weights for each, or their mean's
    return result


def grow(value: np.ndarray, start: np.ndarray, path: str) -> np.ndarray:
    """``value`` among the weights ``start`` of a model with more features, which it does not read."""
    layer = path.split("/")[-2]
    if layer == "head":
        value = np.repeat(value, start.shape[-1] // value.shape[-1], axis=-1)  # depth-to-space counts channels fastest
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
