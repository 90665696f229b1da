"""resnet-saltpepper-gray: gray pictures with salt and pepper on 1 to 50 % of the pixels.

python scripts/recipes/resnet_saltpepper_gray.py --data DATA

The fifth stage was worth 0.31 and 0.21 dB on val/ (10 and 50 % of the pixels), the sixth 0.20 and 0.17 on ten pictures
of it. The seventh and eighth are for print, black on white, as resnet_saltpepper_color.py tells: 39 dB for 25 when
clean, and 30 for 24 with noise on 3 % of its pixels. Photographs paid for it: 0.1 and 0.2 dB at 10 and 50 % on twenty
pictures of val/, on BSD68 0.1 and 0.5; the first of the two alone lost 0.7 at 50 % on val/. 13 minutes more, on noise
of 5 to 50 %, won nothing there and lost 0.1 to 0.7 dB at 10 % and less (in colour too); not shipped. The ninth, longer
and on all of the noise, won 0.2 and 0.2 back on ten pictures of val/, and 0.2 on print. All that until then had no
``impulses``: a third of the error at 3 % of the pixels, a sixth at 10, was in pixels that were not lost. Left alone,
these are worth 0.7 and 0.4 dB, and 0.1 at 50 %, without any training. Eight minutes with and without the marks for the
stem (nothing gated): 0.19 dB. The tenth, 23,483 steps of batches of 8, with both: on eight pictures of val/ 0.83, 0.60,
0.57 and 0.54 dB at 3, 10, 30 and 50 %, cut to odd sizes 1.05, 0.63, 0.59 and 0.62. From the Gaussian entry with marks,
1,500 such steps led to 25 dB only. 4,122 more of them at half the steplength (74 minutes of a core without bfloat16)
won 0.01 dB at all levels, 0.01 to 0.05 at odd sizes, and nothing on val/ shrunk to half; not shipped. The eleventh
(25,443 steps) won 0.15, 0.11, 0.09 and 0.05 dB at 3, 10, 30 and 50 % on eight pictures of val/, and as much cut to odd
sizes but for 0.05 at 3 %. From its weights, ten minutes with a picture besides in which each lost value is the mean of
the known ones within 3×3 pixels (of 7×7 where there are none; normalized convolution, Knutsson & Westin 1993), read by
the stem with weights of zero at first: 0.03 more at 50 %, 0.03 less at 10 %; the network knows that by itself.

The last (7,519 steps of batches of 4 on a core without bfloat16) sees black and white frames, which all before took for
lost pixels. Half of it and half of the one before are shipped: with a black row and column at an end, four pictures of
val/ had 41.4 and 28.7 dB at 10 and 50 %, and 44.9 and 30.0 now (45.0 and 31.7 by the last alone). Without frames it
costs 0.03 to 0.05 dB (0.11 to 0.19 by the last alone, at 3 to 50 %).
"""

from train_entry import DRAWINGS_ALL_SIDES, FINE_TEXTURE, FRAMED, TEXTURE, WITH_DRAWINGS, other_noise, train_entry

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
        {"minutes": 38, "seed": 15, **WITH_DRAWINGS},
        {"minutes": 46, "seed": 16, **DRAWINGS_ALL_SIDES},
        {"minutes": 60, "seed": 17, **DRAWINGS_ALL_SIDES},
        {"minutes": 78, "learning_rate": 7e-4, "seed": 25, "share": 0.5, **FRAMED, "batch": 4},
    ),
    config={"impulses": True},
)

if __name__ == "__main__":
    train_entry(RECIPE)
