"""resnet-gaussian-gray-large: larger than the aware gray denoiser, and told the noise level too, sigma 0 to 55.

python scripts/recipes/resnet_gaussian_gray_large.py --data DATA

Not shipped yet: after its first stage it was 31.57, 29.12 and 26.19 dB on BSD68 (sigma 15, 25, 50), 32.71, 30.37 and
27.22 on Set12: 0.02 to 0.07 ahead of resnet-gaussian-gray-aware by 3.6 times the work, and behind FFDNet, which is
smaller. The next stage may start from those weights, which the history keeps (pretrained/resnet-gaussian-gray-large in
commit d6c348a).
"""

from train_entry import large, train_entry

RECIPE = large(
    1,
    minutes=108,
    seed=13,
    notes=(
        "A first stage only, on one core: 48,799 steps from the weights of the aware entry, whose function the larger "
        "network begins with (zoo/training/inherit.py). On val/ it is 0.08, 0.07 and 0.05 dB ahead of that entry, at "
        "sigma 15, 25 and 50; BSD68 gained half of that. It was cut short by the clock: on patches of val/ it still "
        "rose at the end (30.94 dB after 16,000 steps, 31.18 after 36,000, 31.25 after 44,000)."
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
