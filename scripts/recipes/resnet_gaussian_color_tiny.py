"""resnet-gaussian-color-tiny: colour, for phones, browsers and video: a sixth of the everyday one's work.

python scripts/recipes/resnet_gaussian_color_tiny.py --data DATA

The third stage (patches shrunk to down to a quarter, 90,905 steps) was worth 0.04 dB on val/ at sigma 25, 0.15 at 5,
and 0.07 on val/ shrunk to half and to a third (sigma 25). The fourth has a quarter of its patches in 8 bits, where
black and white cut the noise: on ten pictures of val/ 0.15 and 0.21 dB there (sigma 25 and 50), 0.00 to 0.07 on noise
that is not cut, 0.4 on clean pictures. With every second patch, 25 minutes, it was 0.41 and 0.75 dB there, but 0.17 and
0.20 less on noise that is not cut; not shipped. The last sees sides of all kinds (17,400 steps of batches of 8, in
float32, on a core without bfloat16): on eight pictures of val/ 0.00 to 0.01 dB, cut to odd sizes 0.02, in 8 bits 0.03
to 0.06, 0.4 on clean ones.
"""

from train_entry import ALL_SIDES, AS_PICTURES, EVERYDAY, FINE_TEXTURE, PATCHES, SHRUNK, TEXTURE, Recipe, train_entry

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
        {"minutes": 60, "learning_rate": 1e-3, "seed": 11, **AS_PICTURES, "noise": "gaussian:0-55+bits:8??"},
        {"minutes": 72, "learning_rate": 1e-3, "seed": 12, **ALL_SIDES, "noise": "gaussian:0-55+bits:8??"},
    ),
    augment=PATCHES,
    mixed_precision="mixed_bfloat16",
)

if __name__ == "__main__":
    train_entry(RECIPE)
