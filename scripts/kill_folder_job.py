"""Kill a folder job at random moments, begin it again each time, and check that every picture is complete and right.

    python scripts/kill_folder_job.py [--kills 50] [--seed 0]

Uses photographs that scikit-image ships, and the everyday gray entry.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track
from skimage import data

import zoo
from zoo.inference.tasks import JOURNAL

MODEL = "resnet-gaussian-gray"
PICTURES = 120


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        photos, out = Path(folder) / "photos", Path(folder) / "out"
        photos.mkdir()
        for i in range(PICTURES):
            top, left = rng.randrange(256), rng.randrange(256)
            Image.fromarray(data.camera()[top : top + 256, left : left + 256]).save(photos / f"{i:03}.png")
        command = [sys.executable, "-m", "zoo.cli", "denoise", photos, "-o", out, "--model", MODEL]
        landed, finished = 0, 0
        for _ in track(range(args.kills), "killing"):
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            time.sleep(rng.uniform(0.1, 2.5))
            landed += process.poll() is None
            process.kill()
            process.wait()
            if out.is_dir() and len(list(out.glob("*.png"))) == PICTURES:
                finished += 1
                for result in random.Random(finished).sample(sorted(out.glob("*.png")), PICTURES // 2):
                    result.unlink()  # so that there is something to do
        status = subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode
        denoise = zoo.load(MODEL)
        wrong = [
            photo.name
            for photo in sorted(photos.iterdir())
            if not (out / photo.name).is_file()
            or (np.asarray(Image.open(out / photo.name)) != denoise(np.asarray(Image.open(photo)))).any()
        ]
        left = sorted({p.name for p in out.iterdir()} - {p.name for p in photos.iterdir()} - {JOURNAL})
    print(
        f"{landed} of {args.kills} kills hit a job at work; last run's exit status {status}; "
        f"{len(wrong)} of {PICTURES} pictures missing or wrong {wrong}; {len(left)} files left over {left}"
    )
    return 1 if status or wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
