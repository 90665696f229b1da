"""``zoo evaluate``: PSNR and SSIM of a denoiser over a folder of clean images, against named noise."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from zoo.cli.options import add_ensemble, whole_number


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a denoiser on clean images and named noise",
        description="Measure PSNR and SSIM over a folder of clean images, with the noisy baseline beside it. The noise "
        "is not clipped, images are taken whole, and the same seed gives the same figures.",
    )
    parser.add_argument("model", metavar="MODEL", help="name of an entry, its folder, or a .keras or .onnx file")
    parser.add_argument("images", metavar="IMAGES", help="folder of clean images")
    parser.add_argument(
        "--noise",
        metavar="NAME",
        action="append",
        required=True,
        help="such as gaussian:25; may be repeated",
    )
    add_ensemble(parser)
    parser.add_argument("--seed", type=whole_number(0), default=0, help="of the noise (0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row per noise."""
    from zoo.noise import noise_from_name

    noises = [noise_from_name(name) for name in args.noise]  # all of them, before time is spent on the first
    from zoo.cli.heavy import import_keras
    from zoo.cli.tables import score_table
    from zoo.evaluation import evaluate

    if args.model.endswith(".keras"):
        import_keras("a .keras file", "train")

    rows = []
    for noise in noises:
        score = evaluate(
            args.model, args.images, noise, seed=args.seed, ensemble=args.ensemble, progress=sys.stderr.isatty()
        )
        rows.append({"set": args.images, "noise": noise.name, **score.row()})
    print(json.dumps(rows, indent=1, ensure_ascii=False) if args.json else score_table(rows))
    return 0
