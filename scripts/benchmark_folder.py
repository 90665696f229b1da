"""A folder job against bare ONNX Runtime on the same arrays, in one run.

    python scripts/benchmark_folder.py [--pictures 200] [--side 512] [--ending .jpg] [--model NAME]

The pictures are cuts of photographs that scikit-image ships. Bare is the session alone, image after image, arrays in
memory; the job reads, denoises and writes files, and keeps its journal. Rounds of both take turns; medians are shown.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from rich.progress import track
from skimage import data

import zoo
from zoo.inference.denoise_file import Settings
from zoo.inference.files import read_image, write_image
from zoo.inference.folder import Denoisers, Journal, denoise_all, plan, prepare, way


def pictures(folder: Path, count: int, side: int, ending: str) -> list[Path]:
    """Cuts of a photograph with a little noise, so that they compress as photographs do."""
    rng = np.random.default_rng(0)
    photo = np.concatenate([data.astronaut(), data.astronaut()[:, ::-1]], axis=1)
    paths = []
    for i in range(count):
        top, left = rng.integers(0, photo.shape[0] - side + 1), rng.integers(0, photo.shape[1] - side + 1)
        noisy = photo[top : top + side, left : left + side] + rng.normal(0, 10, (side, side, 3))
        paths.append(folder / f"{i:04}{ending}")
        write_image(paths[-1], np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return paths


def bare(session: onnxruntime.InferenceSession, arrays: list[np.ndarray]) -> float:
    """Seconds of the session alone."""
    start = time.perf_counter()
    for array in arrays:
        session.run(None, {"image": array})
    return time.perf_counter() - start


def job(source: Path, out: Path, denoisers: Denoisers) -> float:
    """Seconds of a folder job."""
    start = time.perf_counter()
    tasks = plan([source], out)
    prepare(tasks)
    outcomes = list(denoise_all(tasks, denoisers, Settings(), journal=Journal(out, way(denoisers, Settings()))))
    if any(outcome.report is None for outcome in outcomes):
        raise SystemExit("a picture failed")
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--ending", default=".jpg")
    parser.add_argument("--model", default="resnet-gaussian-color")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    denoisers = Denoisers(args.model)
    session = onnxruntime.InferenceSession(str(zoo.describe(args.model).file("model.onnx")))
    times: dict[str, list[float]] = {"bare": [], "job": []}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in"
        source.mkdir()
        arrays = [
            (read_image(path)[0] / np.float32(255))[np.newaxis]
            for path in pictures(source, args.pictures, args.side, args.ending)
        ]
        bare(session, arrays[:3])
        denoisers(3)(np.zeros((args.side, args.side, 3), np.uint8))
        for i in track(range(args.rounds), "measuring"):
            times["bare"].append(bare(session, arrays))
            times["job"].append(job(source, Path(folder) / f"out{i}", denoisers))
    seconds = {name: statistics.median(found) for name, found in times.items()}
    megapixels = args.pictures * args.side**2 / 1e6
    for name, value in seconds.items():
        print(f"{name:5} {value:.2f} s  {megapixels / value:.2f} MPix/s")
    print(f"the job has {seconds['bare'] / seconds['job']:.3f} of the speed of bare ONNX Runtime")
    return 0


if __name__ == "__main__":
    sys.exit(main())
