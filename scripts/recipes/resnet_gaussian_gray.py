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
        "minutes": 84,
        "batch": 4,
        "patch": 64,
        "loss": "l1",
        "learning_rate": 5e-4,
        "schedule": {"kind": "cosine", "warmup": 500},
        "clip_norm": 0.1,
        "ema": 0.999,
        "validate_every": 2000,
    },
    mixed_precision="mixed_bfloat16",
)

if __name__ == "__main__":
    train_entry(RECIPE)
