"""resnet-photo-color: the default for real photographs: a sensor's noise, its mosaic, JPEG, at all strengths.

python scripts/recipes/resnet_photo_color.py --data DATA

Each part of the noise is there or not, so that clean pictures, and such as have one part alone, are among those that it
learns from. A first run of 40 minutes with all parts always there, white noise up to sigma 8 only and JPEG from quality
50 on, was not shipped: 4.9 dB ahead of resnet-gaussian-color on such noise of val/, but it left white noise of sigma 25
nearly as it was (26.2 dB), and changed clean pictures too much (38.0 dB). The stage for texture was worth 0.2 dB on
val/ on a sensor's noise, with JPEG and without, and on white noise; 0.26 on JPEG of quality 75. The third (49,747
steps) was worth 0.15 dB on ten pictures of val/ on a sensor's noise, with JPEG and without, 0.13 on JPEG of quality 75
and 0.09 on white noise; clean ones gained 4 dB there. All of these had JPEG that was darker by a step of 255 than files
are (zoo/training/corrupt.py tells why), and put it back on pictures that had not lost it. The fourth, 25 minutes in
float32 on two cores without bfloat16, has it as files have: on five pictures of val/ 0.54 and 0.88 dB at quality 75 and
95, 0.33 on a sensor's noise with JPEG, 0.00 to 0.01 without; clean ones lost 0.7 of 74 dB. The fifth, 16,989 steps of
batches of 8 with bfloat16: on eight pictures of val/ 0.07 to 0.09 dB on a sensor's noise, with JPEG and without, 0.13
on JPEG of quality 75 and 0.08 on white noise, as much at odd sizes; clean ones gained 4 of 69 dB.

All these had JPEG at one place of its blocks, as a file has it, and knew it at no other: of noise in a picture that was
cropped after, they left most (27.7 dB of 27.1 where one row and column were cut off, 32.3 in the file as it is). The
two after (12,872 steps of batches of 4, in float32 on a core without bfloat16) have every other patch cropped after. On
eight pictures of val/ with a sensor's noise and JPEG: 4.4 dB where a row and a column were cut off, 0.9 where two were,
0.07 less as files have it; but they took red knitwear in clean pictures for noise, and clean ones lost 2.4 of 72 dB on
val/. A quarter of the weights before them brought back 0.9 of those, 2 on the worst, and 0.03 as files have it, for 0.3
of the 4.4: that was published. Resized after JPEG to 0.75, 0.9, 1.25 and 1.5 times their size, four pictures of val/
gained 1.4, 2.4, 1.5 and 2.0 dB with it, and lost at most 0.04 without JPEG (0.3 enlarged to twice). What the first of
the two was validated on had JPEG as files have it alone, and found its 500th step the best; its last weights were taken
in place of those.

The next (9,421 steps like them) goes on with that, and has patches of strong colours. On eight pictures of val/ it
gained 0.3, 0.5 and 0.4 dB where a row and a column were cut off (a sensor's noise with JPEG, JPEG of quality 75 and
95), and on clean ones 1.0 with their colours changed for one another and 0.3 with twice as much of them; but clean ones
as they are lost 0.8 of 70.8 dB, and a sensor's noise that was enlarged to 1.5 times without JPEG 1.6 of 32.3 (six
pictures). What shipped is the mean with those before: 0.3, 0.4 and 0.1 dB, 0.5 and 0.8 dB, 0.1 lost as they are, 0.5
where enlarged, and 0.1 gained with JPEG in pictures of 0.75 to 1.5 times. Red knitwear it still smooths.

All these had a sensor's noise as it is added to a picture. The next (7,402 steps of batches of 4, 81 minutes, on a core
without bfloat16) has it in linear light too, and then developed, and a quarter of its batches enlarged by up to twice.
Its mean with the weights it began from shipped. On eight pictures of val/, developed by fixed gains and a fixed matrix
of strong colours, it gained 0.5 and 1.0 dB (noisy 26.9 and 20.3), 0.4 with JPEG of quality 90, 0.5 sharpened after;
where the picture was enlarged to 1.5 times 5.7 (29.8 before, which was hardly better than noisy), and behind the mosaic
alone 3.2, enlarged to twice 5.0, with JPEG 1.9. It costs 0.1 dB on noise behind the mosaic as it is, JPEG of quality 75
and white noise, 0.2 on JPEG of quality 95, and clean pictures change more: 64.9 dB for 70.8, the worst 64×64 pixels of
each 56.5 for 61.5. All of its own weights gained 0.7 and 1.6 dB, 6.7 where enlarged, for 0.2 dB and clean pictures of
61.5; as many minutes with nothing enlarged (8,714 steps) 0.9, 1.8 and 4.6.

The next is more of the same, 25,531 steps of batches of 8 with bfloat16, half of what is enlarged now before JPEG, as a
camera's zoom does. On the middles of eight pictures of val/ 0.6 and 0.9 dB on developed noise, 0.4 and 0.3 with JPEG of
quality 90 and 75, 0.2 sharpened after; enlarged to 1.5 times 0.9, and 0.8 with JPEG of quality 90 after that, to twice
2.2. Behind the mosaic alone it is as before (0.15 more where JPEG was enlarged to 1.5 times), as are clean pictures
(63.9 dB for 63.8, the worst 55.8 for 54.5); JPEG of quality 95 costs 0.16, white noise 0.02 (sigma 25) and 0.09 (10).
Its own weights ship: the mean with those before (0.6) had less of all of it, and clean pictures of 61.7 dB.

The next (28,501 steps like them) has a quarter of its batches sharpened, before JPEG. On the middles of eight pictures
of val/ it gained 0.2 dB where noise was sharpened strongly (an unsharp mask of 1.5 pixels, 200 %, then JPEG), 0.02 to
0.07 where less, so that most of it was known before; 0.06 and 0.13 on developed noise, 0.03 with JPEG, 0.06 to 0.08
enlarged; nothing behind the mosaic alone. JPEG of quality 95 lost 0.08, white noise of sigma 10 0.06; and clean
pictures change more, 62.2 dB for 64.2 on all of val/, 60.7 for 62.5 shrunk to half, which a longer stage has mended
before. The mean with those before (0.6) had none of the gains, and cleaner pictures neither.

The last (28,985 steps like them) has the noise of a quarter of its batches smoothed, as a camera's own denoiser leaves
it. On the middles of eight pictures of val/, with a sensor's noise behind Gaussians of 0.8 pixels (its colour 2), its
own weights gained 1.1 dB, 0.4 with JPEG of quality 90, 0.7 where both were stronger (1.2 and 3 pixels), 0.3 sharpened
after, and 0.3 where the colour alone was smoothed; nothing else changed by more than 0.05. But of a clean metal mesh
they blurred a part that one sees (the worst 32×32 pixels had 23.2 dB for 36.1), and clean pictures of val/ had 61.3 dB
for 62.2. The mean with those before shipped, of which they are 0.3: 0.45, 0.15, 0.3, 0.1 and 0.1 dB of these gains, the
mesh 32.3 dB, clean pictures 61.9. With 0.5 the mesh had 29.1. Who trains on should see to such textures: smoothed noise
looks like them.
"""

