"""resnet-gaussian-gray: the everyday gray denoiser, blind to the level over sigma 0 to 55.

python scripts/recipes/resnet_gaussian_gray.py --data DATA
"""

from train_entry import ALL_SIDES, AS_PICTURES, EVERYDAY, FINE_TEXTURE, PATCHES, TEXTURE, Recipe, train_entry

RECIPE = Recipe(
    name="resnet-gaussian-gray",
    architecture="resnet",
    config={"channels": 1},
    noise="gaussian:0-55",
    fit=EVERYDAY,
    finish=(
        {"minutes": 24, "patch": 128, "batch": 2, "learning_rate": 1e-3},
        {"minutes": 10.5, "patch": 128, "batch": 2, "learning_rate": 3e-4, "loss": "l2"},
        {"minutes": 51.5, "seed": 1},
        {"minutes": 50, "learning_rate": 1e-3, "seed": 2, "revive": True},
        {"minutes": 18, "patch": 128, "batch": 2, "learning_rate": 2.5e-4, "seed": 3, "revive": True},
        {"minutes": 95, "patch": 128, "batch": 2, "learning_rate": 1e-3, "seed": 5, "revive": True},
        {"minutes": 50, "learning_rate": 1e-3, "seed": 7, **TEXTURE},
        {"minutes": 76, "learning_rate": 1e-3, "seed": 8, **TEXTURE},
        {"minutes": 72, "learning_rate": 1e-3, "seed": 10, **FINE_TEXTURE},
        {"minutes": 20, "learning_rate": 3e-4, "seed": 13, **AS_PICTURES},
        {"minutes": 42, "learning_rate": 1e-3, "seed": 14, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
        {"minutes": 96, "learning_rate": 1e-3, "seed": 41, **ALL_SIDES, "noise": AS_PICTURES["noise"]},
    ),
    augment=PATCHES,
    mixed_precision="mixed_bfloat16",
    notes=(
        "On one core of a machine that trained the colour entry on the other and did other work besides; the third "
        "stage on both. Two stages were stopped early: the second, planned for 29 minutes, and the fourth, for 105. "
        "Its size, Muon and the batches of 4 were chosen by the trials of scripts/trials.md. After the third stage, "
        "182 of the 192 hidden features of three residual blocks at the bottom were dormant, zero for every image: "
        "Muon at long steps puts features to sleep that help little. From the fourth on, stages give such features a "
        "new start at each validation (zoo/training/dormant.py); that was worth 0.13 dB on val/. The sixth stage gave"
        " 0.02 dB on val/. What adds to the network does not help by itself: of ten minutes from the fifth stage's "
        "weights (steplength 5e-4, patches of 128) those gave 0.00 to 0.01 dB that had 4 more blocks at half size, 4 "
        "at a quarter, levels at 1/8 and 1/16, or 48 in place of 32 features at half size, all begun without a change"
        " of the function, as much as an equal number of steps of this network; so did float32. What FFDNet (2.6 "
        "times the work) does better lies at edges and in texture; in flat areas the two are equal. Hence the loss of"
        " the last three stages (TEXTURE in train_entry.py tells the trials): the first of them gave 0.10 dB at sigma"
        " 25 on val/, 0.13 on val/ shrunk to half, and clean pictures are changed less than after the fifth; the "
        "second, 75,340 steps on a faster machine, 0.07 at 25 and 50, 0.06 at 15. The third of its kind, with patches"
        " shrunk to down to a quarter (83,439 steps), gained 0.02 dB on val/ at sigma 25, 0.05 on val/ shrunk to half"
        " and to a third, 0.04 and 0.13 at sigma 5; on BSD68 nothing. FFDNet is ahead by 0.21, 0.33 and 0.34 dB there"
        " now (0.23, 0.38 and 0.39 before). Zeros in place of a block's last convolution cost 0.45 to 1.2 dB (sigma "
        "25, val/) at half size, 0.13 to 0.24 for the last three at a quarter. So a network with these three moved to"
        " half size (encoder_depths 4, 1, decoder_depths 5), which kept all other weights, was trained for 12 minutes"
        " (13,000 steps at 1.5e-3): 31.68 dB on patches of val/ against 31.93 before. Blocks of another kind at equal"
        " work, 5,000 steps from nothing, on the same patches: these 31.20; each convolution with a shortcut of its "
        "own behind its ReLU 31.20; plain convolutions with the shortcut inside the ReLU, which could be merged into "
        "one, 30.97. Blocks with a depthwise 3×3 convolution (48 and 96 features, 13 blocks, as fast in ONNX "
        "Runtime), 5 minutes from nothing: 31.09 (between two 1×1 convolutions) and 31.19 (before them), where these "
        "got 31.35. Of two patches drawn the one with more detail, 5 minutes from the fifth stage's weights: 0.01 dB "
        "on val/, 0.03 on val/ shrunk to half, ahead of as long without. Mean log squared error in place of L1 "
        '(patches of 96, 2,500 steps at 1e-4): another 0.01 dB. Wide blocks (block="wide", scale 4, the same widths '
        "and depths) got 31.48 after as many steps as these 31.35, and 31.51 with scale 6; but their steps take "
        "longer: after equal time they were behind (trials G4 and G4wide). Over hours they were not tried. A network "
        "that is told the level is 0.15 dB ahead on BSD68, and an estimate from the whole image serves as well as the"
        " truth. From its surroundings alone the network does not learn it: means of learned features over 36 and 68 "
        "pixels, added to the bottom's (all that a halo of 64 pixels has room for, begun without a change of the "
        "function), gave nothing in 8,000 steps at 2.5e-4 from these weights (0.01 dB less on val/, 0.00 on val/ "
        "shrunk to half and to a third). Patches shrunk without low-pass filtering before, as long: 1.0 and 2.9 dB "
        "(sigma 25 and 5) on the fabric that is taken for noise, but 0.06 to 0.22 dB less in the mean at 25. Nor did "
        "two later trials, from the tenth stage's weights, teach it the level, though an estimate from the 96×96 "
        "pixels around (zoo/inference/noise_level.py) serves the told network nearly as well as the truth (0.127 of "
        "0.150 dB on val/ shrunk to half). With that network as a teacher, its answer nine tenths of the target "
        "(7,000 steps at 5e-4), 0.02 dB less on val/, where as many steps toward the clean pictures lost 0.03. With a"
        " branch that measured the noise by cosine transforms of 4×4 pixels, and told the bottom's later half and the"
        " decoder what the quietest place within 16 and 32 pixels had (max pooling), 48,000 of 73,000 steps at up to "
        "1e-3, half of the patches in 8 bits: 0.09 dB less on val/, and fabric was taken for noise as before. The "
        "eleventh stage (AS_PICTURES) is for pictures of 8 bits, where black and white cut the noise: on val/ in 8 "
        "bits 0.32, 0.70 and 1.91 dB at sigma 15, 25 and 50; on noise that is not cut 0.00 to 0.02 less. Half of what"
        " the told network had been ahead on BSD68, 0.16 dB at sigma 25, was not the level: pictures of odd size were"
        " padded with copies of their last row and column, between which there is no noise. Since they are mirrored "
        "(PadToMultiple) the same weights have 29.02 there for 28.91, and told 29.09 for 29.07; on pictures of val/ "
        "cut to 321×321 pixels 0.19 dB. 30,000 steps at 5e-4 on patches of 125 pixels, which are padded so, won 0.03 "
        "dB on such cuts and lost 0.02 to 0.04 on val/ as it is and shrunk to half; not shipped. The other half is "
        "the level, and it must be known early. From the eleventh stage's network, 9,000 steps of batches of 4 at "
        "5e-4 with the true level: told behind the stem, it is 0.06 ahead on val/ at sigma 25 and 0.18 on val/ shrunk"
        " to half, of which most is a picture of fabric; told behind the bottom, 0.03 and 0.05. A branch of 0.7 kMAC "
        "per pixel that measures the noise and tells the stem (Guo et al. 2019, CBDNet) learns it: trained by itself,"
        " 3,000 steps, it is off by 0.9 at sigma 25 where it sees 44 pixels far (val/ shrunk to half, mean of its "
        "size), by 1.5 where it sees 20. But the halo of 64 leaves it 20 only in front of a network of 44 (widths 32 "
        "and 96, two blocks each, four in the decoder: 47.7 kMAC, from the told entry's weights): after 8,000 steps "
        "at 1e-3 0.07 dB less than this network on val/, and the fabric 0.6 worse; with 44 pixels, which the halo "
        "forbids, 0.05 less and the fabric 0.55 better. The twelfth stage (ALL_SIDES, 15,698 steps of batches of 8) "
        "sees sides of all kinds: 0.02 dB at sigma 15, 25 and 50 on eight pictures of val/ as they are, 0.01 shrunk to"
        " half, 0.02 to 0.03 cut to 321×481; in 8 bits 0.03 and 0.05 at 25 and 50; clean pictures 57.8 dB for 56.2. "
        "The last is more of the same, 46,980 steps: on twelve pictures of val/ 0.07 to 0.08 dB at sigma 15, 25 and "
        "50, 0.05 to 0.07 shrunk to half, 0.07 to 0.09 cut to odd sides, 0.09 in 8 bits; clean pictures 59.7 dB for "
        "58.5."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
