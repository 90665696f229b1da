"""resnet-saltpepper-color: colour pictures with salt and pepper on 1 to 50 % of the pixels.

python scripts/recipes/resnet_saltpepper_color.py --data DATA

The last stage was worth 0.04 and 0.14 dB on ten pictures of val/ (10 and 50 % of the pixels).
"""

from train_entry import FINE_TEXTURE, TEXTURE, other_noise, train_entry

RECIPE = other_noise(
    3,
    "saltpepper:1-50",
    finish=(
        {"minutes": 25, "seed": 7},
        {"minutes": 25, "seed": 8},
        {"minutes": 25, "seed": 9},
        {"minutes": 12, "seed": 10, **TEXTURE},
        {"minutes": 14, "seed": 11, **FINE_TEXTURE},
        {"minutes": 20, "seed": 12, **FINE_TEXTURE},
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
