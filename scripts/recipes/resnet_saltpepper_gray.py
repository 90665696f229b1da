"""resnet-saltpepper-gray: gray pictures with salt and pepper on 1 to 50 % of the pixels.

python scripts/recipes/resnet_saltpepper_gray.py --data DATA

The fifth stage was worth 0.31 and 0.21 dB on val/ (10 and 50 % of the pixels), the sixth 0.20 and 0.17 on ten pictures
of it. The last two are for print, black on white, as resnet_saltpepper_color.py tells: 39 dB for 25 when clean, and 30
for 24 with noise on 3 % of its pixels; photographs gained 0.5 dB at 2 % and 0.15 at 30 %, and are as before at 10 and
50 %. The first of the two, by itself, lost 0.7 dB at 50 %.
"""

from train_entry import FINE_TEXTURE, TEXTURE, WITH_DRAWINGS, other_noise, train_entry

RECIPE = other_noise(
    1,
    "saltpepper:1-50",
    finish=(
        {"minutes": 25, "seed": 7},
        {"minutes": 25, "seed": 8},
        {"minutes": 12, "seed": 9, **TEXTURE},
        {"minutes": 14, "seed": 10, **FINE_TEXTURE},
        {"minutes": 20, "seed": 11, **FINE_TEXTURE},
        {"minutes": 30, "seed": 13, **WITH_DRAWINGS, "noise": "saltpepper:1-10?+saltpepper:1-50?"},
        {"minutes": 22, "seed": 14, **WITH_DRAWINGS},
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
