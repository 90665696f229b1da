"""resnet-gaussian-color-aware: the everyday colour denoiser with the noise level as a second input, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_color_aware.py --data DATA

A first stage of 16 minutes (8,000 steps, beside other work) at a steplength of 1e-3 was not shipped: on val/ it was
0.02 to 0.10 dB behind the everyday entry that it started from, at sigma 5 to 50. Long steps undo more than a
short stage mends.
"""

from train_entry import FINE_TEXTURE, Recipe, from_gaussian, train_entry

COMMON = from_gaussian(3, minutes=16, learning_rate=2.5e-4, **FINE_TEXTURE)
RECIPE = Recipe(
    name="resnet-gaussian-color-aware",
    noise="gaussian:0-55",
    **{**COMMON, "config": {**COMMON["config"], "takes_sigma": True}},
)

if __name__ == "__main__":
    train_entry(RECIPE)
