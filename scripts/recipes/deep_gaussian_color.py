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
        "slower still. Tried since, 4,000 steps each: going on with the RMSE of each image as the loss, 25.58 to 26.15 "
        "dB on patches of val/; from nothing, kernels begun as orthogonal matrices at their centre, 24.08 dB where "
        "these got 22.96. Neither brought green. Nor did 16,000 steps more (26.83 dB where these have 25.84; 8,000 at "
        "a steplength of 3e-4: 26.45), after them 16,000 with red, green and blue in another order for half of the "
        "patches (27.04), nor 16,000 of that from nothing (25.67), although half of its patches have no weakest "
        "colour. Where it is lost: from the features of a layer, by linear regression (16 pictures of val/, sigma "
        "15), the first convolution still tells 0.64 of the variance of green against magenta, the ReLU behind the "
        "fourth 0.17, the code 0.22, while red against blue stays at 0.9 and more and brightness at 0.98. So it is "
        "the first layers that drop it, long before the code, and they learn nothing from a decoder that never saw "
        "it; unet-skip keeps it (0.92) by the skip at full size alone. Colours amplified up to eight times, 4,000 "
        "steps from nothing: 22.32 dB, and 0.26 in the code."
    ),
    **COMPARISON_COLOR,
)

if __name__ == "__main__":
    train_entry(RECIPE)
