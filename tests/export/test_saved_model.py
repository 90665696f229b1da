from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from export import check_parity, to_saved_model
from zoo.errors import ParityError, UsageError

Small = Callable[..., keras.Model]


@pytest.mark.parametrize("takes_sigma", [False, True])
def test_signature_and_values(small: Small, tmp_path: Path, takes_sigma: bool) -> None:
    model = small("resnet", channels=3, takes_sigma=takes_sigma)
    parity = to_saved_model(model, tmp_path / "saved")
    assert parity.max_abs <= 1e-5 and parity.change_rms > 0.01
    assert os.listdir(tmp_path) == ["saved"]
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    signature = loaded.signatures["serving_default"]
    wanted = {"image": [None, None, None, 3]} | ({"sigma": [None, 1]} if takes_sigma else {})
    assert {name: spec.shape.as_list() for name, spec in signature.structured_input_signature[1].items()} == wanted
    image = np.random.default_rng(0).random((2, 9, 13, 3), np.float32)
    inputs = {"image": image} | ({"sigma": np.array([[0.05], [0.2]], np.float32)} if takes_sigma else {})
    found = signature(**{name: tf.constant(value) for name, value in inputs.items()})
    expected = model(list(inputs.values()) if takes_sigma else image, training=False).numpy()
    assert list(found) == ["denoised"] and np.abs(expected - image).max() > 0.02
    np.testing.assert_allclose(found["denoised"].numpy(), expected, rtol=0, atol=1e-5)


def test_earlier_one_is_replaced_and_anything_else_is_not(small: Small, tiny: keras.Model, tmp_path: Path) -> None:
    saved, other = tmp_path / "saved", tmp_path / "other"
    saved.mkdir()
    to_saved_model(small("deep"), saved)
    to_saved_model(tiny, saved)
    assert check_parity(tiny, saved).max_abs <= 1e-5
    other.mkdir()
    (other / "letters").write_text("dear")
    with pytest.raises(UsageError, match="something else"):
        to_saved_model(tiny, other)
    with pytest.raises(UsageError, match="is a file"):
        to_saved_model(tiny, other / "letters")
    assert (other / "letters").read_text() == "dear" and sorted(os.listdir(tmp_path)) == ["other", "saved"]


def test_mismatch_leaves_nothing(tiny: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(*_: object) -> None:
        raise ParityError("differs")

    monkeypatch.setattr("export.saved_model.check_parity", differs)
    with pytest.raises(ParityError):
        to_saved_model(tiny, tmp_path / "saved")
    assert not os.listdir(tmp_path)
