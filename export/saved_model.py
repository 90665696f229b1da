"""``to_saved_model``: a Keras model as TensorFlow Serving takes it."""

from __future__ import annotations

import itertools
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.deliver import deliver_folder
from export.guide import Facts, page, python_saved_model
from export.parity import Parity, as_float32, noisy_scene, parts
from export.runtimes import png
from export.sizes import check_colors
from zoo.errors import MissingExtraError, UsageError, one_line

if TYPE_CHECKING:
    import keras

VERSION = "1"
WARM_UP = "tf_serving_warmup_requests"
LUMA = (19595, 38470, 7471)  # of 65536: ITU-R BT.601, as Pillow rounds it


def to_saved_model(
    model: keras.Model, path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
) -> Parity:
    """Write a model as a SavedModel in the folders of TensorFlow Serving: PATH/1, with requests that warm it up.

    Signatures, each compared with Keras on several sizes; any n, height, width ≥ 1:

    - ``serving_default``: ``image`` float32 [n, height, width, C] in [0, 1] → ``denoised`` like it, not clipped;
    - ``uint8``: ``image`` uint8 [n, height, width, C] → ``denoised`` like it;
    - ``encoded``: ``image_bytes`` string [n], the contents of JPEG, PNG or BMP files of whatever sizes (BMP without a
      palette; an orientation in their EXIF is not looked at) → ``denoised_bytes`` string [n], of PNG files.

    For a model that takes the noise level, each also takes ``sigma`` float32 [n, 1], on the scale of its image.

    Args:
        model: A functional model.
        path: The folder, best called as the model is to be called; an empty one is replaced, and an earlier export.
        metadata: Facts on the model; its "name" goes into the warm-up.

    Returns:
        What the comparison found.

    Raises:
        ParityError: The SavedModel would differ from Keras; nothing is written.
        UsageError: Keras runs on another backend than TensorFlow, or ``path`` is something else.
        MissingExtraError: TensorFlow is not installed.
    """
    try:
        import keras
        import tensorflow  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting a SavedModel", "export") from error
    if (backend := keras.backend.backend()) != "tensorflow":
        raise UsageError(
            f"a SavedModel is written by TensorFlow, and Keras runs on {backend}; set KERAS_BACKEND=tensorflow "
            "(weights load on every backend)"
        )
    facts = Facts.of(model, metadata)

    def write(folder: Path) -> None:
        write_saved_model(model, folder / VERSION)
        _write_warm_up(folder / VERSION, facts)

    serve = f'tensorflow_model_server --model_name={shlex.quote(facts.name)} --model_base_path="$PWD"\n'
    guide = page(
        facts,
        "SavedModel",
        ("TensorFlow Serving", "sh", serve),
        ("Python (TensorFlow)", "python", python_saved_model(facts, VERSION)),
        note="Three signatures: `serving_default` as above; `uint8`, the same with 8-bit images; `encoded`, from the "
        "contents of JPEG or PNG files to those of PNG files, turned as the file's pixels lie (EXIF is not read).",
    )
    return deliver_folder(model, path, write, guide=guide, facts={"format": "saved-model"})


def write_saved_model(model: keras.Model, folder: Path, *, serving: bool = True) -> None:
    """The SavedModel alone; without ``serving`` only its default signature, which is all that other formats need."""
    import keras
    import tensorflow as tf

    check_colors(model)
    model = as_float32(model)
    channels, takes_sigma = model.inputs[0].shape[-1], len(model.inputs) > 1
    sigmas = [tf.TensorSpec((None, 1), tf.float32, "sigma")] if takes_sigma else []

    def images(dtype: Any) -> list[tf.TensorSpec]:
        return [tf.TensorSpec((None, None, None, channels), dtype, "image"), *sigmas]

    def denoise(image: tf.Tensor, *sigma: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"denoised": traced([image, *sigma] if sigma else image, training=False)}

    def eight_bits(image: tf.Tensor, *sigma: tf.Tensor) -> dict[str, tf.Tensor]:
        found = denoise(tf.cast(image, tf.float32) / 255, *(level / 255 for level in sigma))["denoised"]
        return {"denoised": tf.cast(tf.clip_by_value(tf.round(found * 255), 0, 255), tf.uint8)}

    def encoded(image_bytes: tf.Tensor, *sigma: tf.Tensor) -> dict[str, tf.Tensor]:
        def single(item: tuple[tf.Tensor, ...]) -> tf.Tensor:
            pixels = _decode(item[0], channels)
            return tf.io.encode_png(eight_bits(pixels[tf.newaxis], *(s[tf.newaxis] for s in item[1:]))["denoised"][0])

        return {"denoised_bytes": tf.map_fn(single, (image_bytes, *sigma), fn_output_signature=tf.string)}

    with _traceable(model) as traced:
        archive = keras.export.ExportArchive()
        archive.track(traced)
        # The first endpoint is the signature "serving_default", too.
        archive.add_endpoint("denoise", denoise, input_signature=images(tf.float32))
        if serving:
            archive.add_endpoint("uint8", eight_bits, input_signature=images(tf.uint8))
            bytes_spec = tf.TensorSpec((None,), tf.string, "image_bytes")
            archive.add_endpoint("encoded", encoded, input_signature=[bytes_spec, *sigmas])
        archive.write_out(str(folder), verbose=False)


