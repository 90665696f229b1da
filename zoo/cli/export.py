"""``zoo export``: a Keras model in another format, compared with Keras before it is put in place."""

from __future__ import annotations

import argparse
from typing import Any

# Format → the function of the package ``export`` that writes it.
FORMATS = {"onnx": "to_onnx", "saved-model": "to_saved_model"}


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "export",
        help="write a model in another format",
        description="Write a model in another format. Before the result is put in place, it is compared with the Keras "
        "model on images of several sizes.",
    )
    parser.add_argument("name", metavar="NAME", help="name of an entry, its folder, or a .keras file")
    names = ", ".join(sorted(FORMATS))
    parser.add_argument("--to", choices=sorted(FORMATS), required=True, metavar="FORMAT", help=names)
    parser.add_argument(
        "-o", "--output", metavar="PATH", required=True, help="file (onnx) or folder (saved-model) of the result"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load, export, and print how far the result is from Keras."""
    from zoo.cli.heavy import import_keras

    import_keras("zoo export", "export")
    import export as exporters
    import zoo

    model = zoo.load_keras(args.name)
    report = getattr(exporters, FORMATS[args.to])(model, args.output)
    print(f"{args.name} -> {args.output}\n{report}")
    return 0
