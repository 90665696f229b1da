"""resnet-gaussian-color: the everyday colour denoiser, blind to the level over sigma 0 to 55.

python scripts/recipes/resnet_gaussian_color.py --data DATA
"""

from train_entry import ALL_SIDES, AS_PICTURES, EVERYDAY, FINE_TEXTURE, ODD_SIDES, PATCHES, TEXTURE, Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-color",
    architecture="resnet",
    config={"channels": 3},
    noise="gaussian:0-55",
    fit=EVERYDAY,
    finish=(
        {"minutes": 53.5, "seed": 1},
        {"minutes": 50, "learning_rate": 1e-3, "seed": 2, "revive": True},
        {"minutes": 18, "patch": 128, "batch": 2, "learning_rate": 2.5e-4, "seed": 3, "revive": True},
        {"minutes": 50, "learning_rate": 1e-3, "seed": 7, **TEXTURE},
        {"minutes": 60, "learning_rate": 1e-3, "seed": 8, **TEXTURE},
        {"minutes": 60, "learning_rate": 1e-3, "seed": 11, **FINE_TEXTURE},
        {"minutes": 20, "learning_rate": 3e-4, "seed": 13, **AS_PICTURES},
        {"minutes": 45, "learning_rate": 1e-3, "seed": 14, **AS_PICTURES},
        {"minutes": None, "steps": 30_000, "learning_rate": 5e-4, "seed": 16, **AS_PICTURES, **ODD_SIDES},
        {"minutes": 43, "learning_rate": 1e-3, "seed": 18, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
        {"minutes": 102, "learning_rate": 1e-3, "seed": 37, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
    ),
    augment=PATCHES,
    mixed_precision="mixed_bfloat16",
    notes=(
        "On one core of a machine that trained the gray entry on the other and did other work besides. Its size, Muon "
        "and the batches of 4 were chosen by the trials of scripts/trials.md. The second stage was planned for 60 "
        "minutes and stopped after 53.5, when 128 hidden features at the bottom were found to be dormant; the stages "
        "after it give such features a new start at each validation (zoo/training/dormant.py). The fifth and the "
        "sixth stage, for texture, were worth 0.10 and 0.055 dB on val/ at sigma 25, 0.07 and 0.06 at 50, 0.12 and "
        "0.06 at 15; the seventh, with patches shrunk to down to a quarter (69,573 steps), 0.04, 0.03 and 0.04, and "
        "0.07 and 0.08 on val/ shrunk to half and to a third (sigma 25). The eighth (AS_PICTURES) is for pictures of "
        "8 bits, where black and white cut the noise: on val/ in 8 bits 0.44, 0.94 and 2.30 dB at sigma 15, 25 and "
        "50; on noise that is not cut it cost 0.04, 0.07 and 0.10. The ninth (52,261 steps) brought 0.11 and 0.28 dB "
        "more at 25 and 50 in 8 bits, on every second picture of val/, and nothing (0.01 dB at most) where noise is "
        "not cut. The tenth is for the ends of pictures whose sides are no multiples of four, which the "
        "network mirrors (ODD_SIDES): 0.06 dB on pictures of val/ cut to 321×481 pixels; on val/ as it is 0.00 to 0.03 "
        "more, shrunk to half 0.00 to 0.05 less. But it forgot ends that are not padded: where sides are multiples of "
        "four, the last three rows had 1.7 times the error of the inside, 1.1 before. The next (ALL_SIDES, 15,785 "
        "steps of batches of 8) sees all kinds: 0.05, 0.05 and 0.07 dB at sigma 15, 25 and 50 on sixteen pictures of "
        "val/ as they are, 0.08, 0.07 and 0.08 shrunk to half, 0.01, 0.02 and 0.03 cut to 321×481; in 8 bits 0.06 and "
        "0.10 at 25 and 50; clean pictures 53.7 dB for 53.4. The last is more of the same (34,628 steps, beside other "
        "work): on twelve pictures of val/ 0.04, 0.06, 0.06 and 0.07 dB at sigma 5, 15, 25 and 50, 0.05, 0.05 and 0.07 "
        "shrunk to half (15, 25, 50), as much at odd sizes, 0.07 and 0.10 in 8 bits (25, 50), 0.08 at 60, which it is "
        "not trained on; clean pictures 54.5 dB for 53.5. As much again (27,008 steps, 79 minutes beside other "
        "work) won 0.01 dB at most on each of these, and 0.5 on clean pictures; not shipped. The network may be full."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
