"""resnet-poisson-color: colour pictures with photon noise, peak 1 to 100.

python scripts/recipes/resnet_poisson_color.py --data DATA
"""

from train_entry import other_noise, train_entry

RECIPE = other_noise(3, "poisson:1-100", finish=({"minutes": 20, "seed": 7},))

if __name__ == "__main__":
    train_entry(RECIPE)
