"""What the tests of training share."""

from __future__ import annotations

import pytest

from zoo.training.guide import Guide


@pytest.fixture
def short_rounds(monkeypatch):
    """Rounds of 10 steps, so that short runs have several."""
    monkeypatch.setattr(Guide, "ROUND", 10)
