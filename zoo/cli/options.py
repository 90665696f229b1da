"""Values of options that several subcommands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Literal


def whole_number(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number from ``least`` on."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
        return int(text)

    return parse


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
