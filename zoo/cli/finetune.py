"""``zoo finetune``: an entry made better at one's own images."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from typing import Any

from zoo.cli.heavy import import_keras
from zoo.cli.options import add_white, number, whole_number
from zoo.errors import UsageError

MINUTES = 10.0


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "finetune",
        help="make a denoiser better at your own images",
        description="Train an entry further on your own images: clean ones, pairs, or only noisy ones. Some are held "
        "out to judge the result, which is an entry like the shipped ones; without gain, it has its parent's weights.",
    )
    parser.add_argument("parent", metavar="NAME", help="name of an entry, or its folder")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--clean", metavar="FOLDER", help="clean images, on which --noise is drawn")
    data.add_argument(
        "--pairs", nargs=2, metavar=("NOISY", "CLEAN"), help="noisy and clean images of equal names; or two noisy shots"
    )
    data.add_argument("--noisy", metavar="FOLDER", help="noisy images alone; noise independent from pixel to pixel")
    parser.add_argument("--noise", metavar="NAME", help="such as gaussian:5-30 (default: that of the parent)")
    add_white(parser)
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="folder of the result, a new one")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--minutes", type=number(0, 1e6), help=f"of training ({MINUTES:g}; of a run that is resumed, its own)"
    )
    budget.add_argument("--steps", type=whole_number(1), help="of training, instead of minutes")
    parser.add_argument("--resume", action="store_true", help="continue a run that was stopped")
    parser.add_argument("--dry-run", action="store_true", help="look at the images, say what would be done, and stop")
    parser.add_argument(
        "--freeze", choices=("none", "encoder", "all-but-head"), default="none", help="what is not trained (none)"
    )
    parser.add_argument("--learning-rate", type=number(0, 1), metavar="X", help="steplength (found by a short test)")
    parser.add_argument("--batch", type=whole_number(1), default=8, help="patches per step (8)")
    parser.add_argument("--patch", type=whole_number(16), default=64, help="side of a patch in pixels (64)")
    parser.add_argument(
        "--seed", type=whole_number(0, 2**32 - 1), default=0, help="of the split, data order and noise (0)"
    )
    parser.set_defaults(run=run, decodes=True)


def run(args: argparse.Namespace) -> int:
    """Look, train, judge, and say what was gained."""
    import_keras("zoo finetune", "train")
    import zoo

    minutes = args.minutes
    if minutes is None and args.steps is None and not args.resume:
        minutes = MINUTES
    if minutes == 0:
        raise UsageError("--minutes 0; expected more")
    if args.dry_run:
        return _look(args, minutes)
    verdict = zoo.finetune(
        args.parent,
        args.output,
        clean=args.clean,
        pairs=tuple(args.pairs) if args.pairs else None,
        noisy=args.noisy,
        noise=args.noise,
        minutes=minutes,
        steps=args.steps,
        resume=args.resume,
        freeze=args.freeze,
        learning_rate=args.learning_rate,
        batch=args.batch,
        patch=args.patch,
        seed=args.seed,
        white=args.white,
        # Names need not be text, and JSON is.
        command=_text(shlex.join(["zoo", *sys.argv[1:]])) if sys.argv[0].endswith("zoo") else "",
        say=print,
    )
    place = args.output if os.path.dirname(args.output) else os.path.join(os.curdir, args.output)  # no entry's name
    place += f" --white {args.white:.12g}" if args.white else ""
    print(f"{verdict}\n{args.output}: use it by its path, as --model {place}")
    return 0


def _look(args: argparse.Namespace, minutes: float | None) -> int:
    """Say what was found, and what would be done."""
    import zoo
    from zoo.finetuning.finetune import look, noise_on, source
    from zoo.finetuning.plan import place

    place(args.output, args.resume)
    kind, folders = source(args.clean, args.pairs, args.noisy)
    entry = zoo.describe(args.parent)
    noise_on(kind, args.noise, entry)
    print(look(entry, kind, folders, patch=args.patch, white=args.white, progress=sys.stderr.isatty()))
    # Beside the training itself: the range test, which has a share of the budget, and the verdict.
    budget = "its own budget" if minutes is None else f"about {1.15 * minutes + 1:.0f} minutes in all"
    budget = f"{args.steps} steps" if args.steps else budget
    print(f"would train {args.parent} into {args.output}: {budget}")
    return 0


def _text(name: str) -> str:
    return name.encode("utf-8", "replace").decode("utf-8")
