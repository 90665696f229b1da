"""What the tests of training share."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from zoo.training.guide import Guide


@pytest.fixture
def short_rounds(monkeypatch):
    """Rounds of 10 steps, so that short runs have several."""
    monkeypatch.setattr(Guide, "ROUND", 10)


@pytest.fixture(scope="session")
def pictures():
    def pictures(count: int = 5, side: int = 48, channels: int = 3) -> list[np.ndarray]:
        """Smooth pictures, no two pixels alike."""
        y, x = np.mgrid[:side, : side + 7]
        return [
            np.stack([(x * (c + 1) + y * (k + 1)) % 256 for c in range(channels)], -1).astype(np.uint8)
            for k in range(count)
        ]

    return pictures


@pytest.fixture(scope="session")
def first():
    def first(pipeline: tf.data.Dataset, count: int = 4) -> list:
        return [tf.nest.map_structure(lambda t: t.numpy(), item) for item in pipeline.take(count)]

    return first