@contextmanager
def _traceable(model: keras.Model) -> Iterator[keras.Model]:
    """The model as TensorFlow can write it: itself, or a copy with the same weights and other names.

    Of what Keras enlarges, TensorFlow loses the number of channels, without which LiteRT knows no convolution; so for
    the while TensorFlow enlarges itself.
    """
    import keras
    import tensorflow as tf

    def enlarged(layer: Any) -> Any:
        return lambda x: tf.image.resize(x, tf.shape(x)[1:3] * tf.constant(layer.size), method=layer.interpolation)

    model = _renamed(model)
    enlarging = [
        layer
        for layer in parts(model)
        if type(layer) is keras.layers.UpSampling2D and layer.data_format == "channels_last"
    ]
    try:
        for layer in enlarging:
            layer.call = enlarged(layer)
        yield model
    finally:
        for layer in enlarging:
            del layer.call


def _renamed(model: keras.Model) -> keras.Model:
    """The model itself if its names are such as TensorFlow takes, else a copy with the same weights, whose are."""
    import keras

    def fits(part: Any) -> bool:
        return re.fullmatch(r"[A-Za-z0-9.][A-Za-z0-9_./>-]*", part.name) is not None

    if all(map(fits, parts(model))):
        return model
    numbers = itertools.count()

    def clone(layer: Any) -> Any:
        name = {} if fits(layer) else {"name": f"renamed_{next(numbers)}"}
        return type(layer).from_config(layer.get_config() | name)

    try:
        copy = keras.models.clone_model(model, clone_function=clone, recursive=True)
        copy.set_weights(model.get_weights())
    except Exception as error:  # a layer of somebody's own may be anything
        odd = next(part.name for part in parts(model) if not fits(part))
        raise UsageError(
            f"TensorFlow takes no layer named {odd!r}, and model {model.name!r} cannot be copied ({one_line(error)}); "
            "expected names of letters, numbers, and _ . - between them"
        ) from error
    for part in parts(copy):
        if not fits(part):
            part.name = f"renamed_{next(numbers)}"
    return copy


def _decode(content: Any, channels: int) -> Any:
    """A file's bytes → uint8 (h, w, channels), as Pillow has it: TensorFlow's own way to gray makes pictures darker."""
    import tensorflow as tf

    from zoo.training.sources import decode_color

    pixels = decode_color(content)
    if channels == 1:
        luma = tf.reduce_sum(tf.cast(pixels, tf.int32) * LUMA, axis=-1, keepdims=True)
        pixels = tf.cast(tf.bitwise.right_shift(luma + 2**15, 16), tf.uint8)
    return pixels


def _write_warm_up(folder: Path, facts: Facts) -> None:
    """Requests that TensorFlow Serving answers before it says that it is ready: its first user need not wait."""
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ModuleNotFoundError as error:
        raise MissingExtraError("the warm-up of a SavedModel", "export") from error
    import numpy as np
    import tensorflow as tf

    image = np.clip(noisy_scene(64, 64, facts.channels, 0), 0, 1)
    pixels = np.rint(image * 255).astype(np.uint8)
    requests = {
        "serving_default": {"image": image[np.newaxis]},
        "uint8": {"image": pixels[np.newaxis]},
        "encoded": {"image_bytes": np.array([png(pixels)])},
    }
    (folder / "assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(folder / "assets.extra" / WARM_UP)) as writer:
        for signature, feeds in requests.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = facts.name, signature
            if facts.takes_sigma:
                level = 25 / 255 if signature == "serving_default" else 25
                feeds = {**feeds, "sigma": np.array([[level]], np.float32)}
            for name, value in feeds.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
