"""Words beside the results: on standard error, since standard output is for results."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def say(message: str) -> None:
    """Tell what was done."""
    print(message, file=sys.stderr)


def with_progress(things: Iterable[T], doing: str, count: int) -> Iterable[T]:
    """The things, with a bar on a terminal while there are several."""
    if count < 2 or not sys.stderr.isatty():
        return things
    from rich.console import Console
    from rich.progress import track

    return track(things, doing, total=count, console=Console(stderr=True), transient=True)
