"""A real photograph, noise added to it, and the picture that a pretrained denoiser makes of that.

    make demo

Writes demo/before-after.png: noisy and denoised side by side, with an enlarged detail below. Needs no TensorFlow.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

from zoo.cli import main as zoo
from zoo.evaluation import psnr
from zoo.inference.compare import sheet

NOISE = "gaussian:25"
# Left and top of the details: the face, and the patch on the arm.
DETAILS = [(185, 70), (100, 330)]


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
    clean_pixels, *others = (np.asarray(picture, np.float32) / 255 for picture in pictures)
    before, after = (psnr(clean_pixels, pixels) for pixels in others)
    print(f"PSNR before: {before:.2f} dB\nPSNR after:  {after:.2f} dB")
    titles = [f"{NOISE}: {before:.2f} dB", f"denoised: {after:.2f} dB"]
    sheet(pictures[1:], titles, windows=DETAILS).save(out / "before-after.png")
    print(f"look at {out / 'before-after.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
