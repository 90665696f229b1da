"""resnet-saltpepper-color: colour pictures with salt and pepper on 1 to 50 % of the pixels.

python scripts/recipes/resnet_saltpepper_color.py --data DATA

The seventh stage was worth 0.04 and 0.14 dB on ten pictures of val/ (10 and 50 % of the pixels), the eighth 0.37 and
0.22. But all had learned from photographs that black and white are noise: small black print on white, clean, came out
at 23 dB, and the black frame that some pictures of Kodak24 have was removed. The ninth, where a quarter of the patches
are as if drawn, and a quarter are clean, mended that (55 dB) and gained 0.38 dB at 10 %, but lost 0.48 at 50 %; the
tenth, with as much noise as the earlier ones, won half of that back: against the eighth, on five of these pictures, 0.4
dB more at 10 % and 0.2 less at 50 %; print at 34 dB clean, and 29 in place of 22 with noise on 3 % of its pixels. The
eleventh won 0.3 dB at 10 % and 0.2 at 50 %, on ten pictures of val/, and 1.4 on clean print. The twelfth has
``impulses``, as resnet_saltpepper_gray.py tells: 19,567 steps, 0.49, 0.34, 0.32 and 0.32 dB at 3, 10, 30 and 50 % on
eight pictures of val/, cut to odd sizes 0.67, 0.40, 0.36 and 0.37. The thirteenth (20,750 steps) won 0.01, 0.07 and
0.08 dB at 10, 30 and 50 % there, 0.06, 0.06 and 0.07 cut to odd sizes; 0.05 less at 3 %, and 0.3 of 60 dB when clean.
The last (10,672 steps) sees black and white frames, which all before took for lost pixels: with a black row and column
at an end, six pictures of val/ had 40.8, 35.9 and 28.9 dB clean and at 10 and 50 %, and 56.2, 43.7 and 32.1 after it.
Without frames it cost 0.1 dB (0.13 at 3 %). Three quarters of it keep most of that (55.6, 43.6 and 31.4 dB), and cost
0.09 and 0.06 dB at 10 and 50 %, 0.19 at 3 %.
"""

from train_entry import DRAWINGS_ALL_SIDES, FINE_TEXTURE, FRAMED, TEXTURE, WITH_DRAWINGS, other_noise, train_entry

RECIPE = other_noise(
    3,
    "saltpepper:1-50",
    finish=(
        {"minutes": 25, "seed": 7},
        {"minutes": 25, "seed": 8},
        {"minutes": 25, "seed": 9},
        {"minutes": 12, "seed": 10, **TEXTURE},
        {"minutes": 14, "seed": 11, **FINE_TEXTURE},
        {"minutes": 20, "seed": 12, **FINE_TEXTURE},
        {"minutes": 35, "seed": 13, **FINE_TEXTURE},
        {"minutes": 30, "seed": 14, **WITH_DRAWINGS, "noise": "saltpepper:1-10?+saltpepper:1-50?"},
        {"minutes": 22, "seed": 15, **WITH_DRAWINGS},
        {"minutes": 38, "seed": 16, **WITH_DRAWINGS},
        {"minutes": 46, "seed": 17, **DRAWINGS_ALL_SIDES},
        {"minutes": 60, "seed": 18, **DRAWINGS_ALL_SIDES},
        {"minutes": 50, "seed": 22, "share": 0.75, **FRAMED},
    ),
    config={"impulses": True},
)

if __name__ == "__main__":
    train_entry(RECIPE)
