"""resnet-gaussian-gray-aware: the everyday gray denoiser with the noise level as a second input, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_gray_aware.py --data DATA
"""

from train_entry import FINE_TEXTURE, Recipe, from_gaussian, train_entry

COMMON = from_gaussian(1, minutes=18, learning_rate=2.5e-4, **FINE_TEXTURE)
RECIPE = Recipe(
    name="resnet-gaussian-gray-aware",
    noise="gaussian:0-55",
    **{**COMMON, "config": {**COMMON["config"], "takes_sigma": True}},
)

if __name__ == "__main__":
    train_entry(RECIPE)
