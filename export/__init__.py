"""From a Keras model to what others use: ONNX files, SavedModels, and entries of the zoo."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export.entry import publish
    from export.onnx_file import to_onnx
    from export.parity import Parity, check_parity
    from export.saved_model import to_saved_model

# Imported when asked for: `import export` needs none of the packages that the formats need.
_PUBLIC = {
    "Parity": "export.parity",
    "check_parity": "export.parity",
    "publish": "export.entry",
    "to_onnx": "export.onnx_file",
    "to_saved_model": "export.saved_model",
}

__all__ = ["Parity", "check_parity", "publish", "to_onnx", "to_saved_model"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'export' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
