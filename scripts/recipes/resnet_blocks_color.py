"""resnet-blocks-color: colour pictures with blocks of 8×8 pixels knocked out, up to a quarter of the area.

python scripts/recipes/resnet_blocks_color.py --data DATA

The first stage for texture was worth 0.90 and 0.86 dB on val/ (10 and 25 % of the area), the second 0.19 and 0.17. The
fourth is for print, as resnet_blocks_gray.py tells: 43 dB for 26 when clean, 29 for 24 with blocks on 3 % of its area.
Photographs pay 0.1 dB for it, on ten pictures of val/. The fifth is for mirrored ends, as told there: without it CBSD68
had 34.07 and 29.40 dB at 10 and 25 %, with it 34.26 and 29.57; on 24 pictures of val/, of even sizes, 0.11 less. The
last has ``impulses``, and sees sides of all kinds: 6,347 steps of batches of 8, on eight pictures of val/ 0.19, 0.15
and 0.16 dB at 3, 10 and 25 %, cut to odd sizes 0.18, 0.19 and 0.21.

Not shipped: 15 minutes of FRAMED at 7e-4. Clean pictures with a black frame of a pixel had 48.5 dB for 29.4, of eight
pixels 54.3 for 20.9, Kodak24 35.4 for 33.3 at 10 %; but blocks at an end were taken for frames, and the last rows and
columns had 2.1 times the error that they have where the picture goes on, 1.7 before.
"""

from train_entry import DRAWINGS_ALL_SIDES, ODD_SIDES, TEXTURE, WITH_DRAWINGS, other_noise, train_entry

RECIPE = other_noise(
    3,
    "blocks:1-25",
    finish=(
        {"minutes": 22, "seed": 7},
        {"minutes": 20, "seed": 8, **TEXTURE},
        {"minutes": 28, "seed": 9, **TEXTURE},
        {"minutes": 30, "seed": 10, **WITH_DRAWINGS},
        {"minutes": None, "steps": 20_000, "seed": 11, **WITH_DRAWINGS, **ODD_SIDES},
        {"minutes": 20, "seed": 12, **DRAWINGS_ALL_SIDES},
    ),
    config={"impulses": True},
)

if __name__ == "__main__":
    train_entry(RECIPE)
