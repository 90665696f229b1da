"""A training run: what it has spent and measured, and the folder in which it can be found again."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from zoo.atomic import file_beside
from zoo.errors import InputError, UsageError
from zoo.training.curves import Row, read_csv, write_csv, write_png


@dataclass
class History:
    """What a run measured: one row per round (see ``curves.COLUMNS``), and the best validation.

    ``noisy_psnr`` is that of the validation images before: what a network scores that does nothing.
    """

    rows: list[Row] = field(default_factory=list)
    best_psnr: float | None = None
    best_step: int | None = None
    steps: int = 0
    minutes: float = 0.0
    noisy_psnr: float | None = None


class Run:
    """The state of a run, kept in a folder (or only in memory, with ``out=None``).

    ``run.json`` names the last checkpoint and is replaced last: whenever the process is killed, it points to a
    checkpoint that is complete, and to the step and the time at which it was taken. Of several workers, one ``writes``.
    """

    def __init__(
        self,
        out: str | os.PathLike[str] | None,
        *,
        steps: int | None,
        minutes: float | None,
        resume: bool,
        writes: bool = True,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.folder = None if out is None else Path(out)
        self.writes = writes
        self.facts = facts or {}  # what must be the same when it is resumed
        self.steps, self.minutes, self.resume = steps, minutes, resume
        self.history = History()
        self.best_weights: list[Any] | None = None
        self.best_loss = float("inf")
        self.kept = 0  # the step of the last checkpoint
        self.drawn = -math.inf  # when the curves were, by the monotonic clock, in seconds
        self.ended = False  # before the budget was used up, for good
        if resume and (self.folder is None or not (self.folder / "run.json").is_file()):
            raise InputError(f"no run to resume in {str(out)!r}; expected the folder of an earlier run, with run.json")
        if not resume and self.folder is not None and (self.folder / "run.json").exists():
            raise UsageError(f"{str(out)!r} holds a run already; resume it, or choose another folder")

    @property
    def step(self) -> int:
        """Steps taken."""
        return self.history.steps

    @property
    def progress(self) -> float:
        """The share of the budget that is spent."""
        spent = self.step / self.steps if self.steps else self.history.minutes / (self.minutes or 1)
        return min(1.0, spent)

    @property
    def spent(self) -> bool:
        """Whether there is nothing more to do."""
        return self.ended or self.progress >= 1

    def begin(self, model: keras.Model) -> None:
        """Take up what the folder holds, if the run is resumed: weights, the optimizer's state, the curves."""
        if self.folder is None or not self.resume:
            return
        state = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        run, place = f"the run in {str(self.folder)!r}", "files" if self.facts.get("in_memory") else "memory"
        another = {
            "layers": f"{run} is one of another network; expected the same, or another folder",
            "images": f"{run} learned from other images; expected the same, or another folder",
            "in_memory": f"{run} cut its batches from images in {place}, which gives others; expected "
            "DENOISE_ZOO_CACHE_BYTES as it was, or another folder",
            "validation": f"{run} was validated on other images; expected the same, or another folder",
        }
        for name, value in self.facts.items():
            if (kept := state.get("facts", {}).get(name, value)) != value:
                told = f"{name}={value!r} for {run}, which has {kept!r}; expected the same, or another folder"
                raise UsageError(another.get(name, told))
        try:
            model.load_weights(self.folder / state["last"])
        except ValueError as error:
            raise UsageError(another["layers"]) from error
        for variable, value in zip(_random_states(model), state.get("random", []), strict=False):
            variable.assign(value)
        self.best_loss, self.ended = state["best_loss"], state.get("ended", False)
        rows = [row for row in read_csv(self.folder / "curve.csv") if int(row["step"] or 0) <= state["step"]]
        self.history = History(rows, state["best_psnr"], state["best_step"], state["step"], state["minutes"])
        self.kept = self.step

    def make_folder(self) -> None:
        """Make the run's folder: last of all, so that a refused run leaves nothing, but before time is spent."""
        if self.folder is None or not self.writes:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_csv(self.folder / "curve.csv", self.history.rows)
        except OSError as error:
            raise InputError(
                f"cannot write to {str(self.folder)!r} ({error.strerror}); choose another place"
            ) from error

    def validated(self, model: keras.Model, loss: float, psnr: float) -> None:
        """Keep ``model``'s weights if this validation is the best one."""
        if loss < self.best_loss:
            self.best_loss, self.history.best_psnr, self.history.best_step = loss, psnr, self.step
            self.best_weights = model.get_weights()
            if self.folder is not None and self.writes:
                self._expect_room(model.variables)
                save_weights(model, self.folder / "best.weights.h5")

    def checkpoint(self, model: keras.Model) -> None:
        """Write weights, optimizer state and curves, so that the run can continue from here."""
        if self.folder is None:
            return
        if not self.writes:  # the measures, which belong to what is saved, are read by all workers together
            with tempfile.TemporaryDirectory() as nowhere:
                model.save_weights(Path(nowhere) / "last.weights.h5")
            return
        self._expect_room([*model.variables, *model.optimizer.variables])
        write_csv(self.folder / "curve.csv", self.history.rows)
        last = f"last-{self.step}.weights.h5"
        model.save_weights(self.folder / last, overwrite=True)
        state = {
            "last": last,
            "step": self.step,
            "minutes": self.history.minutes,
            "best_loss": self.best_loss,
            "best_psnr": self.history.best_psnr,
            "best_step": self.history.best_step,
            "noisy_psnr": self.history.noisy_psnr,
            "ended": self.ended,
            "random": [keras.ops.convert_to_numpy(variable).tolist() for variable in _random_states(model)],
            "budget": {"steps": self.steps, "minutes": self.minutes},
            "facts": self.facts,
        }
        with file_beside(self.folder / "run.json") as temporary:
            temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        self.kept = self.step
        for old in self.folder.glob("last-*.weights.h5"):
            if old.name != last:
                old.unlink()

    def draw(self) -> None:
        """Draw the curves as they are now."""
        if self.folder is not None and self.writes and self.history.rows:
            write_png(self.folder / "curve.png", self.history.rows, self.history.noisy_psnr)
            self.drawn = time.monotonic()

    def _expect_room(self, variables: Sequence[Any]) -> None:
        """Refuse to write what the disk has no room for: HDF5 would end the whole process."""
        assert self.folder is not None
        wanted = 2**20 + 8 * sum(math.prod(variable.shape) for variable in variables)
        if (free := shutil.disk_usage(self.folder).free) < wanted:
            raise InputError(
                f"the disk of {str(self.folder)!r} is full: {free / 1e6:.1f} MB, expected {wanted / 1e6:.1f} for the "
                "weights; make room, and resume the run"
            )

    def end(self, model: keras.Model) -> History:
        """Leave the best weights in ``model``."""
        if self.best_weights is not None:
            model.set_weights(self.best_weights)
        elif self.folder is not None and (self.folder / "best.weights.h5").is_file():
            bare(model).load_weights(self.folder / "best.weights.h5")
        return self.history


