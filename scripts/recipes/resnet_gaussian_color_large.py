"""resnet-gaussian-color-large: the best colour denoiser of the zoo, told the noise level, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_color_large.py --data DATA
"""

from train_entry import large, train_entry

RECIPE = large(
    3,
    minutes=108,
    seed=13,
    notes=(
        "A first stage only, on one core: 47,019 steps from the weights of the aware entry, whose function the larger "
        "network begins with (zoo/training/inherit.py). On val/ it is 0.30, 0.27 and 0.24 dB ahead of that entry, at "
        "sigma 15, 25 and 50; CBSD68 gained half of that. In gray the same network gained a third as much on val/."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
