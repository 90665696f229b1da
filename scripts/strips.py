"""Draw each entry's strip of pictures: noisy, by the entry, by a peer, clean, with a detail of each; into its card.

    python scripts/strips.py [NAME ...] [--data DATA]

The scene is drawn here, since no photograph of somebody else's is kept beside the weights: letters, a shaded ball,
rings and stripes up to the finest scale, leaves, flat areas. The peers are the networks in ``peers/`` of DATA (default:
$DENOISE_ZOO_DATA), or a classical method of baselines.py where the noise is one that they do not know (with the extra
'benchmark'); without either, the strip has no peer.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from errors import errors_in_one_line
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track
from scipy.ndimage import gaussian_filter

import zoo
from export.card import STRIP_FILE
from export.entry import measured
from zoo.atomic import file_beside
from zoo.cli.options import add_data
from zoo.evaluation import psnr
from zoo.inference.compare import sheet
from zoo.inference.onnx_file import OnnxFile

SIZE, WINDOWS = (240, 488), ((8, 4), (276, 20))  # height and width; left and top of the details
PEERS = {1: "dncnn_gray_blind", 3: "dncnn_color_blind"}
# By the first kind of noise that an entry knows: what is shown, and the classical method.
SHOWN = {
    "gaussian": ("gaussian:25", ""),
    "poisson": ("poisson:10", "Anscombe transform + BM3D"),
    "saltpepper": ("saltpepper:30", "median"),
    "blocks": ("blocks:15", "biharmonic inpainting, lost pixels known"),
    "raw": ("raw:10,0.5+jpeg:85", ""),
}


def scene() -> np.ndarray:
    """A picture in colour, float32 (h, w, 3) in [0, 1]."""
    rng, (height, width) = np.random.default_rng(7), SIZE
    y, x = np.mgrid[:height, :width].astype(np.float64)
    image = np.stack([0.45 + 0.3 * x / width, 0.55 + 0.2 * y / height, 0.75 - 0.3 * x / width], axis=-1)
    canvas = Image.fromarray((image * 255).round().astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for _ in range(420):  # leaves
        at = rng.uniform((0, height * 0.55), (width * 0.6, height))
        angle, length = rng.uniform(0, np.pi), rng.uniform(4, 14)
        along = length * np.array([np.cos(angle), np.sin(angle)])
        across = 0.25 * np.array([-along[1], along[0]])
        corners = [tuple(map(float, at + shift)) for shift in (along, across, -along, -across)]
        draw.polygon(corners, fill=tuple(int(v) for v in rng.uniform((10, 60, 10), (120, 190, 80))))
    path = font_manager.findfont("DejaVu Serif")
    for i, size in enumerate((22, 15, 11, 9)):
        top = 6 + sum((22, 15, 11, 9)[:i]) * 1.35
        draw.text((8, top), "Grumpy wizards make", fill=(25, 20, 40), font=ImageFont.truetype(path, size))
    image = np.asarray(canvas, np.float64) / 255
    ball = np.hypot(x - 410, y - 170) / 58
    light = np.clip(1 - np.hypot(x - 392, y - 148) / 92, 0, 1)[..., np.newaxis]
    image = np.where((ball < 1)[..., np.newaxis], np.array([0.75, 0.2, 0.15]) * (0.25 + light) + 0.15 * light**6, image)
    image = gaussian_filter(image, (0.5, 0.5, 0))  # as a lens
    rings = 0.5 + 0.4 * np.cos(np.hypot(x - 310, y - 54) ** 2 / 34)
    inside = (np.hypot(x - 310, y - 54) < 44)[..., np.newaxis]
    image = np.where(inside, rings[..., np.newaxis], image)
    stripes = 0.5 + 0.35 * np.sign(np.sin(2 * np.pi * x / np.where(y < 36, 6, np.where(y < 64, 4, 3)) + 0.4))
    image = np.where(((x > 380) & (x < 470) & (y > 8) & (y < 92))[..., np.newaxis], stripes[..., np.newaxis], image)
    return np.clip(image, 0, 1).astype(np.float32)


def peer(
    noisy: np.ndarray, clean: np.ndarray, name: str, method: str, peers: Path | None
) -> tuple[str, np.ndarray] | None:
    """What another way makes of the picture, and its name."""
    channels = noisy.shape[-1]
    if method:
        noise = zoo.noise_from_name(name)
        try:
            from baselines import METHODS, Picture

            run, settings = METHODS[noise.kinds[0]][method]
            setting = 5 if method == "median" else settings[0]
            return method, run(Picture.of(clean, noisy, noise), setting)
        except ModuleNotFoundError:
            return None
    path = peers / f"{PEERS[channels]}.onnx" if peers else None
    if path is None or not path.is_file():
        return None
    return PEERS[channels], OnnxFile(path)(noisy, 25)


def strip(entry: zoo.Pretrained, peers: Path | None) -> Image.Image:
    """The strip of one entry."""
    clean = scene()
    if entry.channels == 1:
        clean = (clean @ np.array([0.299, 0.587, 0.114], np.float32))[..., np.newaxis]
    known = zoo.noise_from_name(entry.noise)
    name, method = SHOWN.get(known.kinds[0], (known.middle().name, ""))
    noisy = zoo.noise_from_name(name).sample(clean, np.random.default_rng(0))
    images = {name: noisy, entry.name: zoo.Denoiser(entry)(noisy, sigma=25 if entry.takes_sigma else None)}
    if other := peer(noisy, clean, name, method, peers):
        images[other[0]] = other[1]
    titles = [f"{title}  {psnr(clean, np.clip(image, 0, 1)):.2f} dB" for title, image in images.items()] + ["clean"]
    pixels = [np.broadcast_to(np.clip(image, 0, 1) * 255, (*SIZE, 3)) for image in (*images.values(), clean)]
    return sheet([Image.fromarray(p.round().astype(np.uint8)) for p in pixels], titles, windows=WINDOWS)


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="entries (default: all shipped ones)")
    add_data(parser, "peers", optional=True)
    args = parser.parse_args()
    for name in track(args.names or zoo.list_pretrained(), "strips"):
        entry = zoo.describe(name)
        picture = strip(entry, args.data / "peers" if args.data else None)
        with file_beside(entry.folder / STRIP_FILE) as temporary:
            picture.save(temporary, "WEBP", quality=70, method=6)
        measured(entry)
    return 0


if __name__ == "__main__":
    sys.exit(main())
