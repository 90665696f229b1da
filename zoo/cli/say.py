"""Words beside the results: on standard error, since standard output is for results."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def say(message: str) -> None:
    """Tell what was done. Words must not stop the work: when nobody reads them any more, they are dropped."""
    try:
        print(message, file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def say_failed(error: Exception) -> None:
    """Tell in a line of one picture that failed, while the others are done."""
    say(f"zoo: error: {' '.join(str(error).split())}")


def with_progress(things: Iterable[T], doing: str, count: int) -> Iterable[T]:
    """The things, with a bar on a terminal while there are several."""
    if count < 2 or not sys.stderr.isatty():
        return things
    from rich.console import Console
    from rich.progress import track

    return track(things, doing, total=count, console=Console(stderr=True), transient=True)
