"""Where a fine-tuning keeps its state until its result is written, and the plan by which it can be resumed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from zoo.atomic import PREFIX, file_beside
from zoo.errors import UsageError


def place(out: str | os.PathLike[str], resume: bool) -> Path:
    """The folder of the result, absolute, and free. Raises UsageError: one that cannot be."""
    folder = Path(out).absolute()
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", folder.name):
        raise UsageError(f"{folder.name!r} as an entry's name; expected small letters and numbers joined by -")
    if not folder.parent.is_dir():
        raise UsageError(f"{str(folder)!r} is in no existing folder; create {str(folder.parent)!r} first")
    if folder.exists():
        raise UsageError(f"{str(folder)!r} is there already; expected a new folder")
    training = run_folder(folder)
    started = (training / "plan.json").is_file()
    # A run that was killed before it had a plan leaves an empty folder; any other is somebody's own.
    empty = training.is_dir() and all(left.name.startswith(PREFIX) for left in training.iterdir())
    if training.exists() and not started and not empty:
        raise UsageError(f"{str(training)!r} is there, and is no run; move it away, or choose another output")
    if started and not resume:
        raise UsageError(f"{str(training)!r} holds a run that was stopped; resume it (--resume), or delete it")
    if resume and not started:
        raise UsageError(f"nothing to resume in {str(training)!r}; expected the folder of a run that was stopped")
    return folder


def run_folder(folder: Path) -> Path:
    """Where a run is kept until its result is written to ``folder``."""
    return folder.with_name(folder.name + ".training")


def kept_plan(training: Path) -> dict[str, Any]:
    """The plan of the run that is resumed."""
    return json.loads((training / "plan.json").read_text(encoding="utf-8"))


def refuse_another(training: Path, plan: dict[str, Any], kept: dict[str, Any]) -> None:
    """Raises UsageError: a plan that is not the one that was kept."""
    if different := sorted(name for name, value in plan.items() if kept.get(name) != value):
        raise UsageError(f"the run in {str(training)!r} has another {different[0]}; expected the same, or a new folder")


def remember(training: Path, plan: dict[str, Any]) -> None:
    """Keep the plan, from which on the run can be resumed."""
    training.mkdir(exist_ok=True)
    with file_beside(training / "plan.json") as temporary:
        temporary.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
