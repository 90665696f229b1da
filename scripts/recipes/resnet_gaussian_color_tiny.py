"""resnet-gaussian-color-tiny: colour, for phones, browsers and video: a sixth of the everyday one's work.

python scripts/recipes/resnet_gaussian_color_tiny.py --data DATA

The last stage (patches shrunk to down to a quarter, 90,905 steps) was worth 0.04 dB on val/ at sigma 25, 0.15 at 5, and
0.07 on val/ shrunk to half and to a third (sigma 25).
"""

from train_entry import EVERYDAY, FINE_TEXTURE, PATCHES, SHRUNK, TEXTURE, Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-color-tiny",
    architecture="resnet",
    config={"channels": 3, "widths": [16, 48], "encoder_depths": [0, 2], "decoder_depths": [2]},
    noise="gaussian:0-55",
    fit={**EVERYDAY, "minutes": 45, "revive": True},
    finish=(
        {"minutes": 33, "seed": 1, "augment": SHRUNK},
        {"minutes": 16, "learning_rate": 1e-3, "seed": 8, **TEXTURE},
        {"minutes": 30, "learning_rate": 1e-3, "seed": 9, **FINE_TEXTURE},
    ),
    augment=PATCHES,
    mixed_precision="mixed_bfloat16",
)

if __name__ == "__main__":
    train_entry(RECIPE)
