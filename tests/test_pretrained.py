from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zoo import pretrained
from zoo.errors import EntryError, UsageError
from zoo.noise import noise_from_name
from zoo.pretrained import ROWS, Pretrained, describe, list_pretrained, shipped

WEIGHTS = b"weights"


def make(folder: Path, **facts: Any) -> Pretrained:
    folder.mkdir()
    (folder / "model.onnx").write_bytes(WEIGHTS)
    entry = Pretrained(
        name=folder.name,
        architecture="unet-skip",
        config={"channels": 1, "widths": [16, 32]},
        channels=1,
        noise="gaussian:0-55",
        takes_sigma=False,
        multiple_of=8,
        halo=40,
        num_params=1234,
        macs_per_pixel=5678.5,
        layers=[dict.fromkeys(ROWS["layers"], 9) | {"name": "head"}],
        files={"model.onnx": hashlib.sha256(WEIGHTS).hexdigest()},
        scores=[dict.fromkeys(ROWS["scores"], 29.0) | {"set": "BSD68", "noise": "gaussian:25"}],
        recipe={"command": "zoo train"},
        training_data={"name": "Fotos für alle"},
        license="Apache-2.0",
        folder=folder,
    )
    entry = replace(entry, **facts)
    (folder / "entry.json").write_text(entry.to_json(), encoding="utf-8")
    return entry


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three entries in place of the shipped ones."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    make(shelf / "unet-skip-gaussian-gray")
    make(shelf / "resnet-gaussian-color", architecture="resnet", channels=3, noise="gaussian:25")
    make(shelf / "resnet-photo-color", architecture="resnet", channels=3, noise="camera:0-20,0-5+jpeg:40-95")
    (shelf / "__pycache__").mkdir()
    (shelf / "__init__.py").touch()
    monkeypatch.setattr(pretrained, "SHELF", shelf)
    return shelf


def test_there_and_back(tmp_path: Path) -> None:
    entry = make(tmp_path / "mine")
    assert Pretrained.from_folder(tmp_path / "mine") == entry
    assert "folder" not in json.loads(entry.to_json())
    assert entry.file("model.onnx").read_bytes() == WEIGHTS


def test_facts_of_a_later_version_do_no_harm(tmp_path: Path) -> None:
    entry = make(tmp_path / "mine")
    (tmp_path / "mine" / "entry.json").write_text(json.dumps(json.loads(entry.to_json()) | {"mood": "good"}))
    assert describe(tmp_path / "mine") == entry


def test_a_projects_own_folder_of_that_name_is_another(tmp_path: Path) -> None:
    """Python would find it first, where a script lies beside it."""
    (tmp_path / "pretrained").mkdir()
    (tmp_path / "pretrained" / "__init__.py").touch()
    (tmp_path / "script.py").write_text("import zoo; print(len(zoo.list_pretrained()))")
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(list_pretrained()) > 0


def test_list(shelf: Path) -> None:
    assert list_pretrained() == ["resnet-gaussian-color", "resnet-photo-color", "unet-skip-gaussian-gray"]
    assert list_pretrained(architecture="resnet") == ["resnet-gaussian-color", "resnet-photo-color"]
    assert list_pretrained(channels=1) == ["unet-skip-gaussian-gray"]
    assert list_pretrained(noise="gaussian:0-55") == ["unet-skip-gaussian-gray"]
    assert list_pretrained(noise="gaussian") == ["resnet-gaussian-color", "unet-skip-gaussian-gray"]
    assert list_pretrained(noise="camera+jpeg") == list_pretrained(noise="jpeg") == ["resnet-photo-color"]
    assert list_pretrained(noise="gaussian", architecture="resnet", channels=1) == []


