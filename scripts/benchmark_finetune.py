"""What fine-tuning gains in cases that anyone can run again, as a table.

    python scripts/benchmark_finetune.py [CASE ...] [--data DATA] [--runs runs/finetune] [--keep] [--readme README.md]

- text: 40 scans of text that this script renders (fonts, sizes, languages), Gaussian noise of sigma 25, 10 minutes.
- pairs: 40 pairs of photographs with stripes and correlated noise, which no entry was trained on, 10 minutes.
- noisy: 60 noisy photographs alone, Poisson-Gaussian noise, 15 minutes; and the same with the clean ones.

The figures are measured here, on images that ``zoo.finetune`` never got, of other photographs than it learned from,
against clean ones. Photographs are cuts of DATA's ``val/`` (default: $DENOISE_ZOO_DATA); none of them trained an entry.
The budgets are minutes; how many steps a machine took in them stands beside. The rows are kept in
benchmark_finetune.json, from which the README's table is made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from errors import errors_in_one_line
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from readme import README, around, write_between
from scipy.ndimage import gaussian_filter

import zoo
from export.card import table
from zoo.atomic import file_beside
from zoo.cli.options import add_data
from zoo.evaluation import psnr
from zoo.inference.writing import write_image

KEPT = Path(__file__).with_suffix(".json")
MARK = "fine-tuning"
SIDE = 256
CORNERS = ((0, 0), (SIDE, SIDE), (0, SIDE))  # top and left of the cuts of a photograph
UNSEEN = 10  # pictures per case that fine-tuning never gets, nor others of the same photographs
WORDS = {
    "English": "It was the best of times and the worst of times for whoever kept the books by candle light",
    "Deutsch": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich während es draußen schneit",
    "français": "Portez ce vieux whisky au juge blond qui fume sur son île intérieure à côté de l'alcôve",
    "polski": "Pchnąć w tę łódź jeża lub ośm skrzyń fig a potem wrócić do domu przed zachodem słońca",
    "ελληνικά": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία και γράφω κάθε βράδυ μια σελίδα για τη θάλασσα",
    "русский": "Съешь ещё этих мягких французских булок да выпей чаю пока не остыл самовар на столе",
}
FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono")
Case = tuple[list[np.ndarray], list[np.ndarray]]  # noisy and clean, float32 (h, w, 1)


def text_page(rng: np.random.Generator) -> np.ndarray:
    """A part of a page, as a scanner sees it: ink that is not quite black on paper that is not quite white."""
    words = WORDS[rng.choice(list(WORDS))].split()
    style = {"weight": rng.choice(["normal", "bold"]), "style": "normal"}
    path = font_manager.findfont(font_manager.FontProperties(family=rng.choice(FONTS), **style))
    size = int(rng.integers(9, 28))
    font, image = ImageFont.truetype(path, size), Image.new("L", (2 * SIDE, SIDE), 255)
    draw = ImageDraw.Draw(image)
    for top in range(int(rng.integers(-size, 0)), SIDE, round(1.4 * size)):
        draw.text((int(rng.integers(-60, 0)), top), " ".join(rng.permutation(words)), fill=0, font=font)
    page = np.asarray(image, np.float32)[:, :SIDE] / 255
    page = gaussian_filter(page, rng.uniform(0.3, 0.7))
    ink, paper = rng.uniform(0.02, 0.2), rng.uniform(0.85, 0.98)
    return (ink + (paper - ink) * page)[..., np.newaxis].astype(np.float32)


def photographs(folder: Path, count: int) -> list[np.ndarray]:
    """Gray cuts: ``count`` to learn from, of different photographs as far as they go, and UNSEEN of others."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    learned = files[:-UNSEEN]
    places = [(learned[i % len(learned)], CORNERS[i // len(learned)]) for i in range(count)]
    cuts = []
    for file, (top, left) in [*places, *((file, CORNERS[0]) for file in files[-UNSEEN:])]:
        image = np.asarray(Image.open(file).convert("L"), np.float32) / 255
        cuts.append(image[top : top + SIDE, left : left + SIDE, np.newaxis])
    return cuts


def stripes(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of different brightness, and noise that neighbours share."""
    rows = 12 / 255 * rng.standard_normal((image.shape[0], 1, 1))
    cloud = gaussian_filter(rng.standard_normal(image.shape[:2]), 1.0)[..., np.newaxis]
    return (image + rows + 15 / 255 * cloud / cloud.std()).astype(np.float32)


def score(case: Case, entry: str | Path) -> float:
    """Mean PSNR."""
    denoise = zoo.load(entry)
    return float(np.mean([psnr(b, np.clip(denoise(a), 0, 1)) for a, b in zip(*case, strict=True)]))


def tune(parent: str, out: Path, **options: Any) -> None:
    """The result of fine-tuning, made unless it is there."""
    if not out.exists():
        zoo.finetune(parent, out, **options)


def written(images: Sequence[np.ndarray], folder: Path) -> Path:
    """Images as TIFF of floats, which keep what lies beyond black and white."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        write_image(folder / f"{i:03}.tif", image)
    return folder


def run_text(work: Path, data: Path) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    pages = [text_page(rng) for _ in range(40 + UNSEEN)]
    noise = zoo.Gaussian(25)
    unseen = [noise.sample(page, rng) for page in pages[40:]], pages[40:]
    folder = written(pages[:40], work / "clean")
    parent = "resnet-gaussian-gray"
    tune(parent, work / "tuned", clean=folder, noise=noise, minutes=10)
    return [row("text, clean images", 10, unseen, work / "tuned")]


def run_pairs(work: Path, data: Path) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    clean = photographs(data / "val", 40)
    noisy = [stripes(image, rng) for image in clean]
    folders = written(noisy[:40], work / "noisy"), written(clean[:40], work / "clean")
    unseen = noisy[40:], clean[40:]
    names = [name for name in zoo.list_pretrained(channels=1) if not zoo.describe(name).takes_sigma]
    best = max(names, key=lambda name: score(unseen, name))
    tune(best, work / "tuned", pairs=folders, minutes=10)
    return [row("stripes and clouds, pairs", 10, unseen, work / "tuned")]


def run_noisy(work: Path, data: Path) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    clean = photographs(data / "val", 60)
    noise = zoo.Camera(50, 10)
    noisy = [noise.sample(image, rng) for image in clean]
    folders = written(noisy[:60], work / "noisy"), written(clean[:60], work / "clean")
    unseen, parent = (noisy[60:], clean[60:]), "resnet-gaussian-gray"
    rows = []
    for name, images in (("noisy", {"noisy": folders[0]}), ("pairs", {"pairs": folders})):
        tune(parent, work / f"tuned-{name}", minutes=15, **images)
        what = "noisy images alone" if name == "noisy" else "the same with clean ones"
        rows.append(row(f"{noise.name}, {what}", 15, unseen, work / f"tuned-{name}"))
    return rows


CASES: dict[str, Callable[[Path, Path], list[dict[str, Any]]]] = {
    "text": run_text,
    "pairs": run_pairs,
    "noisy": run_noisy,
}


def row(case: str, minutes: int, unseen: Case, tuned: Path) -> dict[str, Any]:
    """One line of the table: what became of the parent on images that fine-tuning did not get."""
    recipe = zoo.describe(tuned).recipe
    before, after = (score(unseen, entry) for entry in (recipe["parent"], tuned))
    gained = {"before": round(before, 2), "after": round(after, 2), "gain": round(after - before, 2)}
    return {"case": case, "entry": f"`{recipe['parent']}`", "minutes": minutes, "steps": recipe["steps"], **gained}


def record(readme: Path, section: str, rows: list[dict[str, Any]]) -> None:
    """Keep a section's rows (in place of those of the same cases), and write the README's tables anew."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    new = {line["case"] for line in rows}
    kept[section] = [line for line in kept.get(section, []) if line["case"] not in new] + rows
    with file_beside(KEPT) as temporary:
        temporary.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_between(readme, MARK, tables(kept))


def tables(kept: dict[str, list[dict[str, Any]]]) -> str:
    """The README's tables of what was kept, and how it was measured."""
    made = [
        table(
            list(lines[0]),
            [[f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in line.values()] for line in lines],
            left=len(lines[0]) - numbers,
        )
        for lines, numbers in (
            (kept.get("gains", []), 5),
            (kept.get("kills", []) + kept.get("data", []), 0),
        )
        if lines
    ]
    note = (
        "PSNR in dB, before and after, on pictures that fine-tuning never got, nor others of the same scene, against "
        "clean ones. Measured by `python "
        "scripts/benchmark_finetune.py`, the second table by `scripts/kill_finetune.py` and "
        "`scripts/finetune_odd_data.py`, which write them here."
    )
    return "\n\n".join([*made, note])


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)} (default: all)")
    add_data(parser, "val")
    parser.add_argument("--runs", type=Path, default=Path("runs/finetune"), help="where the cases are made, anew")
    parser.add_argument("--keep", action="store_true", help="measure results of an earlier run where there are any")
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    if unknown := set(args.cases) - set(CASES):
        parser.error(f"unknown case {min(unknown)!r}; expected some of {', '.join(CASES)}")
    around(args.readme, MARK)
    for name in args.cases or CASES:
        if not args.keep:
            shutil.rmtree(args.runs / name, ignore_errors=True)
        rows = CASES[name](args.runs / name, args.data)
        record(args.readme, "gains", rows)
        for line in rows:
            print(*line.values(), sep="\t", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
