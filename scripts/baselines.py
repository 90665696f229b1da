"""Measure what people use where there is no network, on the noise that the shipped entries are for.

    python scripts/baselines.py [NOISE ...] [--data DATA] [--fast | --method NAME | --table]

Each method has a few settings, of which it gets the best on cuts of ``val/``, for each noise; then it is measured on
the benchmarks in ``test/`` (DATA; default: $DENOISE_ZOO_DATA) as the entries are: the same noise, drawn by the same
seeds. All are told the noise level (a camera's: the deviation that it has in that very picture), the peak, or which
pixels are lost, which the entries are not. The networks of others in ``peers/`` are measured beside, on Gaussian noise,
uncut and in 8 bits, and blind ones on a camera's. ``--fast`` leaves BM3D aside, which takes hours; ``--method``
measures one method or network alone, ``--table`` none. The figures are kept in baselines.json, for benchmark.py and for
the README's table, which is written anew at the end.

BM3D (Dabov et al. 2007; its package is free for non-commercial use only), non-local means (Buades et al. 2005; those of
scikit-image and of OpenCV), soft thresholds on wavelets (Chang et al. 2000, BayesShrink), total variation (Chambolle
2004); for photon noise the generalized Anscombe transform, BM3D, and the closed form of the exact unbiased inverse
(Mäkitalo & Foi 2011); for lost pixels medians, and biharmonic inpainting.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from errors import errors_in_one_line
from readme import README, around, write_between
from rich.progress import track
from scipy.ndimage import median_filter
from score_entries import SETS
from skimage import restoration

import zoo
from export.card import decibels, table
from zoo.atomic import file_beside
from zoo.cli.options import add_data
from zoo.evaluation import mean_psnr, psnr
from zoo.folders import files_below
from zoo.inference.pictures import ENDINGS, as_float
from zoo.inference.reading import read_image
from zoo.noise import Mixture, Noise, Poisson, noise_from_name, number

KEPT = Path(__file__).with_suffix(".json")
SIDE, CUTS = 192, 8  # of val/, to choose the setting on
NOISES = ("gaussian:15", "gaussian:25", "gaussian:50", "poisson:4", "poisson:30", "saltpepper:10", "saltpepper:50")
NOISES += ("blocks:10", "blocks:25", "gaussian:25+bits:8", "gaussian:50+bits:8")
NOISES += ("poisson:4+bits:8", "poisson:30+bits:8", "bayer:20,10+jpeg:85", "raw:10,0.5+jpeg:85")
CAMERAS = ("bayer", "raw")  # colour only


@dataclass(frozen=True)
class Picture:
    """A noisy image, float32 (h, w, c), and what a method may know: the noise, drawn, and what it did to the image."""

    noisy: np.ndarray
    noise: Noise
    lost: np.ndarray  # bool (h, w)
    deviation: float  # on the image's scale

    @classmethod
    def of(cls, clean: np.ndarray, noisy: np.ndarray, noise: Noise) -> Picture:
        change = noisy - clean
        return cls(noisy, noise, change.any(axis=-1), float(np.sqrt(np.square(change).mean())))

    @property
    def sigma(self) -> float:
        """Of Gaussian noise, and of others as if they were that; on the image's scale."""
        return self.noise.deviation() / 255 if self.noise.has_level else self.deviation

    @property
    def peak(self) -> float:
        """Of photon noise, perhaps with others after it: the photons of a white pixel."""
        parts = self.noise.parts if isinstance(self.noise, Mixture) else (self.noise,)
        return next(number(part.peak) for part in parts if isinstance(part, Poisson))


Method = Callable[[Picture, Any], np.ndarray]


def by_bm3d(picture: Picture, _: Any) -> np.ndarray:
    import bm3d

    run = bm3d.bm3d_rgb if picture.noisy.shape[-1] == 3 else bm3d.bm3d
    return np.asarray(run(picture.noisy.squeeze(), picture.sigma)).reshape(picture.noisy.shape)


def by_non_local_means(picture: Picture, strength: float) -> np.ndarray:
    options = {"patch_size": 5, "patch_distance": 8, "h": strength * picture.sigma, "sigma": picture.sigma}
    return restoration.denoise_nl_means(picture.noisy, **options, fast_mode=True, channel_axis=-1)


