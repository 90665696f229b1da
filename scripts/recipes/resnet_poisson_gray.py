"""resnet-poisson-gray: gray pictures with photon noise, peak 1 to 100.

python scripts/recipes/resnet_poisson_gray.py --data DATA
"""

from train_entry import TEXTURE, other_noise, train_entry

RECIPE = other_noise(1, "poisson:1-100", minutes=20, **TEXTURE)

if __name__ == "__main__":
    train_entry(RECIPE)
