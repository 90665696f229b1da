"""resnet-gaussian-gray: the everyday gray denoiser, blind to the level over sigma 0 to 55.

python scripts/recipes/resnet_gaussian_gray.py --data DATA
"""

from train_entry import Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-gray",
    architecture="resnet",
    config={"channels": 1},
    noise="gaussian:0-55",
    fit={
        "minutes": 120,
        "batch": 8,
        "patch": 64,
        "loss": "l1",
        "learning_rate": 5e-4,
        "schedule": {"kind": "cosine", "warmup": 500},
        "clip_norm": 0.1,
        "ema": 0.999,
        "validate_every": 2000,
    },
    augment={"rescale": 1, "brightness": 0},
    mixed_precision="mixed_bfloat16",
    notes=(
        "The shipped weights came about in parts, each on one core of a machine that did other work: 38,000 steps of "
        "batch 4 at a steplength of 1e-3, with one residual block more at half size, which was then taken out (its "
        "halo was 68 pixels); 6,000 steps after that; 54 minutes at 5e-4, with all patches rescaled; and 22 minutes of "
        "this recipe at 4e-4. Runs at 1e-3 without a limit on the gradient were undone by one odd batch: hence "
        "clip_norm."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
