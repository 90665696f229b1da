"""Small models with weights as after training: nowhere zero, and calm enough that rounding stays small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zoo

# Where .ci/run puts the npm package; the tests themselves need no network.
WEB_RUNTIME = Path(__file__).parents[2] / ".cache" / "node_modules" / "onnxruntime-web"


@pytest.fixture(scope="session")
def web_runtime() -> Path:
    """The npm package onnxruntime-web."""
    if not WEB_RUNTIME.is_dir():
        pytest.skip("no npm package onnxruntime-web in .cache")
    return WEB_RUNTIME


def shake(model: keras.Model, seed: int = 0) -> keras.Model:
    """Random weights everywhere: biases, normalizations and zero-initialized layers too."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        shape = tuple(weight.shape)
        values = rng.normal(0, 0.7 * np.prod(shape[:-1]) ** -0.5 if len(shape) > 1 else 0.05, shape)
        if "variance" in weight.path:
            values = rng.uniform(0.5, 2, shape)
        elif "gamma" in weight.path:
            values = rng.uniform(0.5, 1.5, shape)
        weight.assign(values.astype(np.float32))
    return model


SMALL: dict[str, dict[str, Any]] = {
    "resnet": {"widths": (8, 12), "encoder_depths": (1, 1), "decoder_depths": (1,)},
    "shallow": {"widths": (6, 8)},
    "deep": {"widths": (4, 6, 8), "depth": 1},
    "unet-skip": {"widths": (4, 6, 8), "depth": 1},
}


@pytest.fixture(scope="session")
def small() -> Callable[..., keras.Model]:
    """``small("resnet", channels=3, ...)``: a small model of an architecture, with random weights."""
    return lambda architecture, **config: shake(zoo.build(architecture, **(SMALL[architecture] | config)))


@pytest.fixture(scope="session")
def tiny() -> keras.Model:
    """A model that is only read."""
    return shake(zoo.build("shallow", **SMALL["shallow"]))


@pytest.fixture(scope="session")
def shaken() -> Callable[[keras.Model], keras.Model]:
    """``shaken(model)``: the model, with random weights."""
    return shake
