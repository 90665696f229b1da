"""Features that no image wakes up: found, and given a new start that changes nothing at first."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from zoo.training.dormant import dormant, revive

IMAGES = np.random.default_rng(0).random((2, 16, 16, 1), np.float32)


@pytest.fixture
def model() -> keras.Model:
    """A residual network of which three features are put to sleep."""
    keras.utils.set_random_seed(0)
    model = zoo.build("resnet", widths=(8, 12), encoder_depths=(1, 1), decoder_depths=(1,))
    model.set_weights([w if w.any() else np.random.default_rng(1).normal(0, 0.1, w.shape) for w in model.get_weights()])
    layer = model.get_layer("encoder_1_0_a_conv")
    kernel, bias = layer.get_weights()
    bias[[2, 5, 11]] = -100
    layer.set_weights([kernel, bias])
    return model


def test_dormant_features_are_found(model: keras.Model) -> None:
    found = dormant(model, IMAGES)
    assert set(found) == {
        "encoder_0_0_a_conv",
        "encoder_1_0_a_conv",
        "decoder_0_0_a_conv",
    }  # in front of an addition: no
    np.testing.assert_array_equal(np.flatnonzero(found["encoder_1_0_a_conv"]), [2, 5, 11])
    assert not found["encoder_0_0_a_conv"].any()


def test_revival_changes_nothing_but_the_features(model: keras.Model) -> None:
    before, kernel = model(IMAGES).numpy(), model.get_layer("encoder_1_0_a_conv").get_weights()[0]
    assert revive(model, IMAGES, seed=0) == 3
    np.testing.assert_allclose(model(IMAGES).numpy(), before, atol=1e-6)
    assert not dormant(model, IMAGES)["encoder_1_0_a_conv"].any()
    awake = [i for i in range(12) if i not in (2, 5, 11)]
    np.testing.assert_array_equal(
        model.get_layer("encoder_1_0_a_conv").get_weights()[0][..., awake], kernel[..., awake]
    )
    assert revive(model, IMAGES, seed=0) == 0


def test_the_average_of_the_weights_stays_what_it_was_too(model: keras.Model) -> None:
    """Else it would mix new features with old readers, for as long as it remembers."""
    model.compile(optimizer=keras.optimizers.Adam(0.0, use_ema=True, ema_momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)

    def averaged() -> np.ndarray:
        for _ in range(10):
            model.optimizer.apply([keras.ops.zeros(v.shape) for v in model.trainable_variables])
        raw = model.get_weights()
        model.optimizer.finalize_variable_values(model.trainable_variables)
        found = model(IMAGES).numpy()
        model.set_weights(raw)
        return found

    before = averaged()
    assert revive(model, IMAGES, seed=0) == 3
    np.testing.assert_allclose(averaged(), before, atol=1e-5)


def test_frozen_layers_sleep_on(model: keras.Model) -> None:
    model.get_layer("encoder_1_0_a_conv").trainable = False
    before = model.get_weights()
    assert revive(model, IMAGES, seed=0) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_same_seed_gives_the_same_start(model: keras.Model) -> None:
    weights = model.get_weights()
    revive(model, IMAGES, seed=(1, 2))
    first = model.get_weights()
    model.set_weights(weights)
    revive(model, IMAGES, seed=(1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, model.get_weights(), strict=True))


def test_a_model_with_two_inputs_and_one_without_relus() -> None:
    aware = zoo.build("resnet", widths=(8, 12), encoder_depths=(1, 1), decoder_depths=(1,), takes_sigma=True)
    assert dormant(aware, [IMAGES, np.full((2, 1), 0.1, np.float32)])
    leaky = zoo.build("resnet", widths=(8, 12), encoder_depths=(1, 1), decoder_depths=(1,), activation="leaky_relu")
    assert dormant(leaky, IMAGES) == {}


@pytest.mark.parametrize("what", ["slope", "groups"])
def test_what_is_not_asleep_or_not_alone_is_left(what: str) -> None:
    """A negative slope is awake below zero; of a convolution in groups, no feature is read by its own number."""
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", bias_initializer=keras.initializers.Constant(-100))(image)
    x = keras.layers.ReLU(negative_slope=0.1 if what == "slope" else 0)(x)
    model = keras.Model(image, keras.layers.Conv2D(4, 3, groups=2 if what == "groups" else 1)(x))
    before = model.get_weights()
    assert dormant(model, IMAGES) == {} and revive(model, IMAGES, seed=0) == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_training_revives(model: keras.Model) -> None:
    images = [np.random.default_rng(i).integers(0, 256, (48, 48), np.uint8) for i in range(3)]
    run = zoo.fit(
        model,
        images,
        noise="gaussian:25",
        steps=200,
        batch=1,
        patch=16,
        validate_every=100,
        revive=True,
        progress=False,
    )
    assert not dormant(model, IMAGES)["encoder_1_0_a_conv"].any()
    assert [row["revived"] for row in run.rows] == [0, None]  # the three at the start, none later


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_features_of_the_code_are_found(dropout: float) -> None:
    """What reads it stands behind layers that keep zeros."""
    model = zoo.build("deep", widths=(4, 8), depth=1, dropout=dropout)
    kernel, bias = (layer := model.get_layer("encoder_1_0_conv")).get_weights()
    bias[[1, 6]] = -100
    layer.set_weights([kernel, bias])
    before = model(IMAGES).numpy()
    assert np.flatnonzero(dormant(model, IMAGES)["encoder_1_0_conv"]).tolist() == [1, 6]
    assert revive(model, IMAGES, seed=0) == 2
    np.testing.assert_allclose(model(IMAGES).numpy(), before, atol=1e-6)
