"""Models from elsewhere: none brings code of its own, or reads files that are not its own."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import keras
import onnx
import pytest

import export
import zoo
from zoo.architectures import own_model
from zoo.architectures.geometry import Geometry
from zoo.errors import EntryError, InputError, UsageError
from zoo.pretrained import sha256

NAME = "shallow-gaussian-gray"


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A copy of a shipped entry."""
    return Path(shutil.copytree(zoo.describe(NAME).folder, tmp_path / "entry"))


def test_a_keras_file_with_a_lambda_is_refused(tmp_path: Path) -> None:
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image))
    model.save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="mine.keras") as caught:
        zoo.load_keras(tmp_path / "mine.keras")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("subprocess", "Popen"), ("builtins", "eval"), ("somebody", "Layer")]
)
def test_a_keras_file_that_names_foreign_code_is_refused(tmp_path: Path, module: str, name: str) -> None:
    model = zoo.build("shallow", widths=(2, 2))
    model.save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as good, zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad:
        for item in good.namelist():
            content = good.read(item)
            if item == "config.json":
                config = json.loads(content)
                layer = next(x for x in config["config"]["layers"] if x["class_name"] == "Conv2D")
                layer |= {"module": module, "class_name": name, "registered_name": None}
                layer["config"] = {"args": "touch " + str(tmp_path / "taken")}
                content = json.dumps(config).encode()
            bad.writestr(item, content)
    with pytest.raises(InputError, match="bad.keras") as caught:
        zoo.load_keras(tmp_path / "bad.keras")
    assert "\n" not in str(caught.value) and not (tmp_path / "taken").exists()


def test_an_entry_whose_network_has_a_lambda_is_refused(tmp_path: Path) -> None:
    image = keras.Input((None, None, 1))
    hidden = keras.layers.Conv2D(1, 3, padding="same")(image)
    export.publish(keras.Model(image, hidden), tmp_path / "mine", noise="gaussian:25")
    bad = keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(hidden)).to_json()
    (tmp_path / "mine" / "model.json").write_text(bad, encoding="utf-8")
    with pytest.raises(EntryError, match="SHA-256"):
        zoo.load_keras(tmp_path / "mine")
    facts = json.loads((tmp_path / "mine" / "entry.json").read_text())
    facts["files"]["model.json"] = sha256(tmp_path / "mine" / "model.json")
    (tmp_path / "mine" / "entry.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="model.json") as caught:
        zoo.load_keras(tmp_path / "mine")
    assert "\n" not in str(caught.value)


class Unregistered(keras.layers.Layer):
    """A layer of one's own that Keras cannot find by its name."""

    def call(self, x: Any) -> Any:
        return x

    def geometry(self) -> Geometry:
        return Geometry()


def test_a_layer_that_is_not_registered_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    image = keras.Input((None, None, 1))
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(Unregistered()(image)), name="mine")
    with pytest.raises(UsageError, match=r"^model 'mine' cannot be built .* 'Unregistered' is not known: .*regist"):
        export.publish(model, tmp_path / "mine", noise="gaussian:25")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["3", "[]", "{}", "null", "{", '{"class_name": "Functional"}', '{"class_name": 3}'])
def test_an_entry_whose_network_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="model.json") as caught:
        own_model(tmp_path / "model.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["model.weights.h5", "model.onnx"])
def test_a_changed_file_is_refused(entry: Path, file: str) -> None:
    content = bytearray((entry / file).read_bytes())
    content[len(content) // 2] ^= 1
    (entry / file).write_bytes(content)
    load = zoo.load if file == "model.onnx" else zoo.load_keras
    with pytest.raises(EntryError, match="SHA-256"):
        load(entry)


@pytest.mark.parametrize("place", ["../secret.bin", "{}/secret.bin", "link.bin"])
def test_weights_outside_the_folder_are_not_read(entry: Path, place: str) -> None:
    """An entry can be complete in itself, checksums and all, and still point to somebody else's file."""
    model = onnx.load(entry / "model.onnx")
    tensor = max(model.graph.initializer, key=lambda weights: len(weights.raw_data))
    content = tensor.raw_data
    (entry.parent / "secret.bin").write_bytes(content)
    (entry / "link.bin").symlink_to(entry.parent / "secret.bin")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", place.format(entry.parent)), ("offset", "0"), ("length", str(len(content)))):
        tensor.external_data.add(key=key, value=value)
    (entry / "model.onnx").write_bytes(model.SerializeToString())
    described = zoo.describe(entry)
    files = dict(described.files) | {"model.onnx": sha256(entry / "model.onnx")}
    (entry / "entry.json").write_text(dataclasses.replace(described, files=files).to_json())
    with pytest.raises(EntryError, match="cannot be run") as caught:
        zoo.load(entry)
    assert "\n" not in str(caught.value)
