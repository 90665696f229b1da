"""The wheel, in an empty environment elsewhere: code and weights are in it, and its base dependencies are enough."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image
from skimage import data

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("zoo", "export", "pretrained")


def pip(*arguments: str | Path) -> None:
    """Run pip, which may look at no index: the tests use no network."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    environment["PIP_CONFIG_FILE"] = os.devnull
    subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources: a build leaves folders behind, and an old one would slip into a new wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, folder / "source")
    (built,) = folder.glob("denoise_zoo-*.whl")
    return built


def base_dependencies(wheel: Path) -> set[str]:
    """The distributions that the base install brings, by name, with what those need in turn."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(metadata).decode().splitlines()
    waiting = [
        Requirement(line.removeprefix("Requires-Dist: ")) for line in lines if line.startswith("Requires-Dist: ")
    ]
    found: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        if requirement.name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(requirement.name)
            waiting.extend(map(Requirement, importlib.metadata.requires(requirement.name) or ()))
    return found


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """``elsewhere("zoo", "list")``: run a command of an environment with the wheel and its dependencies alone.

    The dependencies are linked from this environment, file by file, so that nothing else of it can be seen.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in base_dependencies(wheel):
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (packages / top).symlink_to(Path(str(distribution.locate_file(top))))
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    cwd = tmp_path_factory.mktemp("elsewhere")

    def run(program: str, *arguments: str | Path, cwd: Path = cwd) -> str:
        command = [str(folder / "bin" / program), *map(str, arguments)]
        environment = {"PATH": os.defpath, "HOME": str(cwd)}
        process = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
        assert process.returncode == 0, process.stderr
        return process.stdout

    return run


def test_the_wheel_carries_code_weights_and_license(wheel: Path):
    expected = {
        str(file.relative_to(ROOT))
        for name in PACKAGES
        for file in (ROOT / name).rglob("*")
        if file.is_file() and not any(part == "__pycache__" or part.startswith(".zoo-") for part in file.parts)
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    assert inside == expected
    assert {name.split("/")[-1] for name in names} >= {"model.onnx", "model.weights.h5", "entry.json", "card.md"}
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_environment_is_bare(elsewhere):
    code = (
        "import importlib.util as u; print([m for m in ('tensorflow', 'keras', 'onnx', 'skimage') if u.find_spec(m)])"
    )
    assert elsewhere("python", "-c", code) == "[]\n"
    where = elsewhere("python", "-c", "import zoo, pretrained, export; print(zoo.__file__, pretrained.__file__)")
    assert str(ROOT) not in where


def test_entries_are_listed_and_whole(elsewhere):
    names = [folder.name for folder in (ROOT / "pretrained").iterdir() if (folder / "entry.json").is_file()]
    assert names
    listed = [line.split()[0] for line in elsewhere("zoo", "list").splitlines()[1:]]
    assert listed == sorted(names)
    check = (
        "import zoo\nfor n in zoo.list_pretrained():\n e = zoo.describe(n)\n print(*map(e.file, e.files), sep='\\n')"
    )
    assert len(elsewhere("python", "-c", check).splitlines()) >= 2 * len(names)


def test_a_picture_is_denoised_from_another_folder(elsewhere, tmp_path: Path):
    Image.fromarray(data.astronaut()[:128, 128:256]).save(tmp_path / "photo.png")
    elsewhere("zoo", "noise", "photo.png", "-o", "noisy.png", "--noise", "gaussian:25", cwd=tmp_path)
    elsewhere("zoo", "denoise", "noisy.png", "-o", "clean.png", cwd=tmp_path)
    photo, noisy, clean = (np.array(Image.open(tmp_path / f"{n}.png"), float) for n in ("photo", "noisy", "clean"))
    assert np.mean((clean - photo) ** 2) < 0.25 * np.mean((noisy - photo) ** 2)


def test_what_needs_an_extra_says_which(elsewhere):
    code = "import zoo\ntry:\n zoo.build('resnet')\nexcept zoo.ZooError as e:\n print(e)"
    assert "denoise-zoo[train]" in elsewhere("python", "-c", code)


def test_pictures_are_compared_and_entries_measured_without_any_extra(elsewhere, tmp_path: Path):
    (tmp_path / "clean").mkdir()
    Image.fromarray(data.astronaut()[:64, 128:192]).save(tmp_path / "clean" / "photo.png")
    elsewhere("zoo", "noise", "clean", "-o", "noisy", "--noise", "gaussian:25", cwd=tmp_path)
    elsewhere("zoo", "compare", "noisy", "clean", "-o", "pages.html", cwd=tmp_path)
    assert (tmp_path / "pages.html").is_file()
    arguments = "evaluate", "resnet-gaussian-color-tiny", "clean", "--noise", "gaussian:25"
    assert "gaussian:25" in elsewhere("zoo", *arguments, cwd=tmp_path)
