"""deep-gaussian-color: one of the course's comparison; it predicts the clean image, all three by one recipe.

python scripts/recipes/deep_gaussian_color.py --data DATA
"""

from train_entry import COMPARISON_COLOR, Recipe, train_entry

RECIPE = Recipe(name="deep-gaussian-color", architecture="deep", config={"channels": 3}, **COMPARISON_COLOR)

if __name__ == "__main__":
    train_entry(RECIPE)
