"""``to_onnx_fp16``: half the size, for GPUs; slower than float32 on most CPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from export.deliver import deliver_file
from export.guide import Facts, onnx_page
from export.onnx_file import ENDING, OPSET, Layout, onnx_model, parity_facts, save, with_facts
from export.parity import Parity
from export.runtimes import IO

if TYPE_CHECKING:
    import keras

# Half precision has steps of 1/2048 just below 1; what comes out may be off by a few.
TOLERANCE = 0.01


def to_onnx_fp16(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    layout: Layout = "nhwc",
    io: IO = "float32",
    metadata: Mapping[str, str] | None = None,
    opset: int = OPSET,
) -> Parity:
    """Write a model as an ONNX file that computes, and stores its weights, in half precision.

    Inputs and outputs are those of :func:`export.to_onnx`, float32 unless ``io`` says otherwise: the file can stand in
    for that one. So are arguments, results and errors. It may differ from Keras by 0.01, or 2.5 steps of 8 bits.
    """
    facts = dict(metadata or {}) | {"precision": "float16"}
    whole = onnx_model(model, layout=layout, io=io, metadata=facts, opset=opset)
    from onnxruntime.transformers.float16 import convert_float_to_float16  # which needs onnx, too

    proto = convert_float_to_float16(whole, keep_io_types=True)
    return deliver_file(
        model,
        path,
        lambda place: save(proto, place),
        ending=ENDING,
        guide=onnx_page(Facts.of(model, metadata, io=io, layout=layout), "ONNX, half precision", Path(path).name),
        tolerance=TOLERANCE,
        facts={"format": "onnx-fp16", "layout": layout, "io": io, "opset": opset},
        finish=lambda place, parity: save(with_facts(proto, parity_facts(parity)), place),
    )