def test_describe_by_name_and_by_folder(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = make(tmp_path / "my-denoiser")
    for path in ("./my-denoiser", "my-denoiser", "my-denoiser/", Path("my-denoiser"), str(tmp_path / "my-denoiser")):
        assert describe(path) == mine
    assert describe("resnet-photo-color").folder == shelf / "resnet-photo-color"
    # What is shipped comes first: a folder that happens to lie here does not change what a name means.
    make(tmp_path / "resnet-photo-color")
    assert describe("resnet-photo-color").folder == shelf / "resnet-photo-color"
    assert describe("./resnet-photo-color").folder == tmp_path / "resnet-photo-color"


def test_an_entry_outlives_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    entry = describe("mine")
    monkeypatch.chdir("/")
    assert entry.file("model.onnx").is_file()


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("resnet-gausian-color", "such as resnet-gaussian-color"),
        ("unet-skip-gaussian", "such as unet-skip-gaussian-gray"),
        ("bm3d", "such as resnet-gaussian-color"),
        ("", "zoo list"),
        ("./nowhere", "a folder with an entry.json"),
        ("x" * 5000, "unknown entry"),
        ("a\0b", "unknown entry"),
    ],
)
def test_unknown_names(shelf: Path, name: str, near: str) -> None:
    with pytest.raises(UsageError, match=near) as caught:
        describe(name)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_entry(tmp_path: Path) -> None:
    with pytest.raises(EntryError, match=r"no entry\.json"):
        describe(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "cannot be read"),
        (lambda text: "", "cannot be read"),
        (lambda text: "[1, 2]", "expected an object, not list"),
        (lambda text: "[" * 100_000, "cannot be read"),
        (lambda text: text.replace('"halo"', '"hallo"'), "without halo"),
        (lambda text: text.replace('"halo": 40', '"halo": "40"'), "halo is a str, expected int"),
        (lambda text: text.replace('"halo": 40', '"halo": true'), "halo is a bool, expected int"),
        (lambda text: text.replace('"halo": 40', '"halo": -1'), "halo -1"),
        (lambda text: text.replace('"multiple_of": 8', '"multiple_of": 0'), "multiple_of is 0"),
        (lambda text: text.replace('"psnr": 29.0', '"psnr": "high"'), "has psnr 'high', expected a number"),
        (lambda text: text.replace('"channels": 1,\n "noise"', '"channels": 2,\n "noise"'), "expected 1 or 3"),
        (lambda text: text.replace('"model.onnx"', '"../model.onnx"'), "the name of a file in the folder"),
    ],
)
def test_damaged_facts(tmp_path: Path, damage: Any, message: str) -> None:
    text = make(tmp_path / "mine").to_json()
    damaged = damage(text)
    assert damaged != text
    (tmp_path / "mine" / "entry.json").write_text(damaged, encoding="utf-8")
    with pytest.raises(EntryError, match=message) as caught:
        describe(tmp_path / "mine")
    assert "entry.json" in str(caught.value) and "\n" not in str(caught.value)


def test_facts_that_are_no_text(tmp_path: Path) -> None:
    make(tmp_path / "mine")
    (tmp_path / "mine" / "entry.json").write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(EntryError, match="cannot be read"):
        describe(tmp_path / "mine")


def test_files_are_checked_each_time(tmp_path: Path) -> None:
    entry, path = make(tmp_path / "mine"), tmp_path / "mine" / "model.onnx"
    assert entry.file("model.onnx") == path
    path.write_bytes(b"Weights")
    found, expected = (hashlib.sha256(content).hexdigest() for content in (b"Weights", WEIGHTS))
    with pytest.raises(EntryError, match=f"model.onnx.*{found}, expected {expected}; reinstall"):
        entry.file("model.onnx")
    path.unlink()
    with pytest.raises(EntryError, match=r"cannot be read.*No such file"):
        entry.file("model.onnx")
    with pytest.raises(EntryError, match=r"has no file 'model\.weights\.h5'; expected one of model\.onnx"):
        entry.file("model.weights.h5")


def test_what_is_shipped_is_whole() -> None:
    for name, folder in shipped().items():
        entry = describe(name)
        assert entry.name == name and entry.folder == folder
        assert {"model.onnx", "model.weights.h5"} <= set(entry.files)
        for file in entry.files:
            entry.file(file)
        assert noise_from_name(entry.noise).name == entry.noise
        assert entry.license and entry.scores and entry.training_data and entry.recipe
        assert (folder / "card.md").is_file()


def test_a_model_of_keras_is_told_how_to_become_an_entry() -> None:
    with pytest.raises(UsageError, match=r"'mine.keras' is a model of Keras; expected an entry: .*export.publish"):
        describe("mine.keras")
