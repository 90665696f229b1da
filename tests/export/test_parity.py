from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from export import check_parity, to_onnx
from export.parity import SIZES, noisy_scene
from zoo.errors import ParityError, UsageError

Small = Callable[..., keras.Model]


def change(path: Path, weight: str, value: float) -> None:
    """Add a number to a weight of an ONNX file."""
    proto = onnx.load(path)
    (found,) = (w for w in proto.graph.initializer if w.name == weight)
    found.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(found) + np.float32(value), weight))
    onnx.save(proto, path)


def test_difference_is_measured(small: Small, tmp_path: Path) -> None:
    """A bias of the last layer that is off by 0.001 moves every pixel by as much: 60 dB."""
    model = small("shallow", standardize=False)
    exact = to_onnx(model, tmp_path / "m.onnx")
    change(tmp_path / "m.onnx", "head/bias", 1e-3)
    found = check_parity(model, tmp_path / "m.onnx", tolerance=None)
    assert found.max_abs == pytest.approx(1e-3, rel=0.01) and found.mean_abs == pytest.approx(1e-3, rel=0.01)
    assert found.psnr == pytest.approx(60, abs=0.1) and exact.psnr > 120
    assert found.change_rms == exact.change_rms > 0.01
    assert found.sizes == SIZES and "1×129×257" in str(found)
    with pytest.raises(ParityError, match="0.001; expected at most 1e-05"):
        check_parity(model, tmp_path / "m.onnx")
    check_parity(model, tmp_path / "m.onnx", tolerance=0.01, sizes=[(1, 3, 4)])


def test_nan_is_no_parity(small: Small, tmp_path: Path) -> None:
    model = small("shallow")
    to_onnx(model, tmp_path / "m.onnx")
    change(tmp_path / "m.onnx", "head/bias", math.nan)
    with pytest.raises(ParityError, match="nan"):
        check_parity(model, tmp_path / "m.onnx")


def test_other_channels_and_weights_are_refused(small: Small, tiny: keras.Model, tmp_path: Path) -> None:
    to_onnx(small("unet-skip"), tmp_path / "m.onnx")
    with pytest.raises(ParityError):
        check_parity(tiny, tmp_path / "m.onnx")


def test_no_artifact(tiny: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no artifact"):
        check_parity(tiny, tmp_path / "m.onnx")


@pytest.mark.parametrize("channels", [1, 3])
def test_the_scene_is_a_picture_under_noise(channels: int) -> None:
    scene = noisy_scene(200, 300, channels, seed=1)
    assert scene.dtype == np.float32 and scene.shape == (200, 300, channels)
    np.testing.assert_array_equal(scene, noisy_scene(200, 300, channels, seed=1))
    assert (scene != noisy_scene(200, 300, channels, seed=2)).all(axis=-1).mean() > 0.99
    assert 0.2 < scene.mean() < 0.8 and (scene.min() < 0 or scene.max() > 1)
    # The noise stands out in differences of neighbours, apart from the few that an edge separates.
    spread = np.median(np.abs(np.diff(scene, axis=1))) / 0.6745 / math.sqrt(2)
    assert spread == pytest.approx(25 / 255, rel=0.3)
