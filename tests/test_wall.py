"""The walls of the house, read from the imports of every file, lazy ones included."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zoo

ROOT = Path(__file__).parents[1]
HEAVY = ("keras", "tensorflow", "tensorflow_datasets", "jax", "torch", "onnx", "tf2onnx")
LOOKING_INTO_BOTH = ("zoo.evaluation", "zoo.finetuning", "zoo.cli", "export", "scripts")


def imports(source: str, package: str) -> Iterator[str]:
    """Every module that ``source`` imports anywhere, by its full name; a public name of zoo as the module behind it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parents, *([node.module] if node.module else [])])
            yield module
            for alias in node.names:
                behind = zoo._PUBLIC.get(alias.name) if module == "zoo" else None
                yield behind[0] if behind else f"{module}.{alias.name}"
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield str(node.args[0].value)


def trespasses(source: str, package: str, forbidden: tuple[str, ...]) -> list[str]:
    return [m for m in imports(source, package) if any(m == f or m.startswith(f"{f}.") for f in forbidden)]


def files(*places: str) -> list[Path]:
    found = [
        path
        for place in places
        for path in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py")))
    ]
    assert found, places
    return found


def check(paths: list[Path], forbidden: tuple[str, ...]) -> None:
    for path in paths:
        package = ".".join(path.relative_to(ROOT).parent.parts)
        assert not trespasses(path.read_text(encoding="utf-8"), package, forbidden), path.relative_to(ROOT)


def test_inference_knows_no_keras() -> None:
    check(files("zoo/inference"), (*HEAVY, "zoo.training", "zoo.architectures", *LOOKING_INTO_BOTH))


def test_what_both_wings_stand_on_knows_neither() -> None:
    wings = ("zoo.training", "zoo.architectures", "zoo.inference", "onnxruntime", *LOOKING_INTO_BOTH)
    modules = ("pretrained", "noise", "errors", "folders", "pillow", "scale", "atomic")
    check(files(*(f"zoo/{name}.py" for name in modules)), (*HEAVY, *wings))


def test_training_knows_no_inference() -> None:
    check(files("zoo/architectures", "zoo/training"), ("zoo.inference", "onnxruntime", *LOOKING_INTO_BOTH))


def test_only_the_command_and_finetuning_know_export() -> None:
    knowing = {ROOT / "zoo" / "cli", ROOT / "zoo" / "finetuning"}  # the result of fine-tuning is an entry
    others = [path for path in files("zoo") if not knowing & set(path.parents)]
    check(others, ("export", "scripts", "zoo.cli"))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import keras", ["keras"]),
        ("def f():\n    from keras import layers", ["keras", "keras.layers"]),
        ("from zoo import fit", ["zoo.training.fit"]),
        ("from zoo import training", ["zoo.training"]),
        ("from ..training import fit", ["zoo.training", "zoo.training.fit"]),
        ("from . import images", []),
        ("import importlib\nimportlib.import_module('keras.layers')", ["keras.layers"]),
        ("from zoo import describe\nimport kerasish", []),
    ],
)
def test_the_wall_is_seen(source: str, found: list[str]) -> None:
    assert trespasses(source, "zoo.inference", ("keras", "zoo.training")) == found
