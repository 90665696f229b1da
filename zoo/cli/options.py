"""Values of options that several subcommands take."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

DATA = "DENOISE_ZOO_DATA"  # in the environment


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an option that is a whole number from ``least`` on, or to ``most``."""
    expected = f"from {least} on" if most is None else f"from {least} to {most}"

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= (int(text) if most is None else most)):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {expected}")
        return int(text)

    return parse


def number(least: float, most: float) -> Callable[[str], float]:
    """The type of an option that is a number in a range."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return value

    return parse


def add_ensemble(parser: argparse.ArgumentParser) -> None:
    """The option ``--ensemble`` of what runs a denoiser."""
    parser.add_argument(
        "--ensemble",
        type=int,
        choices=(1, 2, 4, 8),
        default=1,
        help="average over as many orientations of a picture: as many times as long, and cleaner (1)",
    )


def add_white(parser: argparse.ArgumentParser) -> None:
    """The option ``--white`` of what reads pictures."""
    parser.add_argument(
        "--white", type=number(1e-30, 1e30), metavar="N", help="the number that is white, such as 4095 (by the type)"
    )


def add_data(parser: argparse.ArgumentParser, *names: str, optional: bool = False) -> None:
    """The option ``--data`` of the project's scripts: a folder with some folders in it."""

    def parse(text: str) -> Path:
        if missing := [name for name in names if not (Path(text) / name).is_dir()]:
            raise argparse.ArgumentTypeError(f"{text!r} holds no folder {' and '.join(missing)}")
        return Path(text)

    parser.add_argument(
        "--data",
        type=parse,
        metavar="FOLDER",
        default=os.environ.get(DATA),
        required=not optional and DATA not in os.environ,
        help=f"holds {' and '.join(f'{name}/' for name in names)} (default: ${DATA})",
    )


def ending(text: str) -> str:
    """The type of an option that names a format by the ending of its files, with or without the dot."""
    from zoo.inference.pictures import is_picture

    found = "." + text.removeprefix(".").lower()
    if not is_picture(Path("x" + found)):
        raise argparse.ArgumentTypeError(f"{text!r} is not the ending of a known format, such as png")
    return found


def tile(text: str) -> int | Literal["auto"] | None:
    """The type of ``--tile``."""
    if text == "auto":
        return "auto"
    return None if text == "none" else whole_number(1)(text)


def sigma(text: str) -> float | Literal["auto"]:
    """The type of ``--sigma``; what a noise level may be is the denoiser's to say."""
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a noise level, such as 25, nor 'auto'") from None