def by_opencv(picture: Picture, strength: float) -> np.ndarray:
    """Of 8 bits, which is all that it takes. Colours together: its fastNlMeansDenoisingColored, which takes CIE L*a*b*
    apart, is up to 2 dB behind.
    """
    import cv2

    pixels = np.round(np.clip(picture.noisy, 0, 1) * 255).astype(np.uint8)
    found = cv2.fastNlMeansDenoising(pixels, h=strength * picture.sigma * 255)
    return found.reshape(pixels.shape) / np.float32(255)


def by_wavelets(picture: Picture, wavelet: str) -> np.ndarray:
    color = picture.noisy.shape[-1] == 3
    options: dict[str, Any] = {"sigma": picture.sigma, "wavelet": wavelet, "rescale_sigma": True}
    return restoration.denoise_wavelet(picture.noisy, **options, channel_axis=-1, convert2ycbcr=color)


def by_total_variation(picture: Picture, strength: float) -> np.ndarray:
    return restoration.denoise_tv_chambolle(picture.noisy, weight=strength * picture.sigma, channel_axis=-1)


def by_anscombe_bm3d(picture: Picture, _: Any) -> np.ndarray:
    peak = picture.peak
    stable = 2 * np.sqrt(np.maximum(picture.noisy * peak, 0) + 3 / 8)
    span = float(stable.max()) or 1.0  # BM3D wants about [0, 1]
    import bm3d

    run = bm3d.bm3d_rgb if stable.shape[-1] == 3 else bm3d.bm3d
    root = np.maximum(
        np.asarray(run(stable.squeeze() / span, 1 / span)).reshape(stable.shape) * span, 2 * np.sqrt(3 / 8)
    )
    half = np.sqrt(3 / 2)
    counts = root**2 / 4 + half / 4 / root - 11 / 8 / root**2 + 5 / 8 * half / root**3 - 1 / 8
    return np.maximum(counts, 0) / peak


def by_median(picture: Picture, size: int) -> np.ndarray:
    return median_filter(picture.noisy, (size, size, 1))


def by_median_where_lost(picture: Picture, size: int) -> np.ndarray:
    return np.where(picture.lost[..., np.newaxis], median_filter(picture.noisy, (size, size, 1)), picture.noisy)


def by_inpainting(picture: Picture, _: Any) -> np.ndarray:
    return restoration.inpaint_biharmonic(picture.noisy, picture.lost, channel_axis=-1)


STRENGTHS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)
OF_WHITE_NOISE: dict[str, tuple[Method, tuple[Any, ...]]] = {
    "BM3D": (by_bm3d, (None,)),
    "non-local means (scikit-image)": (by_non_local_means, STRENGTHS),
    "non-local means (OpenCV)": (by_opencv, STRENGTHS),
    "wavelets": (by_wavelets, ("db1", "db2", "sym4", "bior4.4")),
    "total variation": (by_total_variation, STRENGTHS),
}
# The noise's kind → method → (it, its settings).
METHODS: dict[str, dict[str, tuple[Method, tuple[Any, ...]]]] = {
    "gaussian": OF_WHITE_NOISE,
    **dict.fromkeys(CAMERAS, OF_WHITE_NOISE),
    "poisson": {"Anscombe transform + BM3D": (by_anscombe_bm3d, (None,))},
    "saltpepper": {
        "median": (by_median, (3, 5, 7, 9)),
        "median, lost pixels known": (by_median_where_lost, (3, 5, 7, 9)),
        "biharmonic inpainting, lost pixels known": (by_inpainting, (None,)),
    },
    "blocks": {
        "median, lost pixels known": (by_median_where_lost, (9, 13, 17, 21, 25)),
        "biharmonic inpainting, lost pixels known": (by_inpainting, (None,)),
    },
}


def pictures(folder: Path, noise: Noise) -> Iterator[tuple[np.ndarray, Picture]]:
    """Clean and noisy images, as zoo.evaluate makes them."""
    for i, path in enumerate(files_below(folder, ENDINGS)):
        clean = as_float(read_image(path)[0])
        clean = clean.reshape(*clean.shape[:2], -1)
        yield made(clean, noise, np.random.default_rng([0, i]))


