"""``to_saved_model``: a Keras model as a TensorFlow SavedModel with a signature that can be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from export.parity import Parity, as_float32, check_parity
from zoo.atomic import folder_beside
from zoo.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import keras


def to_saved_model(model: keras.Model, path: str | os.PathLike[str]) -> Parity:
    """Write a model as a SavedModel, once it has been compared with Keras on several sizes.

    Signature ``serving_default``: ``image`` float32 [n, height, width, C] in [0, 1], any n, height, width ≥ 1, and for
    a model that takes the noise level also ``sigma`` float32 [n, 1] on the same scale → ``denoised`` like the image,
    not clipped.

    Args:
        model: A functional model.
        path: The folder; an empty one or another SavedModel is replaced, when all is well.

    Returns:
        What the comparison found.

    Raises:
        ParityError: The SavedModel would differ from Keras; nothing is written.
        UsageError: Keras runs on another backend than TensorFlow, or ``path`` is something else.
        MissingExtraError: TensorFlow is not installed.
    """
    try:
        import keras
        import tensorflow as tf
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting a SavedModel", "train") from error
    if (backend := keras.backend.backend()) != "tensorflow":
        raise UsageError(
            f"a SavedModel is written by TensorFlow, and Keras runs on {backend}; set KERAS_BACKEND=tensorflow "
            "(weights load on every backend)"
        )
    model = as_float32(model)
    specs = [
        tf.TensorSpec(tensor.shape, tf.float32, name)
        for tensor, name in zip(model.inputs, ("image", "sigma"), strict=False)
    ]
    archive = keras.export.ExportArchive()
    archive.track(model)

    def denoise(image: tf.Tensor, *sigma: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"denoised": model([image, *sigma] if sigma else image, training=False)}

    # The first endpoint becomes the signature "serving_default".
    archive.add_endpoint("denoise", denoise, input_signature=specs)
    with folder_beside(path, mine=_is_saved_model) as temporary:
        archive.write_out(str(temporary), verbose=False)
        return check_parity(model, temporary)


def _is_saved_model(folder: Path) -> bool:
    return (folder / "saved_model.pb").is_file()
