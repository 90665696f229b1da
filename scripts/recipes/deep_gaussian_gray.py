"""deep-gaussian-gray: one of the course's comparison; it predicts the clean image, all three by one recipe.

python scripts/recipes/deep_gaussian_gray.py --data DATA
"""

from train_entry import COMPARISON, Recipe, train_entry

RECIPE = Recipe(name="deep-gaussian-gray", architecture="deep", config={"channels": 1}, **COMPARISON)

if __name__ == "__main__":
    train_entry(RECIPE)
