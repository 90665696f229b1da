"""resnet-poisson-color: colour pictures with photon noise, peak 1 to 100.

python scripts/recipes/resnet_poisson_color.py --data DATA

The loss for texture came late. By L1, a second stage of 20 minutes (20,000 steps) gave 0.19 dB at peak 1 on val/, 0.05
at 30 and 0.02 at 100, where it stayed 0.2 behind resnet-gaussian-color; it was not shipped. In gray, where both were
measured on val/, the first stage is 0.22 to 0.27 dB ahead of 18 minutes of L1 from earlier Gaussian weights. The
second is for pictures of 8 bits, where white cuts the noise: on ten pictures of val/ in 8 bits it was worth 4.1 and 1.1
dB (peak 4 and 30), and cost 0.01 to 0.03 on noise that is not cut, and 0.5 on clean pictures. The last, with sides
of all kinds (10,155 steps of batches of 8, beside other work), won 0.10, 0.06, 0.05, 0.05 and 0.07 dB at peak 1, 4, 10,
30 and 100 on twelve pictures of val/, 0.05 shrunk to half, 0.09 at odd sizes (peak 10), 0.11 and 0.05 in 8 bits (peak 4
and 30), 0.44 on clean ones.
"""

from train_entry import ALL_SIDES, FINE_TEXTURE, TEXTURE, other_noise, train_entry

RECIPE = other_noise(
    3,
    "poisson:1-100",
    minutes=20,
    finish=(
        {"minutes": 40, "seed": 5, **FINE_TEXTURE, "noise": "poisson:1-100+bits:8?"},
        {"minutes": 31, "learning_rate": 1e-3, "seed": 47, **ALL_SIDES, "noise": "poisson:1-100+bits:8?"},
    ),
    **TEXTURE,
)

if __name__ == "__main__":
    train_entry(RECIPE)
