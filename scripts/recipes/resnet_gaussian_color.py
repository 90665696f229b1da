"""resnet-gaussian-color: the everyday colour denoiser, blind to the level over sigma 0 to 55.

    python scripts/recipes/resnet_gaussian_color.py --data DATA

Starts from resnet-gaussian-gray, spread to three channels: what edges and noise look like is known by then.
"""

from train_entry import Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-color",
    architecture="resnet",
    config={"channels": 3},
    noise="gaussian:0-55",
    fit={
        "minutes": 120,
        "batch": 8,
        "patch": 64,
        "loss": "l1",
        "learning_rate": 5e-4,
        "schedule": {"kind": "cosine", "warmup": 1000},
        "clip_norm": 0.1,
        "ema": 0.999,
        "validate_every": 2000,
    },
    augment={"rescale": 1, "brightness": 0},
    mixed_precision="mixed_bfloat16",
    start="resnet-gaussian-gray",
    notes=(
        "The shipped weights came about in parts, each on one core of a machine that did other work: from those of "
        "the gray entry after 44,000 steps, 60 minutes of batch 4 at a steplength of 7e-4, with all patches rescaled; "
        "and 22 minutes of this recipe at 4e-4, from there. A run at 1e-3 without a limit on the gradient was undone "
        "by one odd batch after 3,000 steps: hence clip_norm."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
