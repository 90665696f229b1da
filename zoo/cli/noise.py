"""``zoo noise``: add named noise to a picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from zoo.cli.options import whole_number
from zoo.cli.say import say

EXAMPLES = (
    "gaussian:25, poisson:30, saltpepper:5, blocks:10, camera:10,3, bayer:10,3, jpeg:50, bits:8, a range that a level "
    "is drawn from (gaussian:0-55), or several in turn (poisson:30+jpeg:60), with ? behind what every second image "
    "goes without"
)


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "noise",
        help="add named noise to a picture",
        description="Add noise to a picture. Image files are clipped and rounded to 8 bits (16 where they had 16); "
        "a float TIFF, and an output in .npy, keep the noise as it is: float32, not clipped.",
    )
    parser.add_argument("input", metavar="IN", type=Path, help="picture, or .npy array")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="where the noisy picture goes")
    parser.add_argument("--noise", required=True, metavar="NAME", help=EXAMPLES)
    parser.add_argument("--seed", type=whole_number(0), default=0, help="the same seed gives the same noise (0)")
    parser.set_defaults(run=run, decodes=True)


def run(args: argparse.Namespace) -> int:
    """Read, add the noise, write, and say what noise it was."""
    import numpy as np

    from zoo.inference.images import channels_of, from_tensor, to_tensor
    from zoo.inference.pictures import ARRAY, as_float, check_output, read_picture, refuse_overwriting, write_picture
    from zoo.noise import noise_from_name

    noise = noise_from_name(args.noise)
    refuse_overwriting([args.input], args.output)
    image, metadata = read_picture(args.input)
    check_output(args.output, image)
    if args.output.suffix.lower() == ARRAY:
        image = as_float(image)
    clean, form = to_tensor(image, channels_of(image))
    rng = np.random.default_rng(args.seed)
    drawn = noise.draw(rng)
    noisy = from_tensor(drawn.apply(clean[0], rng)[np.newaxis], form)
    write_picture(args.output, [(noisy, metadata)])
    say(f"{args.input} -> {args.output} ({drawn.name}, seed {args.seed})")
    return 0
