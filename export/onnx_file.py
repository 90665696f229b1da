"""``to_onnx``: a Keras model as an ONNX file, in which every size of image works."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from export.deliver import deliver_file, version
from export.guide import Facts, onnx_page
from export.parity import Parity, check_parity
from export.runtimes import INPUTS, IO, OUTPUT
from zoo.architectures.accounting import account
from zoo.architectures.form import check_form, expect_same_size
from zoo.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    import keras
    import onnx

OPSET = 18  # what runtimes of the last years know
Layout = Literal["nhwc", "nchw"]
ENDING = ".onnx"


def to_onnx(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    layout: Layout = "nhwc",
    io: IO = "float32",
    metadata: Mapping[str, str] | None = None,
    opset: int = OPSET,
) -> Parity:
    """Write a model as an ONNX file, once it has been compared with Keras on several sizes.

    Input ``image`` float32 [n, height, width, C] in [0, 1], any n, height, width ≥ 1; for a model that takes the noise
    level also ``sigma`` float32 [n, 1] on the same scale. Output ``denoised`` like the image, not clipped. Works under
    any Keras backend; a model in mixed precision is written, and compared, in float32. Beside the file come PATH.json,
    the report of the comparison, and PATH.md, how to use the file from Python and C++.

    Args:
        model: A functional model of layers that the zoo knows (export/onnx_nodes.py).
        path: The file; one that is there already is replaced, when all is well.
        layout: "nhwc", or "nchw" for images [n, C, height, width].
        io: "float32", or "uint8" for images of 0 to 255 on both sides: scaling, rounding and clipping are then part of
            the graph, and sigma is on that scale.
        metadata: Facts to go into the file, beside what is read from the model and found in the comparison.
        opset: Of ONNX, from 18 on.

    Returns:
        What the comparison found.

    Raises:
        ParityError: The file would differ from Keras; nothing is written. UsageError: An unknown layer, layout, io,
            opset or path. MissingExtraError: ``onnx`` is not installed.
    """
    proto = onnx_model(model, layout=layout, io=io, metadata=metadata, opset=opset)
    return deliver_file(
        model,
        path,
        lambda place: save(proto, place),
        ending=ENDING,
        guide=onnx_page(Facts.of(model, metadata, io=io, layout=layout), "ONNX", Path(path).name),
        facts={"format": "onnx", "layout": layout, "io": io, "opset": opset, "nodes": len(proto.graph.node)},
        finish=lambda place, parity: save(with_facts(proto, parity_facts(parity)), place),
    )


def write_entry_model(
    model: keras.Model, path: Path, metadata: Mapping[str, str], storage: Literal["float32", "float16"] = "float32"
) -> Parity:
    """The ONNX file of an entry, alone.

    Args:
        storage: "float16" for weights that are half-precision numbers already: they are kept as such, and made float32
            again when the file is loaded.
    """
    proto = onnx_model(model, metadata=metadata)
    save(_halved(proto) if storage == "float16" else proto, path)
    return check_parity(model, path)


def _halved(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, each weight behind a conversion, which ONNX Runtime does once and for all when it loads."""
    import onnx

    graph, casts = proto.graph, []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or not np.array_equal(values.astype(np.float16).astype(np.float32), values):
            continue
        name = weight.name
        weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
        casts.append(onnx.helper.make_node("Cast", [weight.name], [name], f"{name}/float", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def onnx_model(
    model: keras.Model,
    *,
    layout: Layout = "nhwc",
    io: IO = "float32",
    metadata: Mapping[str, str] | None = None,
    opset: int = OPSET,
) -> onnx.ModelProto:
    """A model as ONNX, checked, in memory. Arguments and errors as of :func:`to_onnx`."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting to ONNX", "export") from error
    known = onnx.defs.onnx_opset_version()
    if isinstance(opset, bool) or not isinstance(opset, int) or not OPSET <= opset <= known:
        raise UsageError(f"opset={opset!r}; expected a number from {OPSET} to {known}")
    if layout not in get_args(Layout) or io not in get_args(IO):
        raise UsageError(f"layout={layout!r}, io={io!r}; expected 'nhwc' or 'nchw', and 'float32' or 'uint8'")
    check_form(model)
    facts = account(model)  # which tells better than a node what does not fit
    expect_same_size(model, facts.size, facts.layers[-1].shape[:2])
    proto = _proto(model, layout, io, opset)
    described = {
        "layout": f"{layout.upper()}, {io}",
        "range": "0 to 255, rounded and clipped" if io == "uint8" else "[0, 1], not clipped on either side",
        "halo": str(facts.halo),
        "multiple_of": str(facts.multiple_of),
    }
    with_facts(proto, described | dict(metadata or {}))
    onnx.checker.check_model(proto, full_check=True)
    return proto


def with_facts(proto: onnx.ModelProto, facts: Mapping[str, str]) -> onnx.ModelProto:
    """The same model, with more metadata."""
    import onnx

    onnx.helper.set_model_props(proto, {prop.key: prop.value for prop in proto.metadata_props} | dict(facts))
    return proto


def parity_facts(parity: Parity) -> dict[str, str]:
    """What a comparison found, as metadata."""
    return {"parity_max_abs": f"{parity.max_abs:.3g}", "parity_mean_abs": f"{parity.mean_abs:.3g}"}


def save(proto: onnx.ModelProto, path: Path) -> None:
    """The same model gives the same bytes."""
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _proto(model: keras.Model, layout: Layout, io: IO, opset: int) -> onnx.ModelProto:
    import onnx
    from onnx import TensorProto, helper

    from export.onnx_layers import convert

    image, sigma = INPUTS
    graph = convert(
        model, image=image, sigma=sigma, output=OUTPUT, channels_last=layout == "nhwc", eight_bits=io == "uint8"
    )
    channels, kind = model.inputs[0].shape[-1], TensorProto.UINT8 if io == "uint8" else TensorProto.FLOAT
    shape = ["n", "height", "width", channels] if layout == "nhwc" else ["n", channels, "height", "width"]
    inputs = [helper.make_tensor_value_info(image, kind, shape)]
    if len(model.inputs) > 1:
        inputs.append(helper.make_tensor_value_info(sigma, TensorProto.FLOAT, ["n", 1]))
    outputs = [helper.make_tensor_value_info(OUTPUT, kind, shape)]
    weights = [onnx.numpy_helper.from_array(values, name) for name, values in graph.weights.items()]
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(
        helper.make_graph(graph.nodes, model.name, inputs, outputs, weights),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="denoise-zoo",
        producer_version=version("denoise-zoo"),
    )
