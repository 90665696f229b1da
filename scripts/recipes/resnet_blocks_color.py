"""resnet-blocks-color: colour pictures with blocks of 8×8 pixels knocked out, up to a quarter of the area.

python scripts/recipes/resnet_blocks_color.py --data DATA

The first stage for texture was worth 0.90 and 0.86 dB on val/ (10 and 25 % of the area), the second 0.19 and 0.17. The
fourth is for print, as resnet_blocks_gray.py tells: 43 dB for 26 when clean, 29 for 24 with blocks on 3 % of its area.
Photographs pay 0.1 dB for it, on ten pictures of val/. The fifth is for mirrored ends, as told there: without it CBSD68
had 34.07 and 29.40 dB at 10 and 25 %, with it 34.26 and 29.57; on 24 pictures of val/, of even sizes, 0.11 less. The
sixth has ``impulses``, and sees sides of all kinds: 6,347 steps of batches of 8, on eight pictures of val/ 0.19, 0.15
and 0.16 dB at 3, 10 and 25 %, cut to odd sizes 0.18, 0.19 and 0.21.

The last two see black and white frames, which were filled in before: with one of a pixel, four pictures of val/ had
28.9 dB clean and 27.8 with blocks on 10 %, and have 60.9 and 33.8 now; with one of eight pixels 20.7 and 21.2, and 67.4
and 34.3. After the first, of 15 minutes, blocks at an end were taken for frames: the last rows and columns had 2.1
times the error that they have where the picture goes on, 1.7 before and now. Pictures without a frame have what they
had, but for 0.1 dB less at 25 % where their sides are odd.
"""

from train_entry import DRAWINGS_ALL_SIDES, FRAMED, ODD_SIDES, TEXTURE, WITH_DRAWINGS, other_noise, train_entry

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
        {"minutes": 15, "learning_rate": 7e-4, "seed": 23, **FRAMED},
        {"minutes": 78, "learning_rate": 7e-4, "seed": 24, **FRAMED, "batch": 4},
    ),
    config={"impulses": True},
)

if __name__ == "__main__":
    train_entry(RECIPE)
