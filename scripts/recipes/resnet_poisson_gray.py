"""resnet-poisson-gray: gray pictures with photon noise, peak 1 to 100.

python scripts/recipes/resnet_poisson_gray.py --data DATA

The second stage is for pictures of 8 bits, where white cuts the noise; by itself it lost 3 dB on clean pictures. The
third sees clean ones, and counts a quarter. Together they were worth 3.0 and 0.7 dB on ten pictures of val/ in 8 bits
(peak 4 and 30); what it cost is 0.00 to 0.03 dB on noise that is not cut, and nothing on clean pictures. Once more of
that, with sides of all kinds and half of it counted (8,212 steps of batches of 4 at 7e-4, on a core without bfloat16),
won 0.12 dB at peak 100 and 0.01 below, on eight pictures of val/, and lost 2.1 on clean ones; not shipped. The fourth
(10,926 steps of batches of 8) lost 2.6 dB on clean ones; the fifth (1,497 steps), of which a third counts, won them
back. Together they are worth 0.09, 0.07, 0.07, 0.05 and 0.05 dB at peak 1, 4, 10, 30 and 100 on twelve pictures of
val/, 0.03 shrunk to half and 0.12 at odd sizes (peak 10), 0.06 and 0.05 in 8 bits (peak 4 and 30), and 0.0 on clean
ones.
"""

from train_entry import ALL_SIDES, FINE_TEXTURE, TEXTURE, other_noise, train_entry

RECIPE = other_noise(
    1,
    "poisson:1-100",
    minutes=20,
    finish=(
        {"minutes": 35, "seed": 5, **FINE_TEXTURE, "noise": "poisson:1-100+bits:8?"},
        {
            "minutes": 6,
            "learning_rate": 2.5e-4,
            "seed": 6,
            "share": 0.25,
            **FINE_TEXTURE,
            "noise": "poisson:1-100?+bits:8?",
        },
        {"minutes": 60, "learning_rate": 1e-3, "seed": 49, **ALL_SIDES, "noise": "poisson:1-100+bits:8?"},
        {
            "minutes": 8,
            "learning_rate": 2.5e-4,
            "seed": 50,
            "share": 0.33,
            **ALL_SIDES,
            "noise": "poisson:1-100?+bits:8?",
        },
    ),
    **TEXTURE,
)

if __name__ == "__main__":
    train_entry(RECIPE)
