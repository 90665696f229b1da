"""Learning curves: what a run has measured so far, as CSV and as a picture, kept up to date while it trains."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from zoo.atomic import file_beside
from zoo.errors import MissingExtraError

COLUMNS: Sequence[str] = (
    "step",
    "images",
    "minutes",
    "learning_rate",
    "loss",
    "loss_smoothed",
    "validation_loss",
    "validation_psnr",
    "revived",
)
Row = dict[str, float | int | None]


def smoothed(previous: float | None, value: float, count: int, momentum: float = 0.9) -> float:
    """The running mean that the training curve shows: single rounds are too noisy to read.

    ``value`` is the one of number ``count``. The first ones, which are the worst, count for no more than later ones do
    in their time (the correction of Adam, Kingma & Ba 2015, section 3).
    """
    return value if previous is None else previous + (1 - momentum) / (1 - momentum**count) * (value - previous)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """All rows of the run, one per round; an empty cell where nothing was validated."""
    with file_beside(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in rows)


def read_csv(path: Path) -> list[Row]:
    """The rows that :func:`write_csv` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {k: None if v == "" else int(v) if k in ("step", "images") else float(v) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]


def write_png(path: Path, rows: Sequence[Row], noisy_psnr: float | None = None) -> None:
    """The loss (each round and smoothed, and on validation) and, below, validation PSNR, beside that of the noisy
    images (which a network has that does nothing), and steplength.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing learning curves", "train") from error
    figure = Figure(figsize=(9, 6))
    FigureCanvasAgg(figure)
    # Not by a layout that looks for the room there is: it takes as long as the rest.
    room = {"left": 0.13, "right": 0.9, "top": 0.97, "bottom": 0.09, "hspace": 0.08}
    losses, scores = figure.subplots(2, 1, sharex=True, gridspec_kw=room)
    steps = [row["step"] for row in rows]
    losses.plot(steps, [row["loss"] for row in rows], color="0.8", label="train, each round")
    losses.plot(steps, [row["loss_smoothed"] for row in rows], color="C0", label="train, smoothed")
    seen = [row for row in rows if row["validation_loss"] is not None]
    at = [row["step"] for row in seen]
    losses.plot(at, [row["validation_loss"] for row in seen], "C1.-", label="validation")
    losses.set(yscale="log", ylabel="loss")
    losses.legend()
    scores.plot(at, [row["validation_psnr"] for row in seen], "C1.-", label="validation")
    if noisy_psnr is not None:
        scores.axhline(noisy_psnr, color="0.5", linestyle="--", label="noisy: what doing nothing scores")
    scores.set(xlabel="step", ylabel="PSNR (dB)")
    scores.legend()
    rates = scores.twinx()
    rates.plot(steps, [row["learning_rate"] for row in rows], "C2:", label="steplength")
    rates.set(ylabel="steplength")
    for axis in (losses, scores):
        axis.grid(alpha=0.3)
    with file_beside(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