def cuts(folder: Path, noise: Noise, channels: int) -> list[tuple[np.ndarray, Picture]]:
    """The middles of some images of val/, noisy."""
    files = files_below(folder, ENDINGS)
    found = []
    for i, path in enumerate(files[:: max(1, len(files) // CUTS)][:CUTS]):
        clean = as_float(read_image(path)[0])
        clean = clean.reshape(*clean.shape[:2], -1)[..., :3]
        clean = np.repeat(clean, 3, axis=-1) if clean.shape[-1] == 1 else clean
        clean = clean if channels == 3 else clean.mean(axis=-1, keepdims=True)
        top, left = ((size - SIDE) // 2 for size in clean.shape[:2])
        found.append(made(clean[top : top + SIDE, left : left + SIDE], noise, np.random.default_rng([1, i])))
    return found


def made(clean: np.ndarray, noise: Noise, rng: np.random.Generator) -> tuple[np.ndarray, Picture]:
    drawn = noise.draw(rng)
    noisy = drawn.apply(clean, rng)
    return clean, Picture.of(clean, noisy, drawn)


def score(method: Method, setting: Any, cases: Iterator[Any] | list[Any], what: str = "") -> float:
    """Mean PSNR."""
    steps = track(list(cases), what, disable=not what, transient=True)
    # Some drop the axis of a single channel.
    found = [(clean, np.clip(method(picture, setting), 0, 1).reshape(clean.shape)) for clean, picture in steps]
    return mean_psnr([psnr(clean, image) for clean, image in found])


def channels_of(noise: str) -> list[int]:
    """Of the images that noise is drawn on."""
    return [channels for channels in SETS if channels == 3 or noise.partition(":")[0] not in CAMERAS]


def measure(name: str, channels: int, data: Path, wanted: Callable[[str], bool]) -> Iterator[dict[str, Any]]:
    """Rows of the methods that are wanted, for one noise."""
    noise = noise_from_name(name)
    for title, (method, settings) in METHODS[noise.kinds[0]].items():
        if not wanted(title):
            continue
        tried = cuts(data / "val", noise, channels) if len(settings) > 1 else []
        setting = max(settings, key=lambda s: score(method, s, tried)) if tried else settings[0]
        for folder in SETS[channels]:
            if "BM3D" in title and folder == "Kodak24":
                continue  # hours
            found = score(method, setting, pictures(data / "test" / folder, noise), f"{title}, {folder}")
            yield row(title, channels, folder, name, found, setting)
    if not noise.has_level:
        other = "resnet-gaussian-" + ("gray" if channels == 1 else "color")
        for folder in SETS[channels] if wanted(other) else ():
            yield row(other, channels, folder, name, zoo.evaluate(other, data / "test" / folder, noise).psnr, None)
    for path in filter(lambda path: wanted(path.stem), peers(data, channels, name)):
        for folder in SETS[channels]:
            yield row(path.stem, channels, folder, name, zoo.evaluate(path, data / "test" / folder, noise).psnr, None)


def peers(data: Path, channels: int, noise: str) -> list[Path]:
    """Networks of others for gray or colour, those of one level at theirs alone, on a camera's noise blind ones."""
    of_one_level = {"dncnn_gray15": "gaussian:15", "dncnn_gray25": "gaussian:25", "dncnn_gray50": "gaussian:50"}
    kind = noise.partition(":")[0]
    found = sorted((data / "peers").glob("*gray*.onnx" if channels == 1 else "*color*.onnx"))
    if kind in CAMERAS:
        return [path for path in found if "blind" in path.stem]
    at_theirs = [path for path in found if of_one_level.get(path.stem, noise) in (noise, noise.partition("+")[0])]
    return at_theirs if kind == "gaussian" else []


def row(method: str, channels: int, folder: str, noise: str, found: float, setting: Any) -> dict[str, Any]:
    print(
        f"{method}  {folder}  {noise}  {found:.2f} dB" + (f"  ({setting})" if setting is not None else ""), flush=True
    )
    facts = {"method": method, "channels": channels, "set": folder, "noise": noise, "psnr": round(found, 4)}
    return facts | ({"setting": setting} if setting is not None else {})


def keep(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replace the rows of the same method, set and noise; all rows."""

    def key(line: dict[str, Any]) -> tuple[str, str, str]:
        return line["method"], line["set"], line["noise"]

    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else []
    new = {key(line) for line in rows}
    kept = [line for line in kept if key(line) not in new] + rows
    with file_beside(KEPT) as temporary:
        temporary.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return kept


def not_run(rows: list[dict[str, Any]]) -> str:
    """What of the classical methods nobody has measured: a sentence, empty if all is there."""
    known, parts = {(line["method"], line["set"], line["noise"]) for line in rows}, []
    for method in dict.fromkeys(method for methods in METHODS.values() for method in methods):
        missing: dict[tuple[str, ...], list[str]] = {}
        for noise in (noise for noise in NOISES if method in METHODS[noise.partition(":")[0]]):
            there = [folder for channels in channels_of(noise) for folder in SETS[channels]]
            places = tuple(folder for folder in there if (method, folder, noise) not in known)
            missing.setdefault(places, []).append(f"`{noise}`")
        found = [f"{', '.join(noises)} on {', '.join(places)}" for places, noises in missing.items() if places]
        parts += [f"{method} ({'; '.join(found)})"] * bool(found)
    return f"Not run: {', '.join(parts)}. " if parts else ""


def summary(rows: list[dict[str, Any]]) -> str:
    """The table: for each noise the entry for it, the Gaussian one, and the best of others, on each set that any of
    them was measured on.
    """
    entries = [entry for entry in map(zoo.describe, zoo.list_pretrained()) if not entry.takes_sigma]
    lines = []
    for noise in NOISES:
        for folder in (folder for channels in (1, 3) for folder in SETS[channels]):
            there = {line["method"]: line["psnr"] for line in rows if (line["set"], line["noise"]) == (folder, noise)}
            ours = [
                (score["psnr"], entry.name)
                for entry in entries
                for score in entry.scores
                if (score["set"], score["noise"]) == (folder, noise)
                and noise.partition(":")[0] in noise_from_name(entry.noise).kinds
            ]
            others = {name: value for name, value in there.items() if not name.startswith("resnet-")}
            if not ours or not others:
                continue
            best = max(others, key=lambda name: others[name])
            gaussian = next((value for name, value in there.items() if name.startswith("resnet-")), None)
            cells = [noise, folder, f"`{max(ours)[1]}`", decibels(max(ours)[0])]
            lines.append([*cells, "" if gaussian is None else decibels(gaussian), decibels(others[best]), best])
    head = ["noise", "set", "entry", "dB", "the Gaussian entry", "best of others", "which"]
    note = (
        "PSNR in dB. The classical methods are told the level, the peak, or which pixels are lost; the entries are "
        "not. On Gaussian noise, DnCNN and FFDNet (which is told too) are among the others, on a camera's DnCNN is. "
        f"{not_run(rows)}"
        "Most pictures of Kodak24 have a black row or column at an end, of which who is told knows that it is not "
        "lost. Measured by `python scripts/baselines.py`, which writes this table."
    )
    return f"{table(head, lines, left=3)}\n\n{note}"


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("noises", nargs="*", metavar="NOISE", help=f"of {', '.join(NOISES)} (default: all)")
    add_data(parser, "test", "val", optional=True)
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--fast", action="store_true", help="leave BM3D aside")
    part.add_argument("--method", metavar="NAME", help="measure this one alone")
    part.add_argument("--table", action="store_true", help="write the README's table from what is known")
    parser.add_argument("--channels", type=int, choices=(1, 3), help="gray or colour alone")
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    if args.data is None and not args.table:
        parser.error("--data is required, but for --table")
    if unknown := set(args.noises) - set(NOISES):
        parser.error(f"unknown noise {min(unknown)!r}; expected some of {', '.join(NOISES)}")

    def wanted(method: str) -> bool:
        return method == args.method if args.method else not (args.fast and "BM3D" in method)

    names = () if args.table else args.noises or NOISES
    around(args.readme, "other noises")
    before = kept = keep([])
    for name in names:
        for channels in channels_of(name):
            if args.channels not in (None, channels):
                continue
            for line in measure(name, channels, args.data, wanted):
                kept = keep([line])
    if names and kept is before:
        known = sorted({title for name in names for title in METHODS[name.partition(":")[0]]})
        raise zoo.ZooError(f"method {args.method!r}; expected one of {', '.join(known)}, or of a network")
    write_between(args.readme, "other noises", summary(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
