"""Fine-tune on data that something is wrong with, and check what is said and what is left.

    python scripts/finetune_odd_data.py [--steps 100] [--readme README.md]

Each case runs the command on pictures made from those that scikit-image ships. It must end with a result or with a
clear line, never with a traceback, and touch nothing that was there. Writes its lines of the README's table.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from benchmark_finetune import MARK, record
from errors import errors_in_one_line
from PIL import Image
from readme import README, around
from rich.progress import track
from skimage import data

import zoo

PARENT = {"gray": "shallow-gaussian-gray", "color": "resnet-gaussian-color-tiny"}
SIDE = 96


def cuts(count: int, *, color: bool = False) -> list[np.ndarray]:
    """Clean pictures of 8 bits."""
    photograph = data.astronaut() if color else data.camera()
    places = np.random.default_rng(0).integers(0, 512 - SIDE, (count, 2))
    return [photograph[top : top + SIDE, left : left + SIDE] for top, left in places]


def noisy(image: np.ndarray, i: int) -> np.ndarray:
    return np.clip(image + np.random.default_rng(i).normal(0, 25, image.shape), 0, 255).astype(np.uint8)


def save(folder: Path, images: list[np.ndarray]) -> Path:
    folder.mkdir(exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:02}.png")
    return folder


def three(work: Path) -> list[str]:
    return [PARENT["gray"], "--clean", str(save(work / "clean", cuts(3)))]


def two(work: Path) -> list[str]:
    return [PARENT["gray"], "--clean", str(save(work / "clean", cuts(2)))]


def corrupt(work: Path) -> list[str]:
    folder = save(work / "clean", cuts(12))
    for i, keep in ((1, 0), (4, 40), (7, 900)):
        path = folder / f"{i:02}.png"
        path.write_bytes(path.read_bytes()[:keep])
    (folder / "99.png").write_text("not a picture", encoding="utf-8")
    return [PARENT["gray"], "--clean", str(folder)]


def all_corrupt(work: Path) -> list[str]:
    folder = save(work / "clean", cuts(4))
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:60])
    return [PARENT["gray"], "--clean", str(folder)]


def mismatched(work: Path) -> list[str]:
    """Of 20 pairs, one shows something else and one is shifted."""
    clean = cuts(20)
    shots = [noisy(image, i) for i, image in enumerate(clean)]
    shots[6] = noisy(data.moon()[:SIDE, :SIDE], 6)
    shots[11] = np.roll(shots[11], (4, -3), axis=(0, 1))
    folders = save(work / "noisy", shots), save(work / "clean", clean)
    return [PARENT["gray"], "--pairs", *map(str, folders)]


def deep(work: Path) -> list[str]:
    folder = work / "clean"
    folder.mkdir()
    for i, image in enumerate(cuts(10)):
        tifffile.imwrite(folder / f"{i:02}.tif", image.astype(np.uint16) * 257)
    return [PARENT["gray"], "--clean", str(folder)]


def sizes(work: Path) -> list[str]:
    images = [image[: SIDE - 5 * i, : 32 + 6 * i] for i, image in enumerate(cuts(10))]
    return [PARENT["gray"], "--clean", str(save(work / "clean", [*images, images[0][:9, :9]]))]


def mixed(work: Path) -> list[str]:
    images = [*cuts(6), *cuts(6, color=True)]
    return [PARENT["color"], "--clean", str(save(work / "clean", images))]


def there_already(work: Path) -> list[str]:
    (work / "tuned").mkdir()
    (work / "tuned" / "thesis.txt").write_text("years of work", encoding="utf-8")
    return three(work)


# Case → (its data, the exit status, what must be said).
CASES: dict[str, tuple[Callable[[Path], list[str]], int, list[str]]] = {
    "3 images": (three, 0, ["3 clean images", "1 to learn from", "little to learn from"]),
    "2 images": (two, 1, ["2 usable of 2", "expected at least 3"]),
    "4 of 13 images corrupt": (corrupt, 0, ["9 clean images", "left out: 01.png", "left out: 99.png"]),
    "all images corrupt": (all_corrupt, 1, ["0 usable of 4", "cannot"]),
    "2 of 20 pairs mismatched": (mismatched, 0, ["18 pairs", "something else", "shifted"]),
    "TIFFs of 16 bits": (deep, 0, ["10 uint16"]),
    "sizes mixed, one too small": (sizes, 0, ["10 clean images", "left out: 10.png", "expected at least"]),
    "gray and colour mixed": (mixed, 0, ["12 clean images"]),
    "output there already": (there_already, 2, ["is there already"]),
}


def digest(folder: Path) -> str:
    """Of all that a folder holds, but for the result."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if "tuned" not in path.relative_to(folder).parts or path.name == "thesis.txt":
            found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


def run(name: str, steps: int) -> dict[str, Any]:
    """One case: what was said, and what is wrong with it (nothing, if all is well)."""
    make, status, phrases = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        options = make(work)
        before, out = digest(work), work / "tuned"
        command = [sys.executable, "-m", "zoo.cli", "finetune", *options, "-o", str(out)]
        command += ["--steps", str(steps), "--patch", "32", "--learning-rate", "1e-4"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        wrong = [f"not said: {phrase}" for phrase in phrases if phrase not in said]
        wrong += ["a traceback"] * ("Traceback" in said)
        wrong += [f"exit status {done.returncode}"] * (done.returncode != status)
        wrong += ["something that was there is changed"] * (digest(work) != before)
        wrong += ["something is left"] * any(work.glob("*.training"))
        if status == 0 and not wrong:
            zoo.load(out)(np.zeros((8, 8) if zoo.describe(out).channels == 1 else (8, 8, 3), np.uint8))
        lines = [line.replace(str(work), "...").replace("|", "/") for line in said.splitlines()]
        shown = [line for line in lines if line.startswith(("left out", "zoo: error")) or "little to learn" in line]
        shown = shown or [line for line in lines if "clean images" in line or "pairs" in line][:1]
    outcome = "a result" if status == 0 else "refused"
    return {"case": name, "result": f"{outcome}: " + "; ".join(shown) if not wrong else "WRONG: " + "; ".join(wrong)}


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    around(args.readme, MARK)
    rows = [run(name, args.steps) for name in track(CASES, "odd data")]
    for row in rows:
        print(f"{row['case']}: {row['result']}")
    record(args.readme, "data", rows)
    return 1 if any(row["result"].startswith("WRONG") for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
