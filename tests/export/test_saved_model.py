from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage import data

from export import check_parity, to_saved_model
from zoo.errors import ParityError, UsageError

Small = Callable[..., keras.Model]


@pytest.mark.parametrize("takes_sigma", [False, True])
def test_signature_and_values(small: Small, tmp_path: Path, takes_sigma: bool) -> None:
    model = small("resnet", channels=3, takes_sigma=takes_sigma)
    parity = to_saved_model(model, tmp_path / "saved")
    assert parity.max_abs <= 1e-5 and parity.change_rms > 0.01
    assert os.listdir(tmp_path) == ["saved"]
    loaded = tf.saved_model.load(str(tmp_path / "saved" / "1"))
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
    (saved / ".DS_Store").touch()
    to_saved_model(tiny, saved)
    (saved / ".git").mkdir()
    with pytest.raises(UsageError, match="holds .git, which would be lost"):
        to_saved_model(tiny, saved)
    other.mkdir()
    (other / "letters").write_text("dear")
    with pytest.raises(UsageError, match="holds letters, which would be lost"):
        to_saved_model(tiny, other)
    with pytest.raises(UsageError, match="is a file"):
        to_saved_model(tiny, other / "letters")
    assert (other / "letters").read_text() == "dear" and sorted(os.listdir(tmp_path)) == ["other", "saved"]


def test_mismatch_leaves_nothing(tiny: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(*_: object, **options: object) -> None:
        raise ParityError("differs")

    monkeypatch.setattr("export.deliver.check_parity", differs)
    with pytest.raises(ParityError):
        to_saved_model(tiny, tmp_path / "saved")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("channels", [1, 3])
def test_eight_bits_and_files(small: Small, tmp_path: Path, channels: int) -> None:
    model = small("resnet", channels=channels, takes_sigma=channels == 3)
    to_saved_model(model, tmp_path / "saved")
    signatures = tf.saved_model.load(str(tmp_path / "saved" / "1")).signatures
    images = [np.random.default_rng(i).integers(0, 256, (9 + i, 20 - i, channels), np.uint8) for i in range(2)]
    levels = [[10.0], [40.0]]
    contents = tf.constant([tf.io.encode_png(image).numpy() for image in images])
    sigma = {"sigma": tf.constant(levels)} if channels == 3 else {}
    found = signatures["encoded"](image_bytes=contents, **sigma)["denoised_bytes"].numpy()
    for image, level, content in zip(images, levels, found, strict=True):
        one = {"sigma": tf.constant([level])} if channels == 3 else {}
        single = signatures["uint8"](image=tf.constant(image[None]), **one)["denoised"].numpy()[0]
        np.testing.assert_array_equal(tf.io.decode_png(content).numpy(), single)
        inputs = [image[None] / np.float32(255), *([np.array([level], np.float32) / 255] if channels == 3 else [])]
        expected = model(inputs if len(inputs) > 1 else inputs[0], training=False).numpy()[0]
        assert np.abs(single - 255 * np.clip(expected, 0, 1)).max() <= 0.51


@pytest.mark.parametrize("channels", [1, 3])
def test_files_are_decoded_as_elsewhere(small: Small, tmp_path: Path, channels: int) -> None:
    """A model without weights worth mentioning, so that what comes out is what was read."""
    model = small("resnet", channels=channels)
    model.set_weights([0 * weight for weight in model.get_weights()])
    to_saved_model(model, tmp_path / "saved")
    encoded = tf.saved_model.load(str(tmp_path / "saved" / "1")).signatures["encoded"]
    picture = Image.fromarray(data.astronaut()[:64, :80])
    for kind, mode in itertools.product(("JPEG", "BMP", "PNG"), ("L", "RGB")):
        buffer = io.BytesIO()
        picture.convert(mode).save(buffer, kind)
        (content,) = encoded(image_bytes=tf.constant([buffer.getvalue()]))["denoised_bytes"].numpy()
        expected = np.array(Image.open(buffer).convert("L" if channels == 1 else "RGB"), float)
        found = tf.io.decode_png(content).numpy().reshape(expected.shape)
        assert np.abs(found - expected).max() <= 1 and abs((found - expected).mean()) < 0.3


def test_a_process_with_tensorflow_alone_answers_the_warm_up(tiny: keras.Model, tmp_path: Path) -> None:
    """As TensorFlow Serving would: no Keras, no zoo, and the requests from the file."""
    to_saved_model(tiny, tmp_path / "saved", metadata={"name": "tiny"})
    code = """
import sys, tensorflow as tf
sys.modules["keras"] = sys.modules["zoo"] = None
from tensorflow_serving.apis import prediction_log_pb2
model = tf.saved_model.load(sys.argv[1])
for record in tf.data.TFRecordDataset(sys.argv[1] + "/assets.extra/tf_serving_warmup_requests"):
    request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
    feeds = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
    answer = model.signatures[request.model_spec.signature_name](**feeds)
    print(request.model_spec.name, request.model_spec.signature_name, *answer)
"""
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "saved" / "1")],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.splitlines() == [
        "tiny serving_default denoised",
        "tiny uint8 denoised",
        "tiny encoded denoised_bytes",
    ]
