"""From a Keras model to what others use: ONNX files, SavedModels, and entries of the zoo."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.entry import publish
    from export.litert import to_litert, to_litert_int8
    from export.onnx_file import to_onnx
    from export.onnx_fp16 import to_onnx_fp16
    from export.onnx_int8 import to_onnx_int8
    from export.openvino import to_openvino
    from export.parity import Parity, check_parity
    from export.saved_model import to_saved_model
    from export.sizes import any_size
    from export.triton import to_triton
    from export.web import to_web

# Imported when asked for: `import export` needs none of the packages that the formats need.
_PUBLIC = {
    "Parity": "export.parity",
    "any_size": "export.sizes",
    "check_parity": "export.parity",
    "publish": "export.entry",
    "to_litert": "export.litert",
    "to_litert_int8": "export.litert",
    "to_onnx": "export.onnx_file",
    "to_onnx_fp16": "export.onnx_fp16",
    "to_onnx_int8": "export.onnx_int8",
    "to_openvino": "export.openvino",
    "to_saved_model": "export.saved_model",
    "to_triton": "export.triton",
    "to_web": "export.web",
}

__all__ = [
    "Parity",
    "any_size",
    "check_parity",
    "publish",
    "to_litert",
    "to_litert_int8",
    "to_onnx",
    "to_onnx_fp16",
    "to_onnx_int8",
    "to_openvino",
    "to_saved_model",
    "to_triton",
    "to_web",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'export' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
