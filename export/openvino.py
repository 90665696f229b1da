"""``to_openvino``: OpenVINO's own format (IR), for Intel's processors and graphics."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from export.deliver import deliver_folder
from export.guide import Facts, page, python_openvino
from export.onnx_file import onnx_model
from export.parity import Parity
from export.sizes import check_colors
from zoo.errors import MissingExtraError

if TYPE_CHECKING:
    import keras

FILE = "model.xml"


def to_openvino(
    model: keras.Model, path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
) -> Parity:
    """Write PATH/model.xml and PATH/model.bin, in float32, once they have been compared with Keras.

    Inputs, outputs, results and errors as of :func:`export.to_onnx`, from whose graph it is made.

    Raises:
        MissingExtraError: Also: ``openvino`` is not installed.
    """
    try:
        import openvino
    except ModuleNotFoundError as error:
        raise MissingExtraError("exporting to OpenVINO", "export") from error
    import io

    check_colors(model)
    proto, facts = onnx_model(model, metadata=metadata), Facts.of(model, metadata)

    def write(folder: Path) -> None:
        # Not convert_model, which reports to its makers.
        converted = openvino.Core().read_model(io.BytesIO(proto.SerializeToString()))
        for key, value in (metadata or {}).items():
            converted.set_rt_info(value, ["model_info", key])
        openvino.save_model(converted, folder / FILE, compress_to_fp16=False)

    guide = page(facts, "OpenVINO", ("Python (openvino)", "python", python_openvino(facts, FILE)))
    return deliver_folder(model, path, write, guide=guide, facts={"format": "openvino"})
