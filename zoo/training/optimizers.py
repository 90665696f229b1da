"""Optimizers by name, and schedules of the steplength (learning rate)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras

from zoo.errors import UsageError

OPTIMIZERS = {
    "sgd": lambda **k: keras.optimizers.SGD(**k),
    "momentum": lambda **k: keras.optimizers.SGD(momentum=0.9, nesterov=True, **k),
    "rmsprop": lambda **k: keras.optimizers.RMSprop(**k),
    "adagrad": lambda **k: keras.optimizers.Adagrad(**k),
    "adam": lambda **k: keras.optimizers.Adam(**k),
    "adamw": lambda **k: keras.optimizers.AdamW(**k),
}


def make_optimizer(
    name: str, learning_rate: float, weight_decay: float = 0.0, ema: float = 0.0, clip_norm: float | None = None
) -> keras.optimizers.Optimizer:
    """A Keras optimizer by name.

    Args:
        name: sgd, momentum, rmsprop, adagrad, adam, adamw.
        learning_rate: The steplength at its peak.
        weight_decay: Share of each weight taken away per step, times the steplength, apart from the gradient
            (decoupled: Loshchilov & Hutter 2019). Biases and normalizations are left alone. 0 for none.
        ema: Momentum of the exponential moving average of the weights, which is what is validated and kept; 0 for none.
        clip_norm: Longest gradient, over all weights together; longer ones are shortened (Pascanu et al. 2013). One odd
            batch can otherwise undo hours, the smaller the batch the sooner. None for no limit.
    """
    if name not in OPTIMIZERS:
        raise UsageError(f"unknown optimizer {name!r}; expected one of {', '.join(OPTIMIZERS)}")
    if not learning_rate > 0 or weight_decay < 0 or not 0 <= ema < 1 or not (clip_norm is None or clip_norm > 0):
        raise UsageError(
            f"learning_rate={learning_rate!r}, weight_decay={weight_decay!r}, ema={ema!r}, clip_norm={clip_norm!r}; "
            "expected learning_rate and clip_norm above 0, weight_decay of at least 0, ema from 0 to less than 1"
        )
    options: dict[str, object] = {
        "learning_rate": learning_rate,
        "weight_decay": weight_decay or None,
        "global_clipnorm": clip_norm,
    }
    if name == "adamw":
        options["weight_decay"] = weight_decay  # AdamW has a decay of its own where it is given none
    if ema:
        options |= {"use_ema": True, "ema_momentum": ema}
    optimizer = OPTIMIZERS[name](**options)
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


@dataclass(frozen=True)
class Schedule:
    """The steplength over a run, as a share of its peak.

    kind: "constant"; "step" (a tenth for the last quarter of the run); "halving" (halved every ``every`` images);
        "cosine" (down to 1 % along half a cosine wave; Loshchilov & Hutter 2017).
    warmup: Steps over which it rises linearly from nothing to its peak.
    """

    kind: str = "cosine"
    warmup: int = 0
    every: int = 100_000

    def __post_init__(self) -> None:
        if self.kind not in ("constant", "step", "halving", "cosine") or self.warmup < 0 or self.every < 1:
            raise UsageError(
                f"{self!r}; expected a kind of constant, step, halving or cosine, warmup ≥ 0 steps, every ≥ 1 images"
            )

    def __call__(self, *, step: int, images: int, progress: float) -> float:
        """The share at ``step``, after ``images`` patches, with ``progress`` (0 to 1) of the run's budget spent."""
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.kind == "step":
            return rise * (1.0 if progress < 0.75 else 0.1)
        if self.kind == "halving":
            return rise * 0.5 ** (images // self.every)
        if self.kind == "cosine":
            return rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))
        return rise
