"""resnet-gaussian-color-aware: the everyday colour denoiser with the noise level as a second input, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_color_aware.py --data DATA

A first stage of 16 minutes (8,000 steps, beside other work) at a steplength of 1e-3 was not shipped: on val/ it was
0.02 to 0.10 dB behind the everyday entry that it started from, at sigma 5 to 50. Long steps undo more than a
short stage mends. The second stage is for pictures of 8 bits, where black and white cut the noise: on every second
picture of val/ in 8 bits it was worth 1.27 and 3.12 dB at sigma 25 and 50; on noise that is not cut it gained 0.02 at
15, and cost 0.03 at 50. The third (9,376 steps of sides of all kinds, beside other work) won 0.01 dB on eight pictures
of val/ at sigma 15 to 50, 0.02 and 0.03 in 8 bits at 25 and 50, 0.04 at sigma 5, and 1.0 of 53 dB when clean. The last
is more of the same (34,425 steps, in batches of 8, beside other work): on twelve pictures of val/ 0.06, 0.07, 0.07 and
0.10 dB at sigma 5, 15, 25 and 50, 0.05 to 0.07 shrunk to half, as much as that at odd sizes, 0.10 and 0.13 in 8 bits
(25, 50), 0.11 at 60, which it is not trained on; clean pictures 56.8 dB for 55.6.
"""

from train_entry import ALL_SIDES, AS_PICTURES, FINE_TEXTURE, Recipe, from_gaussian, train_entry

COMMON = from_gaussian(3, minutes=16, learning_rate=2.5e-4, **FINE_TEXTURE)
RECIPE = Recipe(
    name="resnet-gaussian-color-aware",
    noise="gaussian:0-55",
    finish=(
        {"minutes": 30, "learning_rate": 5e-4, "seed": 13, **AS_PICTURES},
        {"minutes": 50, "learning_rate": 1e-3, "seed": 19, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
        {"minutes": 98, "learning_rate": 1e-3, "seed": 39, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
    ),
    **{**COMMON, "config": {**COMMON["config"], "takes_sigma": True}},
)

if __name__ == "__main__":
    train_entry(RECIPE)
