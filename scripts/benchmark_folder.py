"""A folder job against bare ONNX Runtime on the same arrays, in one run.

    python scripts/benchmark_folder.py [--pictures 200] [--lots 10] [--rounds 3] [--model NAME] ...

The pictures are cuts of photographs that scikit-image ships. Bare is the session alone, image after image, arrays in
memory; the job reads, denoises and writes files, and keeps its journal. Both take turns at lots of some twenty
pictures, first the one and then the other, since the speed of a machine that is shared wanders within a minute.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.progress import track
from skimage import data

import zoo
from zoo.cli.options import whole_number
from zoo.inference.denoise_file import Settings
from zoo.inference.folder import Denoisers, denoise_all, way
from zoo.inference.onnx_runtime import onnxruntime
from zoo.inference.reading import read_image
from zoo.inference.tasks import Journal, plan, prepare
from zoo.inference.writing import write_image

SIDE = 512  # of the photograph


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
    parser.add_argument("--side", type=whole_number(16, SIDE), default=SIDE)
    parser.add_argument("--ending", default=".jpg")
    parser.add_argument("--model", default="resnet-gaussian-color")
    parser.add_argument("--lots", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    try:
        entry = zoo.describe(args.model)
    except zoo.ZooError as error:
        parser.error(str(error))
    if entry.channels != 3 or entry.takes_sigma:
        parser.error(f"{args.model} takes other pictures than these; expected an entry for colour, blind to the level")
    denoisers = Denoisers(args.model)
    session = onnxruntime.InferenceSession(str(entry.file("model.onnx")))
    times = {"bare": 0.0, "job": 0.0}
    shares = []
    with tempfile.TemporaryDirectory() as folder:
        lots = []
        for i in range(args.lots):
            source = Path(folder) / f"in{i}"
            source.mkdir()
            paths = pictures(source, max(args.pictures // args.lots, 1), args.side, args.ending)
            lots.append((source, [(read_image(path)[0] / np.float32(255))[np.newaxis] for path in paths]))
        bare(session, lots[0][1][:3])
        denoisers(3)(np.zeros((args.side, args.side, 3), np.uint8))
        for i in track(range(args.rounds * args.lots), "measuring"):
            source, arrays = lots[i % args.lots]
            lot = {}
            for name in ("bare", "job") if i % 2 else ("job", "bare"):
                lot[name] = (
                    bare(session, arrays) if name == "bare" else job(source, Path(folder) / f"out{i}", denoisers)
                )
                times[name] += lot[name]
            shares.append(lot["bare"] / lot["job"])
    megapixels = args.rounds * sum(len(arrays) for _, arrays in lots) * args.side**2 / 1e6
    for name, seconds in times.items():
        print(f"{name:5} {seconds:.2f} s  {megapixels / seconds:.2f} MPix/s")
    low, high = np.quantile(shares, (0.1, 0.9))
    print(
        f"the job has {times['bare'] / times['job']:.3f} of the speed of bare ONNX Runtime; lot by lot "
        f"{statistics.median(shares):.3f} (median), {low:.3f} to {high:.3f} (eight of ten)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
