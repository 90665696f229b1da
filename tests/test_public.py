"""What ``import zoo`` gives: every name that is promised, errors that travel, types for who checks them."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

import zoo
from zoo import errors
from zoo.beside import expect_export

ERRORS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, zoo.ZooError)]


def test_every_name_that_is_promised_is_there() -> None:
    assert set(zoo.__all__) == {*zoo._PUBLIC, "__version__"} <= set(dir(zoo))
    assert all(getattr(zoo, name) is not None for name in zoo.__all__)
    assert zoo.__version__ == version("denoise-zoo")
    with pytest.raises(AttributeError, match="module 'zoo' has no attribute 'nothing'"):
        getattr(zoo, "nothing")  # noqa: B009


def test_every_error_and_the_warning_can_be_caught_by_name() -> None:
    assert len(ERRORS) >= 8
    for kind in [*ERRORS, errors.ZooWarning]:
        assert getattr(zoo, kind.__name__) is kind


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_travel_between_processes(kind: type[zoo.ZooError]) -> None:
    """One that cannot be unpickled breaks a whole pool, or lets it wait for ever."""
    error = kind("reading that", "codecs") if issubclass(kind, zoo.MissingExtraError) else kind("expected another")
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind and str(again) == str(error) and vars(again) == vars(error)


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ("keras", "zoo.fit needs packages of the extra 'train'"),
        ("rich", "zoo.fit needs 'rich', which is not installed"),
    ],
)
def test_what_is_not_installed_is_named(hidden: str, words: str) -> None:
    program = f"import sys; sys.modules[{hidden!r}] = None; import zoo; zoo.fit"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert words in run.stderr


@pytest.mark.parametrize("backend", ["torch", "none"])
def test_another_backend_that_is_not_there_is_told(backend: str) -> None:
    if find_spec(backend):
        pytest.skip(f"{backend} is installed")
    command = [sys.executable, "-m", "zoo.cli", "train", "--architecture", "resnet", "--data", ".", "--steps", "1"]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    run = subprocess.run([*command, "-o", "x"], capture_output=True, text=True, check=False, env=environment)
    assert run.stderr.startswith("zoo: error: ") and run.stderr.count("\n") == 1 and "KERAS_BACKEND" in run.stderr


@pytest.mark.parametrize("package", ["zoo", "export"])
def test_types_are_there_for_whoever_checks_them(package: str) -> None:
    """PEP 561."""
    (root,) = {Path(zoo.__file__).parents[1] / package}
    assert (root / "py.typed").is_file()


@pytest.mark.parametrize("name", ["export.py", "export/__init__.py"])
def test_a_users_file_that_hides_the_package_export_is_told(name: str, tmp_path: Path) -> None:
    expect_export()
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('a program of its own')\n")
    program = "import sys; sys.path.insert(0, '.'); from zoo.beside import expect_export; expect_export()"
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"{name}' hides the package 'export' of denoise-zoo; rename it" in run.stderr
