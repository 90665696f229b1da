"""The named architectures, found by their files: NAME.py that defines a function NAME (see CONTRIBUTING.md).

Nothing heavy is imported here; Keras comes in when a model is built.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoo.errors import EntryError, InputError, UsageError, ZooError, missing, one_line
from zoo.pretrained import describe

if TYPE_CHECKING:
    import keras


# What an entry names as its architecture whose model is of somebody's own making, and where its layers stand then.
OWN, OWN_FILE = "own", "model.json"
LONGEST = 300  # characters of what Keras says


def architectures() -> list[str]:
    """The names that :func:`build` knows, sorted: each is a module here that defines a function of its own name."""
    names = []
    for module in pkgutil.iter_modules(__path__):
        file = Path(getattr(module.module_finder, "path", "")) / f"{module.name}.py"
        tree = ast.parse(file.read_text(encoding="utf-8"))
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
        raise missing("building a model", "train", error) from error
    known = inspect.signature(builder).parameters
    if unknown := sorted(set(config) - set(known)):
        raise UsageError(f"{architecture} has no argument {', '.join(unknown)}; expected some of {', '.join(known)}")
    try:
        return builder(**{name: _plain(value) for name, value in config.items()})
    except ZooError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError(f"{architecture} cannot be built with {config} ({one_line(error)})") from error


def _plain(value: Any) -> Any:
    """Numbers of numpy's as Python's, which JSON knows, and Keras."""
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value))
    return value.tolist() if hasattr(value, "tolist") else value  # of a number or an array, without importing numpy


def encoder(model: keras.Model) -> keras.Model:
    """The part of ``model`` from the image to its learned code: image (n, h, w, C) → code (n, h/k, w/k, features).

    Raises:
        UsageError: A model without a layer named ``code``.
    """
    import keras

    if not any(layer.name == "code" for layer in model.layers):
        raise UsageError(f"model {model.name!r} has no layer named 'code'; expected a model made by zoo.build")
    return keras.Model(model.input, model.get_layer("code").output, name=f"{model.name}_encoder")


def load_keras(name: str | os.PathLike[str]) -> keras.Model:
    """A trainable Keras model: a pretrained entry by its name or folder, or a model that Keras has saved.

    Args:
        name: Of an entry, or the path of an entry's folder or of a .keras file.

    Raises:
        UsageError: An unknown name. EntryError: Damaged weights. InputError: A .keras file that is not there or not one
            of Keras. MissingExtraError: Keras is not installed.
    """
    path = Path(name)
    if path.suffix == ".keras":
        return _read(path)
    entry = describe(name)
    weights = entry.file("model.weights.h5")
    own = entry.architecture == OWN
    model = own_model(entry.file(OWN_FILE)) if own else build(entry.architecture, **entry.config)
    try:
        model.load_weights(weights)
    except (ValueError, OSError, KeyError) as error:
        raise EntryError(
            f"the weights of {entry.name!r} are not those of its network ({one_line(error)}): made by another version "
            "of this package, or changed; publish it again"
        ) from error
    return model


def own_model(path: Path) -> keras.Model:
    """The model whose layers a file of an entry lists (``model.to_json()``), untrained. Raises InputError."""
    return _read(path, lambda keras: keras.models.model_from_json(path.read_text(encoding="utf-8")))


def _read(path: Path, read: Callable[[Any], keras.Model] | None = None) -> keras.Model:
    if not path.is_file():
        raise InputError(f"no such file: {str(path)!r}; expected a model saved by Keras")
    try:
        import keras

        # Those register the layers that the file may name.
        for module in ("layers", *(name.replace("-", "_") for name in architectures())):
            importlib.import_module(f"{__name__}.{module}")
    except ModuleNotFoundError as error:
        raise missing("a .keras file", "train", error) from error
    try:
        # Safe mode, which is the default for JSON: a file must not bring code of its own.
        model = read(keras) if read else keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{str(path)!r} cannot be read ({reason_of(error)}); expected a model saved by Keras"
        ) from error
    if not isinstance(model, keras.Model):
        raise InputError(f"{str(path)!r} holds {type(model).__name__}; expected a model saved by Keras")
    return model


def reason_of(error: BaseException) -> str:
    """What Keras says, without the whole config that it adds."""
    words = one_line(error)
    if found := re.search(r"Could not locate class '([^']+)'", words):
        return f"its layer class {found[1]!r} is not known: import the module that defines it first, and registers it"
    return words if len(words) <= LONGEST else f"{words[:LONGEST]} …"


class _CallableModule(ModuleType):
    """``zoo.architectures()`` is a public function, and importing this package binds the package to the same name."""

    def __call__(self) -> list[str]:
        return architectures()


sys.modules[__name__].__class__ = _CallableModule
