"""The recipes of the shipped entries: what their cards say, and how stages follow one another."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

import export
import zoo

RECIPES = Path(__file__).parents[1] / "scripts" / "recipes"


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a file of the recipes."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(RECIPES)
    yield importlib.import_module
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(RECIPES)):
            del sys.modules[name]


@pytest.mark.parametrize("name", zoo.list_pretrained())
def test_an_entry_tells_the_recipe_that_made_it(name: str, recipes: Callable[[str], ModuleType]) -> None:
    entry, recipe = zoo.describe(name), recipes(name.replace("-", "_")).RECIPE
    wanted = {"fit": recipe.fit, "augment": recipe.augment, "mixed_precision": recipe.mixed_precision}
    wanted |= {"start": recipe.start, **({"finish": recipe.finish} if recipe.finish else {})}
    told = {key: entry.recipe.get(key) for key in wanted}
    assert told == json.loads(json.dumps(wanted))
    assert set(entry.recipe) - set(wanted) <= {"command", "docstring", "steps", "minutes", "validation_psnr"}
    assert (recipe.name, recipe.architecture, recipe.config) == (name, entry.architecture, entry.config)
    assert recipe.noise == entry.noise


Run = Callable[..., tuple[float, dict[str, Any]]]


@pytest.fixture
def run(recipes: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A recipe of three stages by its command line: the value that all weights which are published have, and the facts.
    Training adds 8 to them. What ships has 1000 everywhere, or what was published last.
    """
    train_entry = recipes("train_entry")
    for name in ("train", "val"):
        (tmp_path / name).mkdir()
    (tmp_path / "SOURCES.csv").write_text("file,width,height,source,licence,author\ntrain/a.png,9,9,here,CC0,Ann\n")
    config = {"channels": 1, "widths": [4, 4], "encoder_depths": [1, 1], "decoder_depths": [1]}
    stages = ({"seed": 1, "share": 0.25}, {"seed": 2, "share": 0.5})
    recipe = train_entry.Recipe("toy", "resnet", config, "gaussian:25", {"seed": 0}, finish=stages, start="parent")
    shipped = {"value": 1000.0, "steps": 10, "minutes": 1.0}
    published: dict[str, Any] = {}

    def model_of(value: float) -> keras.Model:
        model = zoo.build("resnet", **config)
        model.set_weights([np.full(w.shape, value, np.float32) for w in model.weights])
        return model

    def fit(model: keras.Model, train: str, val: str, *, out: Path, resume: bool, **options: Any) -> None:
        assert "share" not in options and options["noise"] == "gaussian:25"
        if not (resume and (out / "done").exists()):
            if options["seed"] == shipped.get("fails"):
                raise zoo.ZooError("the power went off")
            out.mkdir(parents=True, exist_ok=True)
            model.set_weights([w + 8 for w in model.get_weights()])
            model.save_weights(out / "best.weights.h5")
            (out / "run.json").write_text(json.dumps({"step": 5, "minutes": 2.0, "best_psnr": 30.0}))
            (out / "done").touch()
        model.load_weights(out / "best.weights.h5")

    def publish(model: keras.Model, name: str, **facts: Any) -> None:
        [value] = {float(v) for w in model.get_weights() for v in np.unique(w)}
        published.update(facts["recipe"], value=value)
        shipped.update(value=value, steps=facts["recipe"]["steps"], minutes=facts["recipe"]["minutes"])

    monkeypatch.setattr(zoo, "fit", fit)
    monkeypatch.setattr(export, "publish", publish)
    monkeypatch.setattr(zoo, "load_keras", lambda name: model_of(shipped["value"] if name == "toy" else 100))
    monkeypatch.setattr(zoo, "describe", lambda name: SimpleNamespace(recipe=shipped))

    def run(*options: str, fails: int | None = None, **last: Any) -> tuple[float, dict[str, Any]]:
        shipped["fails"] = fails
        changed = replace(recipe, finish=(stages[0], {**stages[1], **last}))
        arguments = ["toy.py", "--data", str(tmp_path), "--run", str(tmp_path / "run"), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        train_entry.train_entry(changed)
        return published["value"], published

    return run


def test_each_stage_goes_on_from_the_mean_that_would_be_published(run: Run) -> None:
    """100 + 8; a quarter of 8 more; half of 8 more."""
    value, facts = run()
    assert value == 100 + 8 + 2 + 4
    assert facts["steps"] == 15 and facts["minutes"] == 6 and "validation_psnr" not in facts
    assert facts["finish"] == [{"seed": 1, "share": 0.25}, {"seed": 2, "share": 0.5}]
    assert run("--publish-only")[0] == value


def test_a_mean_may_be_with_the_weights_before_earlier_stages(run: Run) -> None:
    """108 before the two, 110 + 8 after."""
    assert run(stages=2)[0] == 113 == run("--publish-only", stages=2)[0]
    with pytest.raises(SystemExit, match="expected all of them, without --last"):
        run("--last", stages=2)


@pytest.mark.parametrize("fails", [0, 1, 2])
def test_a_run_that_was_cut_off_is_resumed_from_where_it_was(run: Run, fails: int) -> None:
    with pytest.raises(SystemExit, match="the power went off"):
        run(fails=fails)
    if fails == 0:
        with pytest.raises(SystemExit, match="no weights yet; train first"):
            run("--publish-only")
    else:
        value, facts = run("--publish-only")
        assert value == {1: 108, 2: 110}[fails] and len(facts.get("finish", [])) == fails - 1
        assert ("validation_psnr" in facts) == (fails == 1)
    assert run("--resume")[0] == 114


def test_the_last_stage_alone_starts_from_what_ships(run: Run) -> None:
    with pytest.raises(SystemExit, match="no weights yet; train first"):
        run("--last", "--publish-only")
    with pytest.raises(SystemExit, match="the power went off"):
        run("--last", fails=2)
    with pytest.raises(SystemExit, match="holds a run already"):
        run("--last")
    value, facts = run("--last", "--resume")
    assert value == 1000 + 4
    assert facts["steps"] == 10 + 5 and facts["minutes"] == 3 and len(facts["finish"]) == 2
    # Published, the mean ships; the run still knows what it started from.
    assert run("--last", "--publish-only")[0] == run("--last", "--resume")[0] == value
    with pytest.raises(SystemExit, match="no weights yet; publish what --last has trained with --last"):
        run("--publish-only")
