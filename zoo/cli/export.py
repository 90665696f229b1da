"""``zoo export``: a Keras model in another format, compared with Keras before it is put in place."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from zoo.errors import MissingExtraError, UsageError

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
    try:
        import keras

        import export as exporters
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] in ("export", "zoo"):
            raise
        raise MissingExtraError("zoo export", "export") from error
    import zoo

    if args.name.endswith(".keras"):
        if not Path(args.name).is_file():
            raise UsageError(f"no such file: {args.name!r}; expected a .keras file, or a name of `zoo list`")
        model = keras.models.load_model(args.name)
    else:
        model = zoo.load_keras(args.name)
    report = getattr(exporters, FORMATS[args.to])(model, args.output)
    print(f"{args.name} -> {args.output}\n{report}")
    return 0
