"""resnet-gaussian-color-large: the best colour denoiser of the zoo, told the noise level, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_color_large.py --data DATA
"""

from train_entry import ALL_SIDES, AS_PICTURES, FINE_TEXTURE, large, train_entry

RECIPE = large(
    3,
    minutes=108,
    seed=13,
    finish=(
        {"minutes": 104, "seed": 15, **FINE_TEXTURE},
        {"minutes": 45, "learning_rate": 5e-4, "seed": 16, **AS_PICTURES},
        {
            "minutes": 97,
            "learning_rate": 5e-4,
            "seed": 45,
            **ALL_SIDES,
            "batch": 4,
            "validate_every": 1000,
            "noise": AS_PICTURES["noise"],
        },
    ),
    notes=(
        "On one core, from the weights of the aware entry, whose function the larger network begins with "
        "(zoo/training/inherit.py). After the first stage, of 47,019 steps, it was 0.30, 0.27 and 0.24 dB ahead of "
        "that entry on val/, at sigma 15, 25 and 50; CBSD68 gained half of that. The second, of 49,026, was worth 0.03 "
        "dB more on val/ (sigma 15 and 50), 0.02 on CBSD68. In gray the same network gained a third as much on val/. "
        "The third (18,038 steps) is for pictures of 8 bits, where black and white cut the noise: on ten pictures of "
        "val/ in 8 bits it was worth 0.89 and 2.40 dB at sigma 25 and 50; on noise that is not cut it cost 0.02, 0.04 "
        "and 0.06 dB at 15, 25 and 50. The last sees sides of all kinds (28,446 steps of batches of 4, beside other "
        "work): on twelve pictures of val/ 0.09, 0.09, 0.10 and 0.11 dB at sigma 5, 15, 25 and 50, 0.08, 0.08 and 0.11 "
        "shrunk to half (15, 25, 50), 0.13 at odd sizes, 0.14 and 0.22 in 8 bits (25, 50), 0.12 at 60, which it is not "
        "trained on; clean pictures 61.5 dB for 59.6. 11,971 steps more (98 minutes beside other work, without AMX) "
        "were 0.00 to 0.01 dB behind on these, 0.03 on clean pictures; the mean of both is 0.01 dB ahead, and 0.3 on "
        "clean pictures. Not shipped."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
