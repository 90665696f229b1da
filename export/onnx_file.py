"""``to_onnx``: a Keras model as an ONNX file, in which every size of image works."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import metadata as installed
from typing import TYPE_CHECKING

from export.parity import Parity, check_parity
from zoo.architectures.accounting import account
from zoo.atomic import file_beside
from zoo.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import keras
    import onnx

IMAGE, SIGMA, OUTPUT = "image", "sigma", "denoised"
OPSET = 18  # Pad with axes; what runtimes of the last years know


def to_onnx(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
    opset: int = OPSET,
) -> Parity:
    """Write a model as an ONNX file, once it has been compared with Keras on several sizes.

    Input ``image`` float32 [n, height, width, C] in [0, 1], any n, height, width ≥ 1; for a model that takes the noise
    level also ``sigma`` float32 [n, 1] on the same scale. Output ``denoised`` like the image, not clipped. Works under
    any Keras backend; a model in mixed precision is written, and compared, in float32.

    Args:
        model: A functional model of layers that the zoo knows (export/onnx_layers.py).
        path: The file; one that is there already is replaced, when all is well.
        metadata: Facts to go into the file, beside what is read from the model: layout, range, halo, multiple_of.
        opset: Of ONNX, from 18 on.

    Returns:
        What the comparison found.

    Raises:
        ParityError: The file would differ from Keras; nothing is written. UsageError: An unknown layer, opset or path.
        MissingExtraError: ``onnx`` is not installed.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting to ONNX", "export") from error
    known = onnx.defs.onnx_opset_version()
    if isinstance(opset, bool) or not isinstance(opset, int) or not OPSET <= opset <= known:
        raise UsageError(f"opset={opset!r}; expected a number from {OPSET} to {known}")
    proto = _proto(model, opset)
    facts = account(model)
    known_facts = {
        "layout": "NHWC, float32",
        "range": "[0, 1], not clipped on either side",
        "halo": str(facts.halo),
        "multiple_of": str(facts.multiple_of),
    }
    onnx.helper.set_model_props(proto, known_facts | dict(metadata or {}))
    onnx.checker.check_model(proto, full_check=True)
    with file_beside(path) as temporary:
        temporary.write_bytes(proto.SerializeToString(deterministic=True))
        return check_parity(model, temporary)


def _proto(model: keras.Model, opset: int) -> onnx.ModelProto:
    import onnx
    from onnx import TensorProto, helper

    from export.onnx_layers import convert

    if len(model.inputs) > 2 or len(model.outputs) != 1:
        raise UsageError(
            f"model {model.name!r} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; expected an image, "
            "perhaps the noise level, and one output"
        )
    graph = convert(model, image=IMAGE, sigma=SIGMA, output=OUTPUT)
    shape = ["n", "height", "width", model.inputs[0].shape[-1]]
    inputs = [helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, shape)]
    if len(model.inputs) > 1:
        inputs.append(helper.make_tensor_value_info(SIGMA, TensorProto.FLOAT, ["n", 1]))
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape)]
    weights = [onnx.numpy_helper.from_array(values, name) for name, values in graph.weights.items()]
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(
        helper.make_graph(graph.nodes, model.name, inputs, outputs, weights),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="denoise-zoo",
        producer_version=zoo_version(),
    )


def zoo_version() -> str:
    """The version of the zoo that is installed; empty where it runs from its sources."""
    try:
        return installed.version("denoise-zoo")
    except installed.PackageNotFoundError:
        return ""
