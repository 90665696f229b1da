"""The README's tables: each stands between two lines, and is written anew by the script that measures it."""

from __future__ import annotations

from pathlib import Path

import zoo
from zoo.atomic import file_beside
from zoo.errors import InputError, one_line

README = Path(__file__).parents[1] / "README.md"


def around(readme: Path, mark: str) -> tuple[str, str]:
    """The text up to the line ``<!-- mark -->``, and from the line ``<!-- /mark -->`` on.

    Raises:
        ZooError: There are no such lines; asked before hours are spent on the table.
    """
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    try:
        text = readme.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{str(readme)!r} cannot be read ({one_line(error)}); expected a README") from error
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise zoo.ZooError(f"{str(readme)!r} has no place for the table; expected the lines {begin} and {end}")
    return head + begin, end + tail


def between(readme: Path, mark: str) -> list[str]:
    """The lines of what stands there now."""
    head, tail = around(readme, mark)
    return readme.read_text(encoding="utf-8")[len(head) : -len(tail)].strip().splitlines()


def write_between(readme: Path, mark: str, table: str) -> None:
    """A table in place of the one between the lines ``<!-- mark -->`` and ``<!-- /mark -->``."""
    head, tail = around(readme, mark)
    with file_beside(readme) as temporary:
        temporary.write_text(f"{head}\n\n{table}\n\n{tail}", encoding="utf-8", newline="\n")
