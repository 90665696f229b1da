"""The command starts in a blink: what serves pictures imports neither TensorFlow nor Keras."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import zoo as library

HEAVY = ("tensorflow", "keras", "jax", "torch", "matplotlib", "rich", "onnx", "scipy")
PROBE = """
import json, sys
from zoo.cli import main
status = main(sys.argv[1:])
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def imported(*argv: object) -> list[str]:
    """Run the command in a process of its own: the modules that it has imported."""
    command = [sys.executable, "-c", PROBE, *map(str, argv)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    status, modules = json.loads(process.stderr.splitlines()[-1])
    assert status == 0
    return modules


@pytest.mark.parametrize("command", ["list", "show", "denoise", "noise"])
def test_pictures_need_no_keras(command, blur, gray_file, tmp_path):
    argv = {
        "list": [],
        "show": [blur(1)],
        "denoise": [gray_file, "-o", tmp_path / "out.png", "--model", tmp_path / "blur-1"],
        "noise": [gray_file, "-o", tmp_path / "out.png", "--noise", "gaussian:25"],
    }[command]
    modules = imported(command, *argv)
    assert not set(HEAVY) & set(modules)
    assert ("onnxruntime" in modules) == (command == "denoise")
    if command in ("list", "show"):
        assert "numpy" not in modules


def fastest(command: list[str], runs: int) -> float:
    """Seconds of the fastest of several runs of a process."""

    def once() -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began

    return min(once() for _ in range(runs))


def test_denoising_a_file_costs_little_more_than_the_inference(tmp_path: Path):
    """At most 3 times the imports that are inevitable, plus the inference; a picture of 512×512, in colour."""
    photo = data.astronaut()
    assert photo.shape == (512, 512, 3)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    denoiser = library.load("resnet-gaussian-color")
    denoiser(photo)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        denoiser(photo)
        seconds.append(time.perf_counter() - began)
    imports = fastest([sys.executable, "-c", "import numpy, PIL, onnxruntime"], 5)
    zoo = Path(sys.executable).with_name("zoo")
    whole = fastest([str(zoo), "denoise", str(tmp_path / "photo.png"), "-o", str(tmp_path / "clean.png")], 5)
    assert whole <= 3 * imports + min(seconds)
