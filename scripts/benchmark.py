"""Pixels per second of the shipped entries and of their peers, side by side in one run of ONNX Runtime.

    python scripts/benchmark.py [NAME ...] [--data DATA] [--threads 2] [--size 512] [--rounds 7] [--json PATH]

DATA holds ``peers/*.onnx`` (default: $DENOISE_ZOO_DATA; without it, the entries alone). Each round runs every model
once, in turn, so that whatever else the machine does falls on all of them; the figure is the median of the rounds.
Compare only within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import zoo
from export.card import table
from zoo.atomic import file_beside
from zoo.inference.onnx_file import OnnxFile

BASELINES = ("dncnn_gray25", "ffdnet_gray")


class Contestant:
    """A model and its input, a picture of size×size; how long each run took."""

    def __init__(self, name: str, path: Path, threads: int, size: int) -> None:
        file = OnnxFile(path, threads=threads)
        self.name, self.channels, self.session, self.seconds = name, file.channels, file.session, list[float]()
        image = np.random.default_rng(0).random((size, size, file.channels), dtype=np.float32)
        self.feeds = file.feeds(image, 25)

    def run(self) -> None:
        began = time.perf_counter()
        self.session.run(None, self.feeds)
        self.seconds.append(time.perf_counter() - began)


def race(contestants: list[Contestant], rounds: int) -> None:
    """One round to warm up, then the ones that count."""
    for _ in range(rounds + 1):
        for contestant in contestants:
            contestant.run()
    for contestant in contestants:
        del contestant.seconds[0]


def results(contestants: list[Contestant], size: int) -> list[dict[str, Any]]:
    """A row per model, the fastest first."""
    rate = {c.name: size * size / 1e6 / statistics.median(c.seconds) for c in contestants}
    rows = []
    for contestant in sorted(contestants, key=lambda c: -rate[c.name]):
        name = contestant.name
        row: dict[str, Any] = {"model": name, "channels": contestant.channels}
        row |= {"milliseconds": round(statistics.median(contestant.seconds) * 1e3, 3)}
        row |= {"megapixels_per_second": round(rate[name], 3)}
        row |= {f"times_{b}": round(rate[name] / rate[b], 2) for b in BASELINES if b in rate}
        rows.append(row)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries or their folders (default: all shipped ones)")
    parser.add_argument("--data", type=Path, default=os.environ.get("DENOISE_ZOO_DATA"), help="holds peers/")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512, help="side of the picture in pixels, even (512)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the rows, and what they were measured with, to a file")
    args = parser.parse_args()
    if min(args.threads, args.rounds) < 1 or args.size < 2 or args.size % 2:
        parser.error("expected at least 1 thread and 1 round, and an even size")
    peers = sorted((args.data / "peers").glob("*.onnx")) if args.data else []
    try:
        entries = [zoo.describe(name) for name in args.names or zoo.list_pretrained()]
        models = [(entry.name, entry.file("model.onnx")) for entry in entries] + [(p.stem, p) for p in peers]
        contestants = [Contestant(name, path, args.threads, args.size) for name, path in models]
    except zoo.ZooError as error:
        print(f"benchmark: error: {error}", file=sys.stderr)
        return error.exit_code
    race(contestants, args.rounds)
    rows = results(contestants, args.size)
    settings = f"{args.size}×{args.size} pixels, {args.threads} threads, median of {args.rounds} rounds in turn"
    print(f"ONNX Runtime {onnxruntime.__version__}, {settings}\n")
    if rows:
        head = [name.replace("_", " ") for name in rows[0]]
        print(table(head, [[str(value) for value in row.values()] for row in rows], left=1))
    if args.json:
        facts = {"onnxruntime": onnxruntime.__version__, **{k: getattr(args, k) for k in ("threads", "size", "rounds")}}
        with file_beside(args.json) as temporary:
            temporary.write_text(json.dumps({**facts, "results": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
