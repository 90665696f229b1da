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
        "minutes": 60,
        "batch": 4,
        "patch": 64,
        "loss": "l1",
        "learning_rate": 7e-4,
        "schedule": {"kind": "cosine", "warmup": 1000},
        "clip_norm": 0.1,
        "ema": 0.999,
        "validate_every": 2000,
    },
    mixed_precision="mixed_bfloat16",
    start="resnet-gaussian-gray",
    notes=(
        "The shipped weights started from those of the gray entry as they were after 44,000 steps. An earlier run at a "
        "steplength of 1e-3 without a limit on the gradient was undone by one odd batch after 3,000 steps. On one core "
        "of a machine that did other work."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
