"""A real photograph, noise added to it, and the picture that a pretrained denoiser makes of that.

    make demo

Writes demo/before-after.png: noisy and denoised side by side, with an enlarged detail below. Needs no TensorFlow.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from zoo.cli import main as zoo

NOISE = "gaussian:25"
# Left, top, right, bottom of the detail: the face.
DETAIL = (150, 40, 278, 168)
GAP, TITLE = 8, 28


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the pictures (demo)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    photo, noisy, clean = (out / name for name in ("photo.png", "noisy.png", "denoised.png"))
    Image.fromarray(data.astronaut()).save(photo)
    for command in (
        ["noise", str(photo), "-o", str(noisy), "--noise", NOISE],
        ["denoise", str(noisy), "-o", str(clean)],
    ):
        print("zoo", *command, flush=True)
        if status := zoo(command):
            return status
    pictures = [Image.open(path) for path in (photo, noisy, clean)]
    before, after = (psnr(picture, pictures[0]) for picture in pictures[1:])
    print(f"PSNR before: {before:.2f} dB\nPSNR after:  {after:.2f} dB")
    sheet = side_by_side(pictures[1:], [f"{NOISE}: {before:.2f} dB", f"denoised: {after:.2f} dB"])
    sheet.save(out / "before-after.png")
    print(f"look at {out / 'before-after.png'}")
    return 0


def psnr(picture: Image.Image, reference: Image.Image) -> float:
    """Peak signal-to-noise ratio of two pictures of 8 bits, in dB."""
    error = np.asarray(picture, np.float64) - np.asarray(reference, np.float64)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def side_by_side(pictures: list[Image.Image], titles: list[str]) -> Image.Image:
    """Pictures of one size next to each other: title, picture, and its detail enlarged to the same width."""
    width, height = pictures[0].size
    sheet = Image.new("RGB", (len(pictures) * (width + GAP) - GAP, TITLE + height + GAP + width), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=18)
    for i, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left = i * (width + GAP)
        draw.text((left + 4, 2), title, fill="black", font=font)
        sheet.paste(picture, (left, TITLE))
        # Enlarged without smoothing, which would be another denoiser.
        detail = picture.crop(DETAIL).resize((width, width), Image.Resampling.NEAREST)
        sheet.paste(detail, (left, TITLE + height + GAP))
        draw.rectangle([left + DETAIL[0], TITLE + DETAIL[1], left + DETAIL[2], TITLE + DETAIL[3]], outline="white")
    return sheet


if __name__ == "__main__":
    sys.exit(main())
