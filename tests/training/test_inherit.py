"""Starting from the weights of another model."""

from __future__ import annotations

import numpy as np
import pytest

import zoo
from zoo.errors import UsageError
from zoo.training.inherit import inherit

CONFIG = {"widths": (4, 6), "encoder_depths": (1, 1), "decoder_depths": (1,)}


def random_model(**config):
    model = zoo.build("resnet", **CONFIG, **config)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
    return model


def test_a_colour_model_does_to_a_gray_picture_what_its_gray_parent_does():
    parent, child = random_model(), zoo.build("resnet", channels=3, **CONFIG)
    inherit(child, parent)
    gray = np.random.default_rng(1).random((1, 13, 18, 1)).astype(np.float32)
    colour = np.asarray(child(np.repeat(gray, 3, axis=-1)))
    np.testing.assert_allclose(colour, np.repeat(np.asarray(parent(gray)), 3, axis=-1), atol=1e-5)
    assert np.abs(colour - np.repeat(gray, 3, axis=-1)).max() > 0.01


def test_the_same_model_is_copied():
    parent, child = random_model(), zoo.build("resnet", **CONFIG)
    inherit(child, parent)
    for a, b in zip(parent.get_weights(), child.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_is_told_the_level_begins_as_its_blind_parent():
    parent, child = random_model(), zoo.build("resnet", takes_sigma=True, **CONFIG)
    inherit(child, parent)
    image = np.random.default_rng(1).random((2, 13, 18, 1)).astype(np.float32)
    told = np.asarray(child([image, np.array([[0.1], [0.2]], np.float32)]))
    np.testing.assert_allclose(told, np.asarray(parent(image)), atol=1e-5)


@pytest.mark.parametrize("other", [{"widths": (4, 8)}, {"encoder_depths": (2, 1)}])
def test_other_shapes_are_refused(other):
    with pytest.raises(UsageError, match="expected"):
        inherit(zoo.build("resnet", **{**CONFIG, **other}), random_model())
