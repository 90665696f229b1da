"""resnet-gaussian-color-large: the best colour denoiser of the zoo, told the noise level, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_color_large.py --data DATA
"""

from train_entry import large, train_entry

RECIPE = large(3, minutes=108, seed=13, notes="")

if __name__ == "__main__":
    train_entry(RECIPE)
