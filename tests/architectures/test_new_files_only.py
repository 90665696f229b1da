"""CONTRIBUTING.md: an architecture is added by new files only, its own kind of layer included."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import export
import zoo

TOY = '''
import keras
from keras import layers
from zoo.architectures.blocks import code, conv, image_input, image_output
from zoo.architectures.geometry import Geometry

@keras.saving.register_keras_serializable(package="toy")
class Halve(layers.Layer):
    """Half of everything."""

    def call(self, x):
        return x / 2

    def geometry(self):
        return Geometry()

    def onnx_nodes(self, graph, x):
        return graph.node(self.name, "Mul", x, graph.weight(f"{self.name}/half", [0.5]))

def toy_net(*, channels=1, width=4, takes_sigma=False):
    """Build ``toy-net``."""
    inputs, x = image_input(channels, multiple=1, standardize=True, takes_sigma=takes_sigma)
    x = code(conv(x, width, "relu", "encoder_0"), 0)
    x = conv(Halve(name="decoder_half")(x), width, "relu", "decoder_0")
    head = {"output": "identity", "slack": 0, "predicts": "clean", "standardize": True}
    return image_output(inputs, x, upscale=1, name="toy", **head)
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy_net.py").write_text(TOY)
    monkeypatch.setattr(zoo.architectures, "__path__", [*zoo.architectures.__path__, str(tmp_path)])
    yield "toy-net"
    sys.modules.pop("zoo.architectures.toy_net", None)


def test_a_file_is_all_it_takes(toy, tmp_path):
    assert toy in zoo.architectures()
    model = zoo.build(toy, channels=3, width=6)
    image = np.random.default_rng(0).random((1, 5, 9, 3)).astype(np.float32)
    assert model(image).shape == image.shape
    assert zoo.encoder(model)(image).shape == (1, 5, 9, 6)
    assert zoo.accounting(model).halo == 3
    assert export.to_onnx(model, tmp_path / "toy.onnx").max_abs <= 1e-5
