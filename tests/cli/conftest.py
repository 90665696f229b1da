"""The command in this process, entries around a small graph (a box blur), and photographs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx.checker
import onnx.numpy_helper
import onnx.parser
import pytest
from PIL import Image
from skimage import data

from zoo.cli import main
from zoo.pretrained import Pretrained

GRAPH = """
<ir_version: 9, opset_import: ["" : 18]>
blur (float[n, height, width, {c}] image{sigma}) => (float[n, height, width, {c}] denoised)
{{
    x = Transpose <perm = [0, 3, 1, 2]> (image)
    padded = Pad <mode = "edge"> (x, pads)
    y = Conv <group = {c}> (padded, kernel)
    blurred = Transpose <perm = [0, 2, 3, 1]> (y)
    {output}
}}
"""


def blur_graph(channels: int, takes_sigma: bool) -> bytes:
    """Mean of 3×3 pixels; with sigma, plus the level itself, so that a test sees that it arrives."""
    sigma, output = "", "denoised = Identity (blurred)"
    if takes_sigma:
        sigma, output = ", float[n, 1] sigma", "level = Reshape (sigma, flat)\n denoised = Add (blurred, level)"
    model = onnx.parser.parse_model(GRAPH.format(c=channels, sigma=sigma, output=output))
    constants = {
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "kernel": np.full((channels, 1, 3, 3), 1 / 9, np.float32),
        "flat": np.array([-1, 1, 1, 1], np.int64),
    }
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


@pytest.fixture
def blur(tmp_path: Path) -> Callable[..., Path]:
    """``blur(channels=1, takes_sigma=False)``: the folder of an entry that blurs."""

    def make(channels: int = 1, takes_sigma: bool = False) -> Path:
        folder = tmp_path / f"blur-{channels}{'-aware' if takes_sigma else ''}"
        folder.mkdir()
        model = blur_graph(channels, takes_sigma)
        (folder / "model.onnx").write_bytes(model)
        score = {"set": "ours", "noise": "gaussian:25", "psnr": 25.0, "ssim": 0.7, "count": 1}
        entry = Pretrained(
            name=folder.name,
            architecture="blur",
            config={"channels": channels},
            channels=channels,
            noise="gaussian:0-55",
            takes_sigma=takes_sigma,
            multiple_of=1,
            halo=1,
            num_params=9 * channels,
            macs_per_pixel=9.0 * channels,
            layers=[],
            files={"model.onnx": hashlib.sha256(model).hexdigest()},
            scores=[{**score, "noisy_psnr": 20.2, "noisy_ssim": 0.4}],
            recipe={"command": "none: a mean"},
            training_data={"name": "nothing"},
            license="Apache-2.0",
            folder=folder,
        )
        (folder / "entry.json").write_text(entry.to_json(), encoding="utf-8")
        return folder

    return make


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str


@pytest.fixture
def zoo(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """``zoo("denoise", path, "-o", path)``: run the command in this process."""

    def run(*argv: object) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture
def color() -> np.ndarray:
    """A colour photograph, uint8 (100, 120, 3)."""
    return data.astronaut()[:100, 150:270]


@pytest.fixture
def gray() -> np.ndarray:
    """A gray photograph, uint8 (100, 120)."""
    return data.camera()[100:200, 150:270]


@pytest.fixture
def color_file(color: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(color).save(tmp_path / "color.png")
    return tmp_path / "color.png"


@pytest.fixture
def gray_file(gray: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(gray).save(tmp_path / "gray.png")
    return tmp_path / "gray.png"
