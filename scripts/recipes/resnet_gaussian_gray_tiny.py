"""resnet-gaussian-gray-tiny: gray, for phones, browsers and video: a sixth of the everyday one's work.

python scripts/recipes/resnet_gaussian_gray_tiny.py --data DATA
"""

from train_entry import AS_PICTURES, EVERYDAY, PATCHES, TEXTURE, Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-gray-tiny",
    architecture="resnet",
    config={"channels": 1, "widths": [16, 48], "encoder_depths": [0, 2], "decoder_depths": [2]},
    noise="gaussian:0-55",
    fit={**EVERYDAY, "minutes": 28, "revive": True},
    # The first stage changed clean pictures by more than the other entries do. The second sees them, and by itself pays
    # for it with 0.1 to 0.3 dB on noise. The third started from three quarters of the first and one of the second; it
    # gained 0.2 dB on noise and lost 2.5 dB on clean pictures. The fourth sees them again: by itself 76 dB for 51 (on
    # val/), at 0.17 dB on sigma 15. A quarter of it is worth 2.6 dB, and costs 0.02: from three quarters of the third
    # and a quarter of the fourth started the fifth, for pictures of 8 bits, where black and white cut the noise. On
    # val/ in 8 bits it was worth 0.33, 0.57 and 1.55 dB at sigma 15, 25 and 50, on noise that is not cut 0.12, 0.07 and
    # 0.02; clean pictures lost 0.6 dB, one of scikit-image's 1.0. So the sixth sees clean ones once more, and counts a
    # quarter again: on ten pictures of val/ 2.5 dB on clean ones, and 0.01 to 0.03 lost on noise (0.2 at sigma 5).
    # A seventh, of 72 minutes (ALL_SIDES at 1e-3, a quarter in 8 bits, 21,481 steps of batches of 8), was worth 0.21,
    # 0.03, 0.03 and 0.04 dB on eight pictures of val/ at sigma 5, 15, 25 and 50, and took 1.9 from clean ones (of which
    # scikit-image's camera came below 40); half of it 0.11, 0.02, 0.02 and 0.02 for 0.8. Not shipped.
    finish=(
        {"minutes": 10, "noise": "gaussian:0-55?", "learning_rate": 5e-4, "seed": 6, "share": 0.25},
        {"minutes": 16, "learning_rate": 1e-3, "seed": 8, **TEXTURE},
        {"minutes": 6, "noise": "gaussian:0-55?", "learning_rate": 2.5e-4, "seed": 9, "share": 0.25, **TEXTURE},
        {"minutes": 25, "learning_rate": 1e-3, "seed": 10, **AS_PICTURES},
        {
            "minutes": 5,
            "learning_rate": 2.5e-4,
            "seed": 11,
            "share": 0.25,
            **AS_PICTURES,
            "noise": "gaussian:0-55?+bits:8?",
        },
    ),
    augment=PATCHES,
    mixed_precision="mixed_bfloat16",
)

if __name__ == "__main__":
    train_entry(RECIPE)
