"""Words beside the results: on standard error, since standard output is for results."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """Tell what was done."""
    print(message, file=sys.stderr)
