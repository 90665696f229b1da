"""unet-skip-gaussian-gray: one of the course's comparison, which predicts the clean image; all three by the same recipe.

    python scripts/recipes/unet_skip_gaussian_gray.py --data DATA
"""

from train_entry import COMPARISON, Recipe, train_entry

RECIPE = Recipe(name="unet-skip-gaussian-gray", architecture="unet-skip", config={"channels": 1}, **COMPARISON)

if __name__ == "__main__":
    train_entry(RECIPE)
