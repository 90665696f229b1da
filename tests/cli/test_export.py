"""``zoo export``: a Keras model in another format, and the comparison with Keras."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

import export
import zoo as library
from zoo.cli.export import FORMATS


@pytest.fixture(scope="module")
def model() -> keras.Model:
    model = library.build("resnet", channels=3, widths=(4, 8), encoder_depths=(0, 1), decoder_depths=(1,))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.2, weight.shape) for weight in model.get_weights()])
    return model


@pytest.fixture
def file(model, tmp_path):
    model.save(tmp_path / "mine.keras")
    return tmp_path / "mine.keras"


IMAGE = np.random.default_rng(1).random((1, 21, 34, 3), np.float32)


def test_a_keras_file_becomes_onnx(zoo, model, file, tmp_path):
    result = zoo("export", file, "--to", "onnx", "-o", tmp_path / "mine.onnx")
    assert result.status == 0
    assert "against Keras" in result.out
    session = onnxruntime.InferenceSession(str(tmp_path / "mine.onnx"))
    (out,) = session.run(["denoised"], {"image": IMAGE})
    np.testing.assert_allclose(out, model(IMAGE).numpy(), atol=1e-5)


def test_a_keras_file_becomes_a_saved_model(zoo, model, file, tmp_path):
    assert zoo("export", file, "--to", "saved-model", "-o", tmp_path / "saved").status == 0
    loaded = tf.saved_model.load(str(tmp_path / "saved" / "1"))
    out = loaded.signatures["serving_default"](image=tf.constant(IMAGE))["denoised"]
    np.testing.assert_allclose(out, model(IMAGE).numpy(), atol=1e-5)


FEW = {"shallow-gaussian-gray", "resnet-gaussian-color-aware", "resnet-saltpepper-gray"}  # of each kind of input


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FEW else pytest.mark.slow) for n in library.list_pretrained()]
)
def test_a_shipped_entry_becomes_onnx(name, zoo, tmp_path):
    assert zoo("export", name, "--to", "onnx", "-o", tmp_path / "out.onnx").status == 0
    assert (tmp_path / "out.onnx").stat().st_size > 1000


def test_what_cannot_be_exported_is_refused(zoo, file, tmp_path):
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "cut.keras").write_bytes(file.read_bytes()[:1000])
    (tmp_path / "taken").write_text("mine")
    out = tmp_path / "out.onnx"
    out.write_bytes(b"precious")
    for name, kind, target, status in [
        (tmp_path / "missing.keras", "onnx", out, 1),
        (tmp_path / "text.keras", "onnx", out, 1),
        (tmp_path / "cut.keras", "onnx", out, 1),
        ("nonsense", "onnx", out, 2),
        (file, "onnx", tmp_path / "nowhere" / "out.onnx", 1),
        (file, "saved-model", tmp_path / "taken", 2),
    ]:
        result = zoo("export", name, "--to", kind, "-o", target)
        assert (result.status, result.out) == (status, "")
        assert result.err.startswith("zoo: error: ")
        assert result.err.count("\n") == 1
    assert out.read_bytes() == b"precious"
    assert (tmp_path / "taken").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_place_is_looked_at_before_anything_is_made(zoo, file, tmp_path):
    model = library.load_keras(file)
    export.publish(model, tmp_path / "ent", noise="gaussian:25")
    (tmp_path / "served" / "2").mkdir(parents=True)
    assert zoo("export", file, "--to", "saved-model", "-o", tmp_path / "saved").status == 0
    (tmp_path / "saved" / "2").mkdir()
    (tmp_path / "saved" / "2" / "notes.txt").write_text("years of work")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for kind, place, said in [
        ("onnx", file, "expected a name in .onnx"),
        ("litert-int8", tmp_path / "x", "expected a name in .tflite"),
        ("onnx-int8", tmp_path / "ent" / "model.onnx", "folder of an entry"),
        ("onnx-int8", tmp_path / "nowhere" / "x.onnx", "no existing folder"),
        ("saved-model", tmp_path / "saved", "holds 2, 2/notes.txt, which would be lost"),
        ("openvino", tmp_path / "saved", "holds 2, 2/notes.txt, which would be lost"),
        ("openvino", tmp_path / "served", "holds 2, which would be lost"),
        ("triton", tmp_path / "ent", "which would be lost"),
    ]:
        result = zoo("export", file, "--to", kind, "-o", place)
        assert result.status and said in result.err and len(result.err.splitlines()) == 1, (kind, result.err)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_error_is_one_line_in_a_process_too(tmp_path):
    """TensorFlow has much to say when it is imported."""
    (tmp_path / "text.keras").write_text("no model")
    code = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "export", "text.keras", "--to", "onnx", "-o", "out.onnx"]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert process.stderr.startswith("zoo: error: 'text.keras' cannot be read")
    assert process.stderr.count("\n") == 1


def test_a_damaged_archive_is_told(zoo, tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}" * 100)
    content = bytearray((tmp_path / "m.keras").read_bytes())
    content[60:80] = bytes(20)  # within the stored text, whose sum is not that of the text any more
    (tmp_path / "m.keras").write_bytes(content)
    result = zoo("export", tmp_path / "m.keras", "--to", "onnx", "-o", tmp_path / "out.onnx")
    assert result.status == 1 and "m.keras' cannot be read (Bad CRC-32" in result.err


def test_options_reach_the_format_and_others_are_refused(zoo, file, tmp_path):
    out = tmp_path / "mine.onnx"
    assert (
        zoo("export", file, "--to", "onnx", "-o", out, "--layout", "nchw", "--io", "uint8", "--opset", "21").status == 0
    )
    session = onnxruntime.InferenceSession(str(out))
    (image,) = session.get_inputs()
    assert (image.type, image.shape) == ("tensor(uint8)", ["n", 3, "height", "width"])
    for kind, options in {
        "saved-model": ["--io", "uint8"],
        "onnx": ["--calibration", tmp_path],
        "litert": ["--opset", "18"],
    }.items():
        result = zoo("export", file, "--to", kind, "-o", tmp_path / "other", *options)
        assert (result.status, result.out) == (2, "")
        assert result.err.startswith(f"zoo: error: {options[0]} with --to {kind}")
    assert not (tmp_path / "other").exists()


def test_a_file_says_what_it_was_made_from(zoo, tmp_path):
    name = "shallow-gaussian-gray"
    entry = library.describe(name)
    assert zoo("export", name, "--to", "onnx-fp16", "-o", tmp_path / "m.onnx").status == 0
    facts = onnxruntime.InferenceSession(str(tmp_path / "m.onnx")).get_modelmeta().custom_metadata_map
    assert (facts["name"], facts["license"], facts["noise"]) == (name, entry.license, entry.noise)
    assert facts["weights_sha256"] == entry.files["model.weights.h5"]
    assert facts["halo"] == str(entry.halo) and float(facts["parity_max_abs"]) < 0.01
    assert (tmp_path / "m.onnx.md").read_text().startswith(f"# {name}: ")


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_every_format_of_the_contract_has_a_function(kind):
    assert callable(getattr(export, FORMATS[kind].function))
