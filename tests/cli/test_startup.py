"""The command starts in a blink: what serves pictures imports neither TensorFlow nor Keras."""

from __future__ import annotations

import json
import logging
import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import zoo as library
from zoo.cli.heavy import LOG_LEVEL, import_keras

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


@pytest.mark.skipif(os.name == "nt", reason="a shell of its own")
@pytest.mark.parametrize("closed", ["2>&-", ">&-", "2>&- >&-"])
def test_closed_streams_stop_nothing(closed, blur, gray_file, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "photos" / name).write_bytes(gray_file.read_bytes())
    command = [
        sys.executable,
        "-m",
        "zoo.cli",
        "denoise",
        tmp_path / "photos",
        "-o",
        tmp_path / "out",
        "--model",
        blur(1),
    ]
    process = subprocess.run(f"{shlex.join(map(str, command))} {closed}", shell=True, capture_output=True, text=True)
    assert process.returncode == 0 and "Traceback" not in process.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 2


def test_nobody_is_told_of_what_is_done_here(gray_file, blur, tmp_path):
    """ONNX Runtime reports to its makers, and marks the machine for that, unless it is told not to."""
    silent = {"CI", "ORT_DISABLE_TELEMETRY"}
    environment = {name: value for name, value in os.environ.items() if name not in silent}
    environment |= {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    command = [sys.executable, "-m", "zoo.cli", "denoise", gray_file, "-o", tmp_path / "out.png", "--model", blur(1)]
    subprocess.run(list(map(str, command)), check=True, env=environment)
    assert (tmp_path / "out.png").is_file() and not list((tmp_path / "home").rglob("*"))


def test_what_a_terminal_cannot_spell(blur):
    command = [sys.executable, "-m", "zoo.cli", "show", blur(1)]
    process = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (process.returncode, process.stderr) == (0, "") and "blur" in process.stdout


def seconds_of_process(command: list[str], cwd: Path) -> float:
    """Processor time of a process: with one thread, its time on a machine that does nothing else."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, cwd=cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds_of_call(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def test_denoising_a_file_costs_little_more_than_the_inference(tmp_path: Path):
    """At most 3 times the imports that are inevitable, plus the inference; a picture of 512×512, in colour."""
    photo = data.astronaut()
    assert photo.shape == (512, 512, 3)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    denoiser = library.load("resnet-gaussian-color", threads=1)
    denoiser(photo)
    zoo = [str(Path(sys.executable).with_name("zoo")), "denoise", "photo.png", "-o", "clean.png", "--threads", "1"]
    imports = [sys.executable, "-c", "import numpy, PIL, onnxruntime"]
    # In turn, and the least of each: what else the machine does slows all of them.
    rounds = [
        (
            seconds_of_process(zoo, tmp_path),
            seconds_of_process(imports, tmp_path),
            seconds_of_call(lambda: denoiser(photo)),
        )
        for _ in range(5)
    ]
    whole, importing, inference = (min(column) for column in zip(*rounds, strict=True))
    print(f"whole {whole:.3f}, imports {importing:.3f}, inference {inference:.3f} s")
    assert whole <= 3 * importing + inference


@pytest.mark.parametrize("asked", [False, True])
def test_warnings_of_tensorflow_are_for_those_who_ask(asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as that a function is traced again, in the midst of what a command says."""
    if asked:
        monkeypatch.setenv(LOG_LEVEL, "0")
    else:
        monkeypatch.delenv(LOG_LEVEL, raising=False)
    logger = logging.getLogger("tensorflow")
    before = logger.level
    try:
        logger.setLevel(logging.WARNING)
        import_keras("training", "train")
        assert logger.isEnabledFor(logging.WARNING) == asked and logger.isEnabledFor(logging.ERROR)
    finally:
        logger.setLevel(before)
