"""unet-skip-gaussian-gray: one of the course's comparison; it predicts the clean image, all three by one recipe.

python scripts/recipes/unet_skip_gaussian_gray.py --data DATA
"""

from train_entry import COMPARISON, Recipe, train_entry

RECIPE = Recipe(name="unet-skip-gaussian-gray", architecture="unet-skip", config={"channels": 1}, **COMPARISON)

if __name__ == "__main__":
    train_entry(RECIPE)
