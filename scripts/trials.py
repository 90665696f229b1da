"""Short trials of architectures and optimizers, and the table of what they gave.

    python scripts/trials.py [NAME ...] --data DATA [--minutes 4] [--runs runs/trials] [--table scripts/trials.md]

Each trains a gray denoiser, blind over sigma 0 to 55, for a few minutes on one core (set TF_NUM_INTRAOP_THREADS=1 and
TF_NUM_INTEROP_THREADS=1; two at a time disturb each other little on two cores), with the steplength going down to
nothing: what counts is quality per minute. Trials whose folder below --runs has spent its minutes are not repeated.
The table is made from the runs' own records. DATA holds ``train/`` and ``val/`` (default:
$DENOISE_ZOO_DATA); the benchmarks play no part.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.atomic import file_beside
from zoo.cli.options import add_data

TABLE = Path(__file__).with_name("trials.md")
RECORD = "run.json"
FIT: dict[str, Any] = {
    "noise": "gaussian:0-55",
    "batch": 4,
    "patch": 64,
    "loss": "l1",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "clip_norm": 0.1,
    "ema": 0.999,
    "validate_every": 100_000,
}
WARMUP = 300


def shape(widths: tuple[int, ...], encoder_depths: tuple[int, ...], decoder_depths: tuple[int, ...]) -> dict[str, Any]:
    """The size of a resnet."""
    return {"widths": widths, "encoder_depths": encoder_depths, "decoder_depths": decoder_depths}


EVERYDAY = shape((32, 64), (2, 4), (4,))
THREE_LEVELS = shape((32, 64, 128), (2, 2, 1), (2, 1))
MUON = {"optimizer": "muon"}
# Name: (size, what differs from FIT, what was to be learnt).
TRIALS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "B": (THREE_LEVELS, {}, "blocks at half size, paid for at the bottom"),
    "B2": (shape((32, 64, 128), (2, 2, 1), (3, 1)), {**MUON, "learning_rate": 1.5e-3}, "one block more in the decoder"),
    "D": (shape((48, 96), (1, 2), (2,)), {}, "two levels, wide"),
    "G": (shape((32, 64), (2, 4), (3,)), {}, "two levels, deep"),
    "G3": (shape((32, 64), (3, 4), (4,)), {**MUON, "learning_rate": 1.5e-3}, "two levels, deeper"),
    "G4": (EVERYDAY, {**MUON, "learning_rate": 1.5e-3}, "two levels: the everyday size"),
    "G4wide": ({**EVERYDAY, "block": "wide", "scale": 4}, {**MUON, "learning_rate": 1.5e-3}, "the same, wide blocks"),
    "H": (shape((48, 64, 128), (1, 2, 1), (2, 1)), {}, "wide at half size"),
    "K": (shape((32, 96), (2, 2), (2,)), {}, "two levels, wide at a quarter"),
    "L": (shape((64, 64), (1, 3), (1,)), {}, "as wide at half size as at a quarter"),
    "Bmuon1": (THREE_LEVELS, {**MUON, "batch": 8}, "Muon, batches of 8"),
    "Bmuon3": (THREE_LEVELS, {**MUON, "batch": 8, "learning_rate": 3e-3}, "the same, three times the steplength"),
    "Bmuon1b4": (THREE_LEVELS, {**MUON, "learning_rate": 1.5e-3}, "Muon, batches of 4"),
    "Bmuon8b4": (THREE_LEVELS, {**MUON, "learning_rate": 6e-3}, "the same, four times the steplength: too long"),
}


def train(name: str, data: Path, folder: Path, minutes: float) -> None:
    """Run one trial, or the rest of it."""
    import keras

    import zoo

    size, changes, _ = TRIALS[name]
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16")
    zoo.fit(
        zoo.build("resnet", **size),
        str(data / "train"),
        str(data / "val"),
        out=folder,
        resume=(folder / RECORD).is_file(),
        minutes=minutes,
        schedule=zoo.Schedule("cosine", warmup=WARMUP),
        augment=zoo.Augment(rescale=1, brightness=0),
        **{**FIT, **changes},
    )
    keras.config.set_dtype_policy("float32")


def check_table(path: Path, runs: Path, names: Sequence[str]) -> None:
    """Refuse to lose the rows of trials that ran elsewhere, before any time is spent."""
    there = re.findall(r"^\| (\w+) \|", path.read_text(encoding="utf-8"), re.M)[1:] if path.is_file() else []
    if lost := [name for name in there if name not in names and not (runs / name / RECORD).is_file()]:
        raise SystemExit(
            f"{path} has rows of {', '.join(lost)}, which {runs} has not, and which ran on another machine perhaps; "
            "write a table of your own (--table)"
        )


def write_table(runs: Path, path: Path) -> None:
    """All trials that have a record, the best first."""
    import zoo

    rows = []
    for name, (size, changes, why) in TRIALS.items():
        record = runs / name / RECORD
        if not record.is_file():
            continue
        run, facts = json.loads(record.read_text(encoding="utf-8")), zoo.accounting(zoo.build("resnet", **size))
        fit = {**FIT, **changes}
        depths = " ".join("/".join(map(str, size[part])) for part in ("widths", "encoder_depths", "decoder_depths"))
        rows.append(
            (
                run["best_psnr"],
                f"| {name} | {depths} | {facts.macs_per_pixel / 1000:.1f} | {facts.halo} | {fit['optimizer']} | "
                f"{fit['batch']} | {fit['learning_rate']:g} | {run['minutes']:.1f} | {run['step']} | "
                f"{run['best_psnr']:.2f} | {why} |",
            )
        )
    names = "trial|widths, encoder, decoder|kMAC/pixel|halo|optimizer|batch|steplength|minutes|steps|dB|"
    head = "| " + " | ".join(names.split("|")) + " |"
    lines = [head, "| --- | --- |" + " ---: |" * 2 + " --- |" + " ---: |" * 5 + " --- |"]
    lines += [line for _, line in sorted(rows, reverse=True)]
    note = (
        "PSNR on `val/` at mixed levels, in dB. Written by `python scripts/trials.py`, whose constants these are. "
        "Compare trials of one table only: they ran on one machine."
    )
    with file_beside(path) as temporary:
        temporary.write_text("# Trials\n\n" + "\n".join([*lines, "", note]) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TRIALS)} (default: all)")
    add_data(parser, "train", "val")
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--runs", type=Path, default=Path("runs/trials"))
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args()
    if unknown := set(args.names) - set(TRIALS):
        parser.error(f"unknown trial {min(unknown)!r}; expected some of {', '.join(TRIALS)}")
    check_table(args.table, args.runs, args.names or list(TRIALS))
    for name in args.names or TRIALS:
        train(name, args.data, args.runs / name, args.minutes)
    write_table(args.runs, args.table)


if __name__ == "__main__":
    main()
