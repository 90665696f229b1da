"""``to_litert``: LiteRT (TensorFlow Lite), for phones and small devices."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from export.deliver import deliver_file
from export.guide import Facts, page, python_litert
from export.parity import Parity
from export.saved_model import write_saved_model
from zoo.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import keras


def to_litert(model: keras.Model, path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None) -> Parity:
    """Write a .tflite file in float32, once it has been compared with Keras on several sizes.

    Inputs and outputs as of :func:`export.to_onnx`; every size works after ``resize_tensor_input``. Arguments, results
    and errors as of :func:`export.to_saved_model`.
    """
    try:
        import keras
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting to LiteRT", "export") from error
    if (backend := keras.backend.backend()) != "tensorflow":
        raise UsageError(f"LiteRT is written by TensorFlow, and Keras runs on {backend}; set KERAS_BACKEND=tensorflow")

    def write(place: Path) -> None:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            write_saved_model(model, Path(folder) / "saved")
            converter = tf.lite.TFLiteConverter.from_saved_model(
                str(Path(folder) / "saved"), signature_keys=["serving_default"]
            )
            place.write_bytes(converter.convert())

    facts = Facts.of(model, metadata)
    guide = page(facts, "LiteRT", ("Python (ai-edge-litert)", "python", python_litert(facts, Path(path).name)))
    return deliver_file(model, path, write, ending=".tflite", guide=guide, facts={"format": "litert"})
