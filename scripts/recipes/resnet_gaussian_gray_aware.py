"""resnet-gaussian-gray-aware: the everyday gray denoiser with the noise level as a second input, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_gray_aware.py --data DATA

From the everyday entry's weights of the day, 16 minutes of TEXTURE (12,658 steps) were worth 0.08 dB over it on BSD68
(sigma 25), and 18 of FINE_TEXTURE (19,962 steps) 0.15: on val/ 0.04, shrunk to half or to a third 0.13, where the blind
entry takes strong texture for noise (a picture of fabric, shrunk to half, sigma 5: 28.6 dB blind, 38.9 here). What of
it the patches did, and what the steps, was not taken apart. The second stage (61,454 steps) was worth 0.01 to 0.03 dB
at sigma 25 and 0.05 to 0.06 at 5, on val/ as it is and shrunk. The third is for pictures of 8 bits, where black and
white cut the noise: on every second picture of val/ in 8 bits 0.81 and 2.32 dB at sigma 25 and 50; on noise that is not
cut it cost 0.01 and 0.04. The next (10,155 steps of sides of all kinds, beside other work) won 0.01 to 0.02 dB on eight
pictures of val/ at sigma 5 to 50, 0.02 to 0.04 cut to odd sizes and in 8 bits, and 0.7 of 63 dB when clean. The last is
11,986 steps of the same: 0.03 to 0.05 dB on twelve pictures of val/ at sigma 15 to 60, as they are, shrunk to half,
cut to odd sizes and in 8 bits, 0.02 at 5, and 0.9 of 63 dB when clean.
"""

from train_entry import ALL_SIDES, AS_PICTURES, FINE_TEXTURE, Recipe, from_gaussian, train_entry

COMMON = from_gaussian(1, minutes=18, learning_rate=2.5e-4, **FINE_TEXTURE)
RECIPE = Recipe(
    name="resnet-gaussian-gray-aware",
    noise="gaussian:0-55",
    finish=(
        {"minutes": 55, "learning_rate": 1e-3, "seed": 12},
        {"minutes": 25, "learning_rate": 5e-4, "seed": 13, **AS_PICTURES},
        {"minutes": 50, "learning_rate": 1e-3, "seed": 20, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
        {"minutes": 19, "learning_rate": 5e-4, "seed": 43, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
    ),
    **{**COMMON, "config": {**COMMON["config"], "takes_sigma": True}},
)

if __name__ == "__main__":
    train_entry(RECIPE)
