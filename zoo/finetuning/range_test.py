"""The steplength that a fine-tuning begins with, found by trying."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import keras

from zoo.errors import DivergenceError
from zoo.training.fit import fit

# Steplengths that are tried, the share of the budget that each may take, and the fewest steps.
RATES, RATE_SHARE, RATE_STEPS = (1e-4, 3e-4, 1e-3), 0.04, 20


def range_test(
    model: keras.Model,
    data: tuple[Any, Any],
    options: dict[str, Any],
    budget: dict[str, Any],
    say: Callable[[str], None],
) -> float:
    """The best of some steplengths: each has a small part of the budget, from the same weights, and is validated.

    (A range test as Smith 2017 has it, "Cyclical Learning Rates", section 3.3, goes up within one run and looks at the
    training loss, which at this size is noise.)
    """
    say(f"trying steplengths {', '.join(f'{rate:g}' for rate in RATES)}")
    start, losses = model.get_weights(), {}
    for rate in RATES:
        short: dict[str, Any] = {**options, "progress": False, "validate_every": 1000}
        short["minutes"] = RATE_SHARE * (budget["minutes"] or 0)
        if budget["steps"]:
            short |= {"steps": max(RATE_STEPS, round(RATE_SHARE * budget["steps"])), "minutes": None}
        try:
            history = fit(model, *data, learning_rate=rate, schedule="cosine", **short)
            losses[rate] = min(row["validation_loss"] for row in history.rows if row["validation_loss"] is not None)
        except DivergenceError:
            losses[rate] = math.inf
        model.set_weights(start)
    return min(losses, key=lambda rate: cast(float, losses[rate]))
