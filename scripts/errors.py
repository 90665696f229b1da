"""What goes wrong in a script that users run is said in one line, as the commands of ``zoo`` say it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from zoo.errors import ZooError


def errors_in_one_line(main: Callable[[], int]) -> Callable[[], int]:
    """``main``, whose ZooErrors are printed to standard error and become its exit status."""

    @wraps(main)
    def checked() -> int:
        try:
            return main()
        except ZooError as error:
            print(f"{Path(main.__code__.co_filename).stem}: error: {error}", file=sys.stderr)
            return error.exit_code

    return checked
