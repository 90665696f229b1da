"""Measure what 8 bits cost the shipped entries on the benchmarks, and how much faster they are; into their cards.

    python scripts/score_int8.py [NAME ...] [--data DATA] [--threads 2] [--size 512] [--rounds 15]

Each entry is exported as `zoo export NAME --to onnx-int8` does, whatever is lost, and both files are scored as by
score_entries.py, except on clean input. The speed is that of the two files in turn, in one run (benchmark.py); it means
little where the machine does other work. DATA holds ``test/`` (default: $DENOISE_ZOO_DATA).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmark import Contestant, processor, race
from errors import errors_in_one_line
from score_entries import SETS, noises

import export
import zoo
from export.entry import measured
from export.loss import LIMIT
from zoo.cli.options import add_data
from zoo.errors import ParityError
from zoo.inference.onnx_runtime import onnxruntime


def quantize(entry: zoo.Pretrained, path: Path) -> dict[str, Any]:
    """Write the file of 8 bits; its report."""
    model = zoo.load_keras(entry.folder)
    try:
        export.to_onnx_int8(model, path, noise=entry.noise)
    except ParityError as error:  # said in the card, by the figures
        print(f"{entry.name}: {error}", file=sys.stderr)
        export.to_onnx_int8(model, path, noise=entry.noise, limit=None)
    return json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))


def losses(entry: zoo.Pretrained, path: Path, data: Path) -> list[dict[str, Any]]:
    """A row per benchmark and noise."""
    rows = []
    for name in SETS[entry.channels]:
        for noise in noises(entry):
            exact, eight = (
                zoo.evaluate(model, data / "test" / name, noise, progress=sys.stderr.isatty()).psnr
                for model in (entry.file("model.onnx"), path)
            )
            rows.append({"set": name, "noise": noise, "float32": round(exact, 4), "int8": round(eight, 4)})
            print(f"{entry.name}  {name}  {noise}  {exact:.3f} -> {eight:.3f} dB", flush=True)
    return rows


def speed(entry: zoo.Pretrained, path: Path, threads: int, size: int, rounds: int) -> dict[str, Any]:
    """How many times as fast as float32 the file is."""
    runners = [Contestant("float32", entry.file("model.onnx"), threads, size), Contestant("int8", path, threads, size)]
    race(runners, rounds)
    exact, eight = (statistics.median(runner.seconds) for runner in runners)
    name, flags = processor()
    facts = {"times": round(exact / eight, 3), "threads": threads, "size": size, "rounds": rounds}
    return facts | {
        "onnxruntime": onnxruntime.__version__,
        "processor": name,
        "vnni": any("vnni" in flag for flag in flags),
    }


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries or their folders (default: all shipped ones)")
    add_data(parser, "test")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512, help="side of the picture in pixels (512)")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    for entry in [zoo.describe(name) for name in args.names or zoo.list_pretrained()]:
        with tempfile.TemporaryDirectory() as folder:
            path, whole = Path(folder) / "int8.onnx", Path(folder) / "float32.onnx"
            report = quantize(entry, path)
            export.to_onnx(zoo.load_keras(entry.folder), whole)
            figures = {
                "calibration": report["calibration"],
                "limit": LIMIT,
                "in_float": report["in_float"],
                "convolutions": report["convolutions"],
                "loss": losses(entry, path, args.data),
                "speed": speed(entry, path, args.threads, args.size, args.rounds),
                "bytes": path.stat().st_size,
                "float32_bytes": whole.stat().st_size,  # model.onnx keeps its weights in half precision
            }
        print(f"{entry.name}  {figures['speed']['times']} times as fast as float32", flush=True)
        measured(entry, int8=figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
