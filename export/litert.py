"""``to_litert``: LiteRT (TensorFlow Lite), for phones and small devices."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from export.deliver import check_file, deliver_file
from export.guide import Facts, page, python_litert
from export.loss import LIMIT, Denoise, Photographs, worst
from export.parity import Parity
from export.runtimes import litert
from export.saved_model import write_saved_model
from zoo.errors import MissingExtraError, ParityError, UsageError
from zoo.noise import Noise, noise_from_name

if TYPE_CHECKING:
    import keras

ENDING = ".tflite"


def to_litert(model: keras.Model, path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None) -> Parity:
    """Write a .tflite file in float32, once it has been compared with Keras on several sizes.

    Inputs and outputs as of :func:`export.to_onnx`; every size works after ``resize_tensor_input``. Arguments, results
    and errors as of :func:`export.to_saved_model`.
    """
    (content,), facts = _converted(model, int8=[False]), Facts.of(model, metadata)
    guide = page(facts, "LiteRT", ("Python (ai-edge-litert)", "python", python_litert(facts, Path(path).name)))
    return deliver_file(
        model,
        path,
        lambda place: _write(place, content),
        ending=ENDING,
        guide=guide,
        facts={"format": "litert"},
    )


def to_litert_int8(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    noise: str | Noise = "gaussian:0-55",
    calibration: str | os.PathLike[str] | None = None,
    limit: float | None = LIMIT,
    metadata: Mapping[str, str] | None = None,
) -> Parity:
    """Write a .tflite file with weights of 8 bits; features are rounded to 8 bits by the range that they have.

    That costs far less quality than ranges that are set beforehand for all levels of the noise; but the range is that
    of a whole picture, so that tiles may differ from it by a little.

    Args:
        noise: What the model is for; the loss is measured at sigma 15, 25 and 50 if it is Gaussian.
        calibration: A folder of clean pictures to measure with; the photographs that scikit-image ships by default.
        limit: The most that may be lost at any of the levels, in dB; None for whatever it is.
        model, path, metadata: As for :func:`to_litert`.

    Raises:
        ParityError: More than ``limit`` is lost; nothing is written. Others as of :func:`to_litert`.
    """
    check_file(path, ENDING)
    noise = noise_from_name(noise) if isinstance(noise, str) else noise
    photographs = Photographs(calibration, model.inputs[0].shape[-1], noise)
    (whole, content), facts = _converted(model, int8=[False, True]), Facts.of(model, metadata)
    losses = photographs.losses(_denoise(whole, facts), _denoise(content, facts))
    if limit is not None and not worst(losses) <= limit:
        raise ParityError(f"with 8 bits {worst(losses):.2f} dB are lost; expected at most {limit:g}: accept more")
    guide = page(facts, "LiteRT, 8 bits", ("Python (ai-edge-litert)", "python", python_litert(facts, Path(path).name)))
    return deliver_file(
        model,
        path,
        lambda place: _write(place, content),
        ending=ENDING,
        guide=guide,
        tolerance=None,
        facts={"format": "litert-int8", "pictures": photographs.source, "loss": [loss.to_json() for loss in losses]},
    )


def _converted(model: keras.Model, *, int8: Sequence[bool]) -> list[bytes]:
    """The contents of a file for each of ``int8``."""
    try:
        import keras
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting to LiteRT", "export") from error
    if (backend := keras.backend.backend()) != "tensorflow":
        raise UsageError(f"LiteRT is written by TensorFlow, and Keras runs on {backend}; set KERAS_BACKEND=tensorflow")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, Path(folder) / "saved", serving=False)
        for eight_bits in int8:
            converter = tf.lite.TFLiteConverter.from_saved_model(
                str(Path(folder) / "saved"), signature_keys=["serving_default"]
            )
            if eight_bits:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            try:
                found.append(converter.convert())
            except Exception as error:  # TensorFlow's own have a text of a hundred lines
                reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
                raise UsageError(
                    f"LiteRT cannot hold model {model.name!r} ({reason.strip()}); try another format"
                ) from error
    return found


def _write(place: Path, content: bytes) -> None:
    place.write_bytes(content)


def _denoise(content: bytes, facts: Facts) -> Denoise:
    run = litert(content)

    def denoise(noisy: np.ndarray, level: float) -> np.ndarray:
        return run([noisy, *([np.array([[level / 255]], np.float32)] if facts.takes_sigma else [])])

    return denoise
