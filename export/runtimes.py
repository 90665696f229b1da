"""How each kind of artifact is run, as its users would run it, so that it can be compared with Keras.

Every runner takes images NHWC and, for models that want one, the noise level (n, 1), and gives images NHWC, whatever
layout the artifact has itself. ``io`` says of what type both are.
"""

from __future__ import annotations

import io as streams
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.errors import MissingExtraError, UsageError, one_line
from zoo.inference.onnx_runtime import REFUSED, onnxruntime, session_options

IO = Literal["float32", "uint8"]
INPUTS = ("image", "sigma")
OUTPUT = "denoised"


@dataclass(frozen=True)
class Runner:
    """An artifact, ready to run. With ``io`` "uint8", the noise level is on the 0–255 scale, as the image is."""

    run: Callable[[list[np.ndarray]], np.ndarray]
    io: IO = "float32"


def runners(artifact: Path) -> dict[str, Runner]:
    """All ways to run an artifact, by name: one, or the signatures of a SavedModel.

    Raises:
        UsageError: No such artifact, or of unknown form. MissingExtraError: Its runtime is not installed.
    """
    if artifact.is_file() and (ending := artifact.suffix.lower()) in FILES:
        return FILES[ending](artifact)
    if artifact.is_dir():
        if found := sorted(artifact.glob("**/saved_model.pb")):
            return _saved_model(found[0].parent)
        for ending in (".onnx", ".xml"):  # of Triton, of OpenVINO
            if found := sorted(artifact.glob(f"**/*{ending}")):
                return FILES[ending](found[0])
    raise UsageError(
        f"no artifact {str(artifact)!r}; expected a file ending in {', '.join(FILES)}, or the folder of a SavedModel, "
        "of OpenVINO or of Triton"
    )


def _onnx(path: Path) -> dict[str, Runner]:
    """With all of ONNX Runtime's optimizations, and with none."""

    def opened(level: onnxruntime.GraphOptimizationLevel) -> Runner:
        options = session_options()
        options.graph_optimization_level = level
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except REFUSED as error:
            raise UsageError(
                f"ONNX Runtime {onnxruntime.__version__} cannot run {str(path)!r} ({one_line(error)}); expected a "
                "whole file, of an opset that it knows"
            ) from error
        image = session.get_inputs()[0]
        channels_first = isinstance(image.shape[1], int)

        def run(inputs: list[np.ndarray]) -> np.ndarray:
            if channels_first:
                inputs = [np.ascontiguousarray(inputs[0].transpose(0, 3, 1, 2)), *inputs[1:]]
            output = np.asarray(session.run([OUTPUT], dict(zip(INPUTS, inputs, strict=False)))[0])
            return output.transpose(0, 2, 3, 1) if channels_first else output

        return Runner(run, "uint8" if "uint8" in image.type else "float32")

    levels = onnxruntime.GraphOptimizationLevel
    return {"optimized": opened(levels.ORT_ENABLE_ALL), "as written": opened(levels.ORT_DISABLE_ALL)}


def _saved_model(folder: Path) -> dict[str, Runner]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    signatures = loaded.signatures

    def called(name: str, inputs: dict[str, Any]) -> Any:
        assert loaded is not None  # its variables live as long as it does
        return signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})

    def arrays(name: str) -> Callable[[list[np.ndarray]], np.ndarray]:
        return lambda inputs: called(name, dict(zip(INPUTS, inputs, strict=False)))[OUTPUT].numpy()

    def encoded(inputs: list[np.ndarray]) -> np.ndarray:
        image, *sigma = inputs
        feeds = {"image_bytes": np.array([png(single) for single in image]), **({"sigma": sigma[0]} if sigma else {})}
        return np.stack([from_png(content) for content in called("encoded", feeds)["denoised_bytes"].numpy()])

    found = {"serving_default": Runner(arrays("serving_default"))}
    if "uint8" in signatures:
        found |= {"uint8": Runner(arrays("uint8"), "uint8"), "encoded": Runner(encoded, "uint8")}
    return found


def png(image: np.ndarray) -> bytes:
    """An image of 8 bits, H×W×C, as the content of a PNG file."""
    from PIL import Image

    buffer = streams.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def from_png(content: bytes) -> np.ndarray:
    """The image of 8 bits in a PNG file, H×W×C."""
    from PIL import Image

    image = np.asarray(Image.open(streams.BytesIO(content)))
    return image[..., np.newaxis] if image.ndim == 2 else image


def _litert(path: Path) -> dict[str, Runner]:
    return {"litert": Runner(litert(path.read_bytes()))}


def litert(content: bytes) -> Callable[[list[np.ndarray]], np.ndarray]:
    """A LiteRT model that runs."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise MissingExtraError("running a LiteRT model", "export") from error
    try:
        interpreter = Interpreter(model_content=content)
    except ValueError as error:
        raise UsageError(f"LiteRT cannot run the model ({one_line(error)}); expected a whole file") from error
    details = {name: part for part in interpreter.get_input_details() for name in INPUTS if name in part["name"]}
    output = interpreter.get_output_details()[0]["index"]

    def run(inputs: list[np.ndarray]) -> np.ndarray:
        named = list(zip(INPUTS, inputs, strict=False))
        for name, value in named:
            interpreter.resize_tensor_input(details[name]["index"], value.shape)
        interpreter.allocate_tensors()
        for name, value in named:
            interpreter.set_tensor(details[name]["index"], value)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return run


def _openvino(path: Path) -> dict[str, Runner]:
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise MissingExtraError("running an OpenVINO model", "export") from error
    # On some processors OpenVINO computes in bfloat16 unless it is told to be exact.
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(inputs: list[np.ndarray]) -> np.ndarray:
        return np.array(compiled(dict(zip(INPUTS, inputs, strict=False)))[OUTPUT])

    return {"openvino": Runner(run)}


FILES: dict[str, Callable[[Path], dict[str, Runner]]] = {".onnx": _onnx, ".tflite": _litert, ".xml": _openvino}
