"""Losses and metrics: how far a denoised image is from the clean one, both float32 (n, h, w, c) in [0, 1]."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zoo.errors import UsageError

register = keras.saving.register_keras_serializable(package="zoo")


@register
class L1L2(keras.losses.Loss):
    """a·Δ² + b·|Δ|, mean over all values: the squared error's care for large errors, the absolute one's for small ones.

    ``L1L2(0, 1)`` is L1 (mean absolute error), ``L1L2(1, 0)`` is L2 (mean squared error).
    """

    def __init__(self, a: float = 1.0, b: float = 0.1, name: str = "l1l2", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if a < 0 or b < 0 or a + b == 0:
            raise UsageError(f"a={a!r}, b={b!r}; expected weights of at least 0, not both 0")
        self.a, self.b = a, b

    def call(self, y_true: Any, y_pred: Any) -> Any:
        delta = y_pred - y_true
        if not self.a:
            return self.b * ops.abs(delta)
        if not self.b:
            return self.a * ops.square(delta)
        return self.a * ops.square(delta) + self.b * ops.abs(delta)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "a": self.a, "b": self.b}


@register
class Charbonnier(keras.losses.Loss):
    """sqrt(Δ² + ε²) − ε: L1, rounded at the bottom over a width ε (Charbonnier et al. 1994; Lai et al. 2017)."""

    def __init__(self, epsilon: float = 1e-3, name: str = "charbonnier", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        if epsilon <= 0:
            raise UsageError(f"epsilon={epsilon!r}; expected a number above 0, such as 1e-3")
        self.epsilon = epsilon

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.sqrt(ops.square(y_pred - y_true) + self.epsilon**2) - self.epsilon

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@register
class RMSE(Charbonnier):
    """sqrt(mean of Δ² + ε²) − ε of each image: the squared error inside an image, with all images at equal weight.

    L2 lets the noisiest images, whose error is a thousand times that of clean ones, decide alone; L1 balances them, but
    its optimum is the median, which blurs faint texture. ``epsilon``: below it (1e-4 is 80 dB) the weight fades.
    """

    def __init__(self, epsilon: float = 1e-4, name: str = "rmse", **kwargs: Any) -> None:
        super().__init__(epsilon, name, **kwargs)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        # The axes stay, so that the range penalty of each value can be added.
        error = ops.mean(ops.square(y_pred - y_true), axis=(1, 2, 3), keepdims=True)
        return ops.sqrt(error + self.epsilon**2) - self.epsilon


@register
class WithRangePenalty(keras.losses.Loss):
    """Another loss + weight·(x²·[x<0] + (x−1)²·[x>1]): a pull back into the range, where clipping has no gradient."""

    def __init__(
        self, loss: keras.losses.Loss, weight: float = 1.0, name: str = "range_penalty", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        if weight < 0:
            raise UsageError(f"weight={weight!r} of the range penalty; expected at least 0")
        self.loss, self.weight = loss, weight

    def call(self, y_true: Any, y_pred: Any) -> Any:
        outside = ops.square(ops.minimum(y_pred, 0.0)) + ops.square(ops.maximum(y_pred - 1.0, 0.0))
        of_each = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss  # or a function
        loss = of_each(y_true, y_pred)
        outside = ops.mean(outside, axis=tuple(range(len(loss.shape), len(outside.shape))))  # as Keras' own losses do
        return loss + self.weight * outside

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "loss": keras.saving.serialize_keras_object(self.loss), "weight": self.weight}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WithRangePenalty:
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


@register
class PSNR(keras.metrics.Mean):
    """Peak signal-to-noise ratio in dB of the clipped output, mean over images: −10·log10(mean of Δ²)."""

    def __init__(self, name: str = "psnr", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        error = ops.mean(ops.square(ops.clip(y_pred, 0, 1) - y_true), axis=(1, 2, 3))
        # 120 dB where nothing differs: a float32 has no more to tell, and infinity would hide all other images.
        decibels = -10 * ops.log10(ops.maximum(error, 1e-12))
        return super().update_state(decibels, sample_weight=sample_weight)


LOSSES = {
    "l1": lambda: L1L2(0, 1, name="l1"),
    "l2": lambda: L1L2(1, 0, name="l2"),
    "l1l2": L1L2,
    "charbonnier": Charbonnier,
    "rmse": RMSE,
}


def make_loss(loss: str | keras.losses.Loss, range_penalty: float = 0.0) -> keras.losses.Loss:
    """A loss by name (l1, l2, l1l2, charbonnier, rmse) or as given, plus the range penalty where it has a weight."""
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise UsageError(f"unknown loss {loss!r}; expected one of {', '.join(LOSSES)}, or a keras.losses.Loss")
        loss = LOSSES[loss]()
    elif isinstance(loss, type) or not callable(loss):
        raise UsageError(f"loss={loss!r}; expected one of {', '.join(LOSSES)}, or a keras.losses.Loss")
    return WithRangePenalty(loss, range_penalty) if range_penalty else loss
