"""Starting from the weights of another model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.errors import UsageError
from zoo.training.inherit import inherit

CONFIG = {"widths": (4, 6), "encoder_depths": (1, 1), "decoder_depths": (1,)}


def random_model(**config):
    model = zoo.build("resnet", **CONFIG, **config)
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.2, w.shape) for w in model.weights]
    model.set_weights([np.abs(v) if "variance" in w.path else v for v, w in zip(weights, model.weights, strict=True)])
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


@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_for_impulses_begins_as_its_parent_at_black_and_white(channels):
    parent, child = random_model(), zoo.build("resnet", channels=channels, impulses=True, **CONFIG)
    inherit(child, parent)
    gray = np.random.default_rng(1).integers(0, 4, (2, 13, 18, 1)).astype(np.float32) / 3
    answer, wanted = np.asarray(child(np.repeat(gray, channels, axis=-1))), np.asarray(parent(gray))
    wanted = np.repeat(np.where((gray == 0) | (gray == 1), wanted, gray), channels, axis=-1)
    np.testing.assert_allclose(answer, wanted, atol=1e-5)


def test_a_colour_model_reads_level_and_marks_as_its_gray_parent():
    told = {"takes_sigma": True, "impulses": True}
    parent, child = random_model(**told), zoo.build("resnet", channels=3, **CONFIG, **told)
    inherit(child, parent)
    gray = np.random.default_rng(1).integers(0, 4, (1, 13, 18, 1)).astype(np.float32) / 3
    sigma = np.array([[0.1]], np.float32)
    answer = np.asarray(child([np.repeat(gray, 3, axis=-1), sigma]))
    np.testing.assert_allclose(answer, np.repeat(np.asarray(parent([gray, sigma])), 3, axis=-1), atol=1e-5)


LARGER = {"widths": (6, 9), "encoder_depths": (2, 1), "decoder_depths": (3,)}


@pytest.mark.parametrize("options", [{}, {"batch_norm": True}, {"block": "wide"}, {"downsampling": "pooled"}])
def test_a_larger_model_begins_as_its_smaller_parent_and_is_not_held_to_it(options):
    parent, child = random_model(**options), zoo.build("resnet", **{**CONFIG, **LARGER, **options})
    inherit(child, parent)
    image = np.random.default_rng(1).random((2, 13, 18, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(child(image)), np.asarray(parent(image)), atol=1e-5)
    head = child.get_layer("head").kernel
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(child(image)))
    gradient = np.asarray(tape.gradient(loss, head.value))
    assert np.abs(gradient[:, :, CONFIG["widths"][0] :]).max() > 0


def test_a_larger_model_in_colour_begins_as_its_gray_parent():
    parent, child = random_model(), zoo.build("resnet", channels=3, takes_sigma=True, **{**CONFIG, **LARGER})
    inherit(child, parent)
    gray = np.random.default_rng(1).random((1, 13, 18, 1)).astype(np.float32)
    colour = np.asarray(child([np.repeat(gray, 3, axis=-1), np.array([[0.1]], np.float32)]))
    np.testing.assert_allclose(colour, np.repeat(np.asarray(parent(gray)), 3, axis=-1), atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        {"widths": (4, 5)},
        {"encoder_depths": (0, 1)},
        {"widths": (4, 6, 8), "encoder_depths": (1, 1, 1), "decoder_depths": (1, 1)},
        {"block": "wide"},
    ],
)
def test_other_shapes_are_refused(other):
    with pytest.raises(UsageError, match="expected"):
        inherit(zoo.build("resnet", **{**CONFIG, **other}), random_model())


def test_a_model_that_is_not_told_what_its_parent_was_is_refused():
    with pytest.raises(UsageError, match="the source reads .*level.*, the model"):
        inherit(zoo.build("resnet", **CONFIG), random_model(takes_sigma=True))
