"""deep-gaussian-color: one of the course's comparison; it predicts the clean image, all three by one recipe.

python scripts/recipes/deep_gaussian_color.py --data DATA
"""

from train_entry import COMPARISON_COLOR, Recipe, train_entry

RECIPE = Recipe(
    name="deep-gaussian-color",
    architecture="deep",
    config={"channels": 3},
    notes=(
        "It has not learned green: leaves come out brown, red orange. What passes the code is learned one direction "
        "after the other, the strongest first, and green against magenta is the weakest in photographs; after as many "
        "steps as the other two of the comparison got, it is not there yet. Adam, with and without a warm-up, was "
        "slower still."
    ),
    **COMPARISON_COLOR,
)

if __name__ == "__main__":
    train_entry(RECIPE)
