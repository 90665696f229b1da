"""Losses, metrics and schedules against hand-computed values."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from zoo.errors import UsageError
from zoo.training.curves import smoothed
from zoo.training.losses import L1L2, PSNR, RMSE, Charbonnier, WithRangePenalty, make_loss
from zoo.training.optimizers import Schedule, make_optimizer

CLEAN = np.zeros((1, 1, 2, 1), np.float32)
OTHER = np.array([0.5, -1.5], np.float32).reshape(CLEAN.shape)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (make_loss("l1"), 1.0),
        (make_loss("l2"), (0.25 + 2.25) / 2),
        (make_loss("l1l2"), 1.25 + 0.1 * 1.0),
        (L1L2(2, 3), 2 * 1.25 + 3 * 1.0),
        (Charbonnier(0.5), (np.sqrt(0.5) + np.sqrt(2.5)) / 2 - 0.5),
        (RMSE(0.5), np.sqrt(1.25 + 0.25) - 0.5),
        (make_loss("rmse", range_penalty=1.0), np.sqrt(1.25 + 1e-8) - 1e-4 + 2.25 / 2),
        (WithRangePenalty(L1L2(0, 1), 2.0), 1.0 + 2 * (0 + 2.25) / 2),
        (make_loss("l1", range_penalty=1.0), 1.0 + 2.25 / 2),
    ],
)
def test_a_loss_has_its_value_and_survives_saving(loss, expected):
    assert float(loss(CLEAN, OTHER)) == pytest.approx(expected, rel=1e-6)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(CLEAN, OTHER)) == pytest.approx(expected, rel=1e-6)


def test_rmse_is_of_each_image_by_itself():
    clean = np.zeros((2, 2, 2, 1), np.float32)
    other = clean + np.array([0.1, 0.3], np.float32).reshape(2, 1, 1, 1)
    assert float(RMSE()(clean, other)) == pytest.approx((0.1 + 0.3) / 2, abs=2e-4)


def test_the_range_penalty_weighs_both_sides_and_nothing_inside():
    penalty = WithRangePenalty(L1L2(0, 1e-9), 1.0)
    values = np.array([-0.5, 0.0, 1.0, 1.5], np.float32).reshape(1, 1, 4, 1)
    assert float(penalty(values, values)) == pytest.approx((0.25 + 0.25) / 4, rel=1e-4)


@pytest.mark.parametrize("loss", ["mean_squared_error", "mean_absolute_error"])
def test_the_range_penalty_goes_with_losses_of_keras(loss):
    """Which have taken the mean over the channels."""
    values = np.array([-0.5, 0.0, 1.0, 1.5, 0.5, 0.5], np.float32).reshape(1, 1, 3, 2)
    penalty = make_loss(keras.losses.get(loss.title().replace("_", "")), range_penalty=1.0)
    assert float(penalty(values, values)) == pytest.approx((0.25 + 0.25) / 6, rel=1e-4)


def test_psnr_is_of_the_clipped_output():
    metric = PSNR()
    metric.update_state(np.ones((2, 4, 4, 1), np.float32), np.full((2, 4, 4, 1), 0.9, np.float32))
    assert float(metric.result()) == pytest.approx(20, abs=1e-4)
    metric.reset_state()
    metric.update_state(np.ones((1, 4, 4, 1), np.float32), np.full((1, 4, 4, 1), 1.7, np.float32))
    assert float(metric.result()) == pytest.approx(120, abs=1e-3)


@pytest.mark.parametrize(
    ("schedule", "at", "share"),
    [
        (Schedule("constant"), 0.9, 1.0),
        (Schedule("step"), 0.74, 1.0),
        (Schedule("step"), 0.75, 0.1),
        (Schedule("cosine"), 0.0, 1.0),
        (Schedule("cosine"), 0.5, 0.505),
        (Schedule("cosine"), 1.0, 0.01),
        (Schedule("halving", every=1000), 0.1, 0.25),
        (Schedule("constant", warmup=100), 0.1, 0.5),
    ],
)
def test_the_steplength_follows_its_schedule(schedule, at, share):
    assert schedule(step=49, images=2500, progress=at) == pytest.approx(share)


def test_weight_decay_is_decoupled_and_leaves_biases_alone():
    dense = keras.layers.Dense(1)
    dense.build((None, 1))
    dense.bias.assign([2.0])
    dense.kernel.assign([[2.0]])
    optimizer = make_optimizer("sgd", learning_rate=0.1, weight_decay=0.5, ema=0)
    optimizer.apply([np.zeros((1, 1), np.float32), np.zeros(1, np.float32)], dense.trainable_variables)
    assert float(dense.kernel.numpy()[0, 0]) == pytest.approx(2 * (1 - 0.1 * 0.5))
    assert float(dense.bias.numpy()[0]) == 2


def test_muon_makes_the_step_of_a_kernel_orthogonal_and_that_of_a_bias_adams():
    conv = keras.layers.Conv2D(24, 3)
    conv.build((None, 8, 8, 32))
    before = [w.numpy() for w in conv.trainable_variables]
    # Ten directions of very different strength: with Adam or SGD the strongest would be nearly all of the step.
    rng = np.random.default_rng(0)
    rows, columns = (np.linalg.qr(rng.normal(size=(n, 10)))[0] for n in (9 * 32, 24))
    gradient = (rows * np.geomspace(1, 0.1, 10)) @ columns.T
    optimizer = make_optimizer("muon", learning_rate=0.01)
    optimizer.apply([gradient.reshape(3, 3, 32, 24).astype("f"), np.full(24, 0.5, "f")], conv.trainable_variables)
    kernel, bias = (b - w.numpy() for b, w in zip(before, conv.trainable_variables, strict=True))
    steps = np.linalg.svd(kernel.reshape(-1, 24), compute_uv=False)[:10] / (0.01 * 0.2 * np.sqrt(9 * 32))
    assert steps.min() > 0.5 and steps.max() < 1.4
    np.testing.assert_allclose(bias, 0.01, rtol=1e-4)


@pytest.mark.parametrize(
    "wrong", [lambda: L1L2(0, 0), lambda: Charbonnier(0), lambda: RMSE(0), lambda: Schedule("linear"),
              lambda: Schedule(warmup=-1), lambda: make_loss("huber"), lambda: make_optimizer("adam", -1, 0, 0)]
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(UsageError, match="expected"):
        wrong()


def test_the_range_penalty_goes_with_a_function():
    penalty = make_loss(keras.losses.mean_absolute_error, range_penalty=1.0)
    assert float(penalty(CLEAN, OTHER)) == pytest.approx(1.0 + 2.25 / 2)


def test_the_first_losses_count_as_later_ones_do():
    """Not for most of a short run, as they would if the running mean began with the first."""
    values, mean = [1.0, *[0.01] * 9], None
    for count, value in enumerate(values, 1):
        mean = smoothed(mean, value, count)
    weights = 0.9 ** np.arange(10)[::-1]
    assert mean == pytest.approx(np.average(values, weights=weights)) and mean < 0.07
