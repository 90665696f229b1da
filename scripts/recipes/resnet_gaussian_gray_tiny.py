"""resnet-gaussian-gray-tiny: gray, for phones, browsers and video: a sixth of the everyday one's work.

python scripts/recipes/resnet_gaussian_gray_tiny.py --data DATA
"""

from train_entry import EVERYDAY, PATCHES, Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-gray-tiny",
    architecture="resnet",
    config={"channels": 1, "widths": [16, 48], "encoder_depths": [0, 2], "decoder_depths": [2]},
    noise="gaussian:0-55",
    fit={**EVERYDAY, "minutes": 28, "revive": True},
    # Clean pictures among them, which the first stage left changed by more than the others do.
    finish=({"minutes": 10, "noise": "gaussian:0-55?", "learning_rate": 5e-4, "seed": 6},),
    augment=PATCHES,
    mixed_precision="mixed_bfloat16",
)

if __name__ == "__main__":
    train_entry(RECIPE)
