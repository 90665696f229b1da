"""Dormant features: ReLUs that no image wakes up any more, found and given another start.

A ReLU whose input has drifted below zero everywhere has no gradient, and never comes back: the network keeps its size
and loses its depth, and the loss alone does not tell. Long runs at large steplengths lose whole residual blocks so.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def dormant(model: keras.Model, inputs: Any, batch_size: int = 1) -> dict[str, np.ndarray]:
    """For each ReLU behind a convolution and in front of convolutions alone: which features are zero everywhere.

    Args:
        model: A functional model.
        inputs: Images (n, h, w, c), or [images, sigma (n, 1)].

    Returns:
        Masks, bool (features,), by the name of the convolution.
    """
    places = [place for layer in model.layers if (place := _place(layer)) is not None]
    if not places:
        return {}
    probe = keras.Model(model.inputs, [relu.output for _, relu, _ in places])
    highest: list[np.ndarray] | None = None
    for i in range(0, len(keras.tree.flatten(inputs)[0]), batch_size):
        part = keras.tree.map_structure(lambda array, i=i: array[i : i + batch_size], inputs)
        found = keras.tree.flatten(probe(part if isinstance(part, list) else [part], training=False))
        tops = [np.asarray(keras.ops.convert_to_numpy(keras.ops.max(x, axis=(0, 1, 2))), np.float32) for x in found]
        highest = tops if highest is None else [np.maximum(a, b) for a, b in zip(highest, tops, strict=True)]
    return {conv.name: top <= 0 for (conv, _, _), top in zip(places, highest or [], strict=True)}


def revive(model: keras.Model, inputs: Any, *, seed: int | tuple[int, ...], batch_size: int = 1) -> int:
    """Give dormant features new random weights, and zeros where they are read, so that the output stays the same.

    That is the recycling of Sokar et al. 2023 ("The Dormant Neuron Phenomenon in Deep Reinforcement Learning",
    section 5), for features that are dormant altogether. Where the optimizer averages the weights, those of the average
    are the same: else the new ones would blend into it while the old readers still count.

    Returns:
        How many there were.
    """
    rng, count = np.random.default_rng(seed), 0
    for name, mask in dormant(model, inputs, batch_size).items():
        conv, _, readers = _place(model.get_layer(name)) or (None, None, [])
        assert conv is not None
        if not mask.any() or not all(layer.trainable for layer in (conv, *readers)):
            continue
        kernel, bias = conv.get_weights()
        deviation = np.sqrt(2 / np.prod(kernel.shape[:3]))  # He et al. 2015
        kernel[..., mask] = rng.normal(0, deviation, kernel[..., mask].shape)
        bias[mask] = 0
        _assign(model, conv.kernel, kernel, np.s_[..., mask])
        _assign(model, conv.bias, bias, np.s_[mask])
        for reader in readers:
            weights = reader.get_weights()[0]
            weights[:, :, mask] = 0
            _assign(model, reader.kernel, weights, np.s_[:, :, mask])
        count += int(mask.sum())
    return count


def _assign(model: keras.Model, variable: Any, values: np.ndarray, new: Any) -> None:
    """Set ``variable`` to ``values``, and of its average in the optimizer, if there is one, what is ``new``."""
    variable.assign(values)
    optimizer: Any = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # float16 has one that scales the loss around it
    if getattr(optimizer, "use_ema", False):
        average = optimizer._model_variables_moving_average[optimizer._get_variable_index(variable)]
        averaged = np.array(keras.ops.convert_to_numpy(average))
        averaged[new] = values[new]
        average.assign(averaged)


def _place(layer: keras.layers.Layer) -> tuple[Any, Any, list[Any]] | None:
    """A convolution with a bias, the ReLU that alone reads it, and the convolutions that alone read that, as it is or
    behind what keeps zeros: the code is such a place.
    """
    readers = _readers(layer)
    if type(layer) is not keras.layers.Conv2D or not layer.use_bias or len(readers) != 1:
        return None
    relu = readers[0]
    behind = _behind(relu)
    if type(relu) is not keras.layers.ReLU or relu.negative_slope or relu.threshold:
        return None
    if not behind or any(type(x) is not keras.layers.Conv2D or x.groups > 1 for x in behind):
        return None
    return layer, relu, behind


KEEP_ZEROS = (keras.layers.Identity, keras.layers.Dropout)


def _behind(layer: keras.layers.Layer) -> list[Any]:
    """What reads a layer that keeps zeros, at whatever distance of such layers."""
    return [y for x in _readers(layer) for y in (_behind(x) if type(x) in KEEP_ZEROS else [x])]


def _readers(layer: keras.layers.Layer) -> list[Any]:
    return [node.operation for node in layer._outbound_nodes]
