"""``to_triton``: a model repository for the Triton Inference Server."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from export.deliver import deliver_folder
from export.guide import Facts, page, python_triton
from export.onnx_file import onnx_model, parity_facts, save, with_facts
from export.parity import TOLERANCE, Parity, check_parity
from export.runtimes import IO
from export.sizes import check_colors
from zoo.errors import UsageError

if TYPE_CHECKING:
    import keras

MAX_BATCH = 8
# How long a request may wait for others of its size, to be computed together with them.
WAIT_MICROSECONDS = 2000
WARM_UP_SIDE = 256


def to_triton(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    io: IO = "float32",
    metadata: Mapping[str, str] | None = None,
) -> Parity:
    """Write a model repository: PATH/NAME/config.pbtxt and PATH/NAME/1/model.onnx, for ``tritonserver
    --model-repository=PATH``.

    Requests of the same size are computed together, up to 8 images, and the model is warmed up before it is ready.
    NAME is the "name" in ``metadata``, or else the model's. Inputs, outputs, results and errors as of
    :func:`export.to_onnx`.

    Raises:
        UsageError: Also a name that cannot be that of a folder, and a repository that holds another model, which would
            be replaced.
    """
    facts = Facts.of(model, metadata, io=io)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", facts.name):
        raise UsageError(f"model name {facts.name!r}; expected letters, numbers, and _ . - between them")
    if others := sorted(p.parent.name for p in Path(path).glob("*/config.pbtxt") if p.parent.name != facts.name):
        raise UsageError(
            f"{str(path)!r} holds {', '.join(others)}, which would be lost; expected a folder of its own for "
            f"{facts.name!r}, to be moved beside it, or served by a second --model-repository"
        )
    check_colors(model)
    proto = onnx_model(model, io=io, metadata=metadata)

    def write(folder: Path) -> None:
        place = folder / facts.name / "1" / "model.onnx"
        place.parent.mkdir(parents=True)
        save(proto, place)
        save(with_facts(proto, parity_facts(check_parity(model, place, tolerance=TOLERANCE))), place)
        (folder / facts.name / "config.pbtxt").write_text(config(facts), encoding="utf-8")

    guide = page(
        facts,
        "Triton model repository",
        ("Serve", "sh", 'tritonserver --model-repository="$PWD"\n'),
        ("Python (tritonclient)", "python", python_triton(facts)),
        note=f"A request holds up to {MAX_BATCH} images (`max_batch_size` in config.pbtxt).",
    )
    return deliver_folder(model, path, write, guide=guide, facts={"format": "triton", "io": io})


def config(facts: Facts) -> str:
    """The content of config.pbtxt (model_config.proto). The first dimension, that of the batch, is left out."""
    kind = "TYPE_UINT8" if facts.io == "uint8" else "TYPE_FP32"
    dims = f"[ -1, -1, {facts.channels} ]"
    sigma = ', { name: "sigma" data_type: TYPE_FP32 dims: [ 1 ] }' if facts.takes_sigma else ""
    warm = f"dims: [ {WARM_UP_SIDE}, {WARM_UP_SIDE}, {facts.channels} ]"
    warm_sigma = (
        '\n    inputs { key: "sigma" value: { data_type: TYPE_FP32 dims: [ 1 ] random_data: true } }'
        if facts.takes_sigma
        else ""
    )
    return f"""name: "{facts.name}"
backend: "onnxruntime"
default_model_filename: "model.onnx"
max_batch_size: {MAX_BATCH}
input [ {{ name: "image" data_type: {kind} dims: {dims} }}{sigma} ]
output [ {{ name: "denoised" data_type: {kind} dims: {dims} }} ]
dynamic_batching {{ max_queue_delay_microseconds: {WAIT_MICROSECONDS} }}
model_warmup [
  {{
    name: "one image"
    batch_size: 1
    inputs {{ key: "image" value: {{ data_type: {kind} {warm} random_data: true }} }}{warm_sigma}
  }}
]
"""