from train_entry import ALL_SIDES, FINE_TEXTURE, TEXTURE, other_noise, train_entry

MOSAIC = "bayer:0-40,0-25?+gaussian:0-30?+jpeg:60-100?"
DEVELOPED = f"raw:0-30,0-2?+{MOSAIC}"
SMALL = {**ALL_SIDES, "batch": 4, "learning_rate": 7e-4}
COLORFUL = {**SMALL, "validate_every": 1000, "augment": {**ALL_SIDES["augment"], "saturation": 3}}
ENLARGED = {**COLORFUL, "noise": DEVELOPED, "augment": {**COLORFUL["augment"], "enlarge": 2}}
SHARPENED = {**ENLARGED, "batch": 8, "validate_every": 2000, "augment": {**ENLARGED["augment"], "sharpen": 1.5}}
SMOOTHED = {**SHARPENED, "augment": {**SHARPENED["augment"], "smooth": 1.5}}

RECIPE = other_noise(
    3,
    DEVELOPED,
    noise=MOSAIC,
    minutes=40,
    finish=(
        {"minutes": 28, "seed": 8, **TEXTURE},
        {"minutes": 45, "seed": 9, **FINE_TEXTURE},
        {"minutes": 25, "learning_rate": 3e-4, "seed": 10, **ALL_SIDES, "batch": 2, "validate_every": 1000},
        {"minutes": 57, "seed": 11, **ALL_SIDES},
        {"minutes": 46, "seed": 31, **SMALL, "validate_every": 500},
        {"minutes": 66, "seed": 32, **SMALL, "validate_every": 1000, "share": 0.75, "stages": 2},
        {"minutes": 78, "seed": 33, **COLORFUL, "share": 0.5},
        {"minutes": 81, "seed": 36, **ENLARGED, "share": 0.6},
        {"minutes": 104, "seed": 38, **ENLARGED, "batch": 8, "validate_every": 2000},
        {"minutes": 102, "seed": 40, **SHARPENED},
        {"minutes": 93, "seed": 42, **SMOOTHED, "share": 0.3},
    ),
)

if __name__ == "__main__":
    train_entry(RECIPE)
