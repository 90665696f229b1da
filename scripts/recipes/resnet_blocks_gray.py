"""resnet-blocks-gray: gray pictures with blocks of 8×8 pixels knocked out, up to a quarter of the area.

python scripts/recipes/resnet_blocks_gray.py --data DATA

The first stage for texture was worth 0.43 and 0.45 dB on val/ (10 and 25 % of the area), the second 0.11 and 0.11. The
fifth is for print, black on white, which networks that know photographs alone take for blocks: 44 dB for 23 when clean,
29 for 22 with blocks on 3 % of its area. Photographs pay nothing for it: on ten pictures of val/ 0.03 dB more. The
sixth is for the ends of pictures of odd size, which the network mirrors since then (PadToMultiple): a block that the
end cuts off has an odd shape then. Without it BSD68 had 34.38 and 29.67 dB at 10 and 25 %, with it 34.52 and 29.83. It
cost 0.09 and 0.17 dB on 24 pictures of val/, whose sides are multiples, and up to 0.4 on Set12: where nothing is
padded, the last rows had 3.7 times the error that they have where the picture goes on. The last stage sees sides of all
kinds, and the network has ``impulses`` since then: on eight pictures of val/ 0.29, 0.32 and 0.24 dB at 3, 10 and 25 %,
cut to odd sizes 0.32, 0.27 and 0.20; the last rows have 1.3 times that error.

The last three see black and white frames, which were filled in before: pictures with one of a pixel had 29.4 dB clean
and 28.7 with blocks on 10 %, with one of eight pixels 22.0 and 22.7; now 72.5 and 34.7, and 70.0 and 35.0. Pictures
without a frame pay 0.03 to 0.1 dB, of odd sizes 0.1 to 0.2. After the first two (9,600 and 3,646 steps of batches of 4
in float32, on a core without bfloat16), blocks at an end were taken for frames, and had 2.0 and 2.2 times the error
that they have elsewhere (three quarters of the first: 3.1), hence the third: 1.7 at the most.
"""

from train_entry import DRAWINGS_ALL_SIDES, FRAMED, ODD_SIDES, TEXTURE, WITH_DRAWINGS, other_noise, train_entry

RECIPE = other_noise(
    1,
    "blocks:1-25",
    finish=(
        {"minutes": 22, "seed": 7},
        {"minutes": 22, "seed": 8},
        {"minutes": 15, "seed": 9, **TEXTURE},
        {"minutes": 13, "seed": 10, **TEXTURE},
        {"minutes": 30, "seed": 11, **WITH_DRAWINGS},
        {"minutes": None, "steps": 20_000, "seed": 12, **WITH_DRAWINGS, **ODD_SIDES},
        {"minutes": 20, "seed": 13, **DRAWINGS_ALL_SIDES},
        {"minutes": 90, "learning_rate": 7e-4, "seed": 26, **FRAMED, "batch": 4},
        {"minutes": 27, "learning_rate": 7e-4, "seed": 28, **FRAMED, "batch": 4},
        {"minutes": 74, "learning_rate": 1e-3, "seed": 30, **FRAMED, "batch": 4},
    ),
    config={"impulses": True},
)

if __name__ == "__main__":
    train_entry(RECIPE)
