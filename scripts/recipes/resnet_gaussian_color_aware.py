"""resnet-gaussian-color-aware: the everyday colour denoiser with the noise level as a second input, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_color_aware.py --data DATA
"""

from train_entry import Recipe, from_gaussian, train_entry

COMMON = from_gaussian(3, minutes=16)
RECIPE = Recipe(
    name="resnet-gaussian-color-aware",
    noise="gaussian:0-55",
    **{**COMMON, "config": {**COMMON["config"], "takes_sigma": True}},
)

if __name__ == "__main__":
    train_entry(RECIPE)
