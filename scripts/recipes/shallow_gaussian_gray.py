"""shallow-gaussian-gray: one of the course's comparison, which predicts the clean image; all three by the same recipe.

    python scripts/recipes/shallow_gaussian_gray.py --data DATA
"""

from train_entry import COMPARISON, Recipe, train_entry

RECIPE = Recipe(name="shallow-gaussian-gray", architecture="shallow", config={"channels": 1}, **COMPARISON)

if __name__ == "__main__":
    train_entry(RECIPE)
