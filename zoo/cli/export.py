"""``zoo export``: a Keras model in another format, compared with Keras before it is put in place."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import Any

from zoo.atomic import check_folder
from zoo.beside import expect_export
from zoo.cli.options import number, whole_number
from zoo.errors import UsageError


@dataclass(frozen=True)
class Format:
    """A format: the function of the package ``export`` that writes it, its ending (of a folder, none), its options."""

    function: str
    ending: str
    options: tuple[str, ...] = ()


FORMATS = {
    "onnx": Format("to_onnx", ".onnx", ("layout", "io", "opset")),
    "onnx-int8": Format("to_onnx_int8", ".onnx", ("layout", "io", "opset", "calibration", "accept_loss")),
    "onnx-fp16": Format("to_onnx_fp16", ".onnx", ("layout", "io", "opset")),
    "saved-model": Format("to_saved_model", ""),
    "triton": Format("to_triton", "", ("io",)),
    "litert": Format("to_litert", ".tflite"),
    "litert-int8": Format("to_litert_int8", ".tflite", ("calibration", "accept_loss")),
    "openvino": Format("to_openvino", ""),
    "web": Format("to_web", "", ("runtime",)),
}
# What the functions call them, where it is not what the command calls them.
ARGUMENTS = {"accept_loss": "limit"}


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "export",
        help="write a model in another format",
        description="Write a model in another format. Before the result is put in place, it is compared with the Keras "
        "model on images of several sizes; the report goes beside it, with a page on how to use it.",
    )
    parser.add_argument("name", metavar="NAME", help="name of an entry, its folder, or a .keras file")
    parser.add_argument("--to", choices=FORMATS, required=True, metavar="FORMAT", help=", ".join(FORMATS))
    files = ", ".join(name for name, kind in FORMATS.items() if kind.ending)
    parser.add_argument(
        "-o", "--output", metavar="PATH", required=True, help=f"file ({files}) or folder (others) of the result"
    )
    parser.add_argument("--layout", choices=("nhwc", "nchw"), help="of the images (nhwc); onnx formats")
    parser.add_argument("--io", choices=("float32", "uint8"), help="type of the images (float32); onnx formats, triton")
    parser.add_argument("--opset", type=whole_number(1), metavar="N", help="of ONNX (18); onnx formats")
    parser.add_argument(
        "--calibration",
        metavar="FOLDER",
        help="clean pictures for the int8 formats (default: scikit-image's photographs)",
    )
    parser.add_argument(
        "--accept-loss", type=number(0, 100), metavar="DB", help="the most that 8 bits may lose, in dB (0.1)"
    )
    parser.add_argument(
        "--runtime", metavar="PATH", help="the npm package onnxruntime-web, for web (default: fetched by npm)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Load, export, and print how far the result is from Keras."""
    kind = FORMATS[args.to]
    options = {name for form in FORMATS.values() for name in form.options}
    given = {name: value for name in sorted(options) if (value := getattr(args, name)) is not None}
    if wrong := [f"--{name.replace('_', '-')}" for name in given if name not in kind.options]:
        raise UsageError(f"{', '.join(wrong)} with --to {args.to}, which does not take it; leave it out")

    expect_export()
    import export as exporters
    import zoo
    from export.deliver import check_file, foreign
    from zoo.cli.heavy import import_keras

    if kind.ending:
        check_file(args.output, kind.ending)
    else:
        check_folder(args.output, foreign)
    entry = None if str(args.name).endswith(".keras") else zoo.describe(args.name)
    import_keras("zoo export", "export")
    from export.entry import onnx_facts

    model = zoo.load_keras(args.name)
    if entry is None and (whole := exporters.any_size(model)) is not model:
        model = whole
        print(f"{args.name} does not take every size: padding and cropping are added", file=sys.stderr)
    arguments = {ARGUMENTS.get(name, name): value for name, value in given.items()}
    if entry is not None:
        arguments["metadata"] = onnx_facts(entry)
        if "accept_loss" in kind.options:
            arguments["noise"] = entry.noise
    report = getattr(exporters, kind.function)(model, args.output, **arguments)
    print(f"{args.name} -> {args.output}\n{report}")
    return 0
