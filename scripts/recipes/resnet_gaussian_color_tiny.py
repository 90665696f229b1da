"""resnet-gaussian-color-tiny: colour, for phones, browsers and video: a sixth of the everyday one's work.

python scripts/recipes/resnet_gaussian_color_tiny.py --data DATA
"""

from train_entry import EVERYDAY, PATCHES, SHRUNK, TEXTURE, Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-color-tiny",
    architecture="resnet",
    config={"channels": 3, "widths": [16, 48], "encoder_depths": [0, 2], "decoder_depths": [2]},
    noise="gaussian:0-55",
    fit={**EVERYDAY, "minutes": 45, "revive": True},
    finish=(
        {"minutes": 33, "seed": 1, "augment": SHRUNK},
        {"minutes": 16, "learning_rate": 1e-3, "seed": 8, **TEXTURE},
    ),
    augment=PATCHES,
    mixed_precision="mixed_bfloat16",
)

if __name__ == "__main__":
    train_entry(RECIPE)