def layers_digest(model: keras.Model) -> str:
    """A short name for what a model's layers compute, whatever they are called and however precisely they do it.

    Of each layer, the plain values of its config: others hold names and code, which may differ each time they are made.
    """
    layers = [digest_of(layer) for layer in model.layers]
    return hashlib.sha256(json.dumps(layers).encode()).hexdigest()[:16]


def digest_of(thing: Any) -> str:
    """The kind and the plain values of the config of a layer or loss (those of a model: of its layers), or the name of
    a function. Others hold names and code, which may differ each time they are made.
    """
    if inspect.isroutine(thing):
        return thing.__name__
    if isinstance(thing, keras.Model):
        return f"{type(thing).__name__} {layers_digest(thing)}"
    try:
        config = thing.get_config()
    except Exception:  # somebody's own, that cannot be written down
        config = {}
    plain = {k: v for k, v in config.items() if k not in ("name", "dtype", "seed", "trainable") and _is_plain(v)}
    return f"{type(thing).__name__} {json.dumps(plain, sort_keys=True)}"


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _random_states(model: keras.Model) -> list[Any]:
    """Where the layers that draw numbers, such as dropout, have come to. Keras does not save it with the weights."""
    return [variable for variable in model.variables if variable.name == "seed_generator_state"]


def bare(model: keras.Model) -> keras.Model:
    """The same layers and weights without the optimizer."""
    return keras.Model(model.inputs, model.outputs, name=model.name)


def save_weights(model: keras.Model, path: Path) -> None:
    """Weights alone, without the optimizer's state, complete or not at all."""
    part = path.with_name("part." + path.name)  # Keras insists on the ending .weights.h5
    try:
        bare(model).save_weights(part, overwrite=True)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
