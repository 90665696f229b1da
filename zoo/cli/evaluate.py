"""``zoo evaluate``: PSNR and SSIM of a denoiser over a folder of clean images, against named noise or noisy ones."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from zoo.cli.options import add_ensemble, add_white, whole_number
from zoo.cli.say import say_failed
from zoo.errors import ZooError


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a denoiser on clean images and named noise, or on pairs",
        description="Measure PSNR and SSIM over a folder of clean images, with the noisy baseline beside it: on noise "
        "that is drawn (not clipped; the same seed gives the same figures), or on noisy images of the same names. They "
        "are taken whole; one that cannot be read is reported, and the others are measured. On pairs, a model that "
        "takes the noise level is told an estimate.",
    )
    parser.add_argument("model", metavar="MODEL", help="name of an entry, its folder, or a .keras or .onnx file")
    parser.add_argument("images", metavar="IMAGES", help="folder of clean images")
    noisy = parser.add_mutually_exclusive_group(required=True)
    noisy.add_argument("--noise", metavar="NAME", action="append", help="such as gaussian:25; may be repeated")
    noisy.add_argument(
        "--noisy", metavar="FOLDER", help="noisy images, of the clean ones' names: pairs, on which no noise is drawn"
    )
    add_ensemble(parser)
    add_white(parser)
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the noise (0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row per noise."""
    from zoo.noise import noise_from_name

    # All of them, before time is spent on the first.
    noises = [noise_from_name(name) for name in args.noise] if args.noise else [None]
    from zoo.cli.heavy import import_keras
    from zoo.cli.tables import score_table
    from zoo.evaluation import evaluate

    if args.model.endswith(".keras"):
        import_keras("a .keras file", "train")

    rows, told = [], set()

    def tell(error: ZooError) -> None:
        if str(error) not in told:  # of each noise the same
            told.add(str(error))
            say_failed(error)

    for noise in noises:
        images = args.images if noise else (args.noisy, args.images)
        how = {"seed": args.seed, "ensemble": args.ensemble, "white": args.white, "progress": sys.stderr.isatty()}
        score = evaluate(args.model, images, noise, failed=tell, **how)
        rows.append({"set": args.images, "noise": noise.name if noise else args.noisy, **score.row()})
    print(json.dumps(rows, indent=1, ensure_ascii=False) if args.json else score_table(rows))
    return 1 if told else 0
