"""resnet-saltpepper-gray: gray pictures with salt and pepper on 1 to 50 % of the pixels.

python scripts/recipes/resnet_saltpepper_gray.py --data DATA

The fifth stage was worth 0.31 and 0.21 dB on val/ (10 and 50 % of the pixels), the last 0.20 and 0.17 on ten pictures
of it.
"""

from train_entry import FINE_TEXTURE, TEXTURE, other_noise, train_entry

RECIPE = other_noise(
    1,
    "saltpepper:1-50",
    finish=(
        {"minutes": 25, "seed": 7},
        {"minutes": 25, "seed": 8},
        {"minutes": 12, "seed": 9, **TEXTURE},
        {"minutes": 14, "seed": 10, **FINE_TEXTURE},
        {"minutes": 20, "seed": 11, **FINE_TEXTURE},
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
