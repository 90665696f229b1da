"""resnet-blocks-gray: gray pictures with blocks of 8×8 pixels knocked out, up to a quarter of the area.

python scripts/recipes/resnet_blocks_gray.py --data DATA

The first stage for texture was worth 0.43 and 0.45 dB on val/ (10 and 25 % of the area), the second 0.11 and 0.11. The
last is for print, black on white, which networks that know photographs alone take for blocks: 44 dB for 23 when clean,
29 for 22 with blocks on 3 % of its area. Photographs pay nothing for it: on ten pictures of val/ 0.03 dB more.
"""

from train_entry import TEXTURE, WITH_DRAWINGS, other_noise, train_entry

RECIPE = other_noise(
    1,
    "blocks:1-25",
    finish=(
        {"minutes": 22, "seed": 7},
        {"minutes": 22, "seed": 8},
        {"minutes": 15, "seed": 9, **TEXTURE},
        {"minutes": 13, "seed": 10, **TEXTURE},
        {"minutes": 30, "seed": 11, **WITH_DRAWINGS},
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
