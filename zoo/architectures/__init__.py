"""The named architectures, found by their files: NAME.py that defines a function NAME (see CONTRIBUTING.md).

Nothing heavy is imported here; Keras comes in when a model is built.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo.errors import MissingExtraError, UsageError
from zoo.pretrained import describe

if TYPE_CHECKING:
    import keras


def architectures() -> list[str]:
    """The names that :func:`build` knows, sorted: each is a module here that defines a function of its own name."""
    names = []
    for module in pkgutil.iter_modules(__path__):
        tree = ast.parse((Path(__path__[0]) / f"{module.name}.py").read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == module.name for node in tree.body):
            names.append(module.name.replace("_", "-"))
    return sorted(names)


def build(architecture: str, **config: Any) -> keras.Model:
    """Build an untrained model: image (n, h, w, channels) float32 in [0, 1] → the same shape, any h, w ≥ 1.

    Args:
        architecture: One of :func:`architectures`.
        **config: The keyword arguments of the function of that name, such as ``channels=3``.

    Raises:
        UsageError: An unknown architecture, or an argument that it does not have.
        MissingExtraError: Keras is not installed.
    """
    if architecture not in architectures():
        raise UsageError(f"unknown architecture {architecture!r}; expected one of {', '.join(architectures())}")
    name = architecture.replace("-", "_")
    try:
        builder = getattr(importlib.import_module(f"{__name__}.{name}"), name)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("zoo"):
            raise
        raise MissingExtraError("building a model", "train") from error
    known = inspect.signature(builder).parameters
    if unknown := sorted(set(config) - set(known)):
        raise UsageError(f"{architecture} has no argument {', '.join(unknown)}; expected some of {', '.join(known)}")
    return builder(**config)


def encoder(model: keras.Model) -> keras.Model:
    """The part of ``model`` from the image to its learned code: image (n, h, w, C) → code (n, h/k, w/k, features).

    Raises:
        UsageError: A model without a layer named ``code``.
    """
    import keras

    if not any(layer.name == "code" for layer in model.layers):
        raise UsageError(f"model {model.name!r} has no layer named 'code'; expected a model made by zoo.build")
    return keras.Model(model.input, model.get_layer("code").output, name=f"{model.name}_encoder")


def load_keras(name: str) -> keras.Model:
    """A pretrained entry as a trainable Keras model: ``name`` of an entry, or the path of an entry's folder.

    Raises:
        UsageError: An unknown name. EntryError: damaged weights. MissingExtraError: Keras is not installed.
    """
    entry = describe(name)
    weights = entry.file("model.weights.h5")
    model = build(entry.architecture, **entry.config)
    model.load_weights(weights)
    return model


class _CallableModule(ModuleType):
    """``zoo.architectures()`` is a public function, and importing this package binds the package to the same name."""

    def __call__(self) -> list[str]:
        return architectures()


sys.modules[__name__].__class__ = _CallableModule
