"""Kill a fine-tuning at random moments, resume it each time, and compare what it ends with to an undisturbed run.

    python scripts/kill_finetune.py [--kills 20] [--steps 600] [--seed 0] [--readme README.md]

Runs that end between two kills are compared, and the next one begins. TensorFlow's determinism is on, so that equal
means equal in every bit. Uses photographs that scikit-image ships; writes its line of the README's table.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from benchmark_finetune import MARK, record
from errors import errors_in_one_line
from PIL import Image
from readme import README, around
from rich.progress import track
from skimage import data

import zoo

PARENT, PICTURES = "shallow-gaussian-gray", 12


def weights(folder: Path) -> np.ndarray:
    """All weights of an entry, in one row."""
    return np.concatenate([values.ravel() for values in zoo.load_keras(folder).get_weights()])


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    around(args.readme, MARK)
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        photos.mkdir()
        for i in range(PICTURES):
            top, left = rng.randrange(384), rng.randrange(384)
            Image.fromarray(data.camera()[top : top + 128, left : left + 128]).save(photos / f"{i:02}.png")
        command = [sys.executable, "-m", "zoo.cli", "finetune", PARENT, "--clean", str(photos)]
        command += ["--noise", "gaussian:20-40", "--steps", str(args.steps), "--patch", "32"]

        def is_begun(out: Path) -> bool:
            return (out.with_name(out.name + ".training") / "plan.json").is_file()

        def start(out: Path) -> subprocess.Popen[bytes]:
            resume = ["--resume"] if is_begun(out) else []
            environment = {**os.environ, "TF_DETERMINISTIC_OPS": "1"}
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            return subprocess.Popen([*command, "-o", str(out), *resume], env=environment, **quiet)

        begun = time.monotonic()
        failed = start(Path(folder) / "undisturbed").wait()
        duration = time.monotonic() - begun
        if failed:
            print(f"the undisturbed run failed; see what it says: {' '.join(command)} -o tuned")
            return 1
        if not zoo.describe(Path(folder) / "undisturbed").recipe["verdict"]["improved"]:
            print("the undisturbed run gained nothing, so that its weights are its parent's; expected more --steps")
            return 1
        wanted, differences, resumed = weights(Path(folder) / "undisturbed"), [], 0
        out = Path(folder) / "killed-0"

        def compare() -> Path:
            """The result that is there against the undisturbed one; where the next goes."""
            differences.append(float(np.abs(weights(out) - wanted).max()))
            return Path(folder) / f"killed-{len(differences)}"

        for _ in track(range(args.kills), "killing"):
            hit = False
            while not hit:  # a kill behind the end of a run does not count
                resumed += is_begun(out)
                process = start(out)
                time.sleep(rng.uniform(0, duration))
                hit = process.poll() is None
                process.kill()
                failed += process.wait() > 0
                if (out / "entry.json").is_file():
                    out = compare()
        failed += start(out).wait() > 0
        out = compare()
        results = {"photos", "undisturbed", *(f"killed-{i}" for i in range(len(differences)))}
        left = sorted(path.name for path in Path(folder).iterdir() if path.name not in results)
    equal = sum(difference == 0 for difference in differences)
    text = (
        f"{args.kills} kills of runs at work, {resumed} runs resumed; {equal} of {len(differences)} "
        f"ended with the weights of an undisturbed run, bit by bit; largest difference {max(differences):g}; "
        f"{failed} failed; {len(left)} files left over"
    )
    print(text)
    record(args.readme, "kills", [{"case": f"killed at {args.kills} random moments, resumed", "result": text}])
    return 1 if failed or left or equal < len(differences) else 0


if __name__ == "__main__":
    sys.exit(main())
