"""Files in a folder and in those below, as all who take a folder of pictures find them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from zoo.errors import InputError, UsageError

# What the zoo draws itself is no one's picture, where it lies beside such a file: of a run, or of an entry.
DRAWN, BESIDE = ("curve.png", "before-after.png", "strip.webp"), ("run.json", "plan.json", "entry.json")


def by_name(folder: Path, files: Iterable[Path]) -> dict[Path, list[Path]]:
    """Files in a folder by their places in it without their endings: a noisy .tif belongs to a clean .png."""
    named: dict[Path, list[Path]] = {}
    for file in files:
        named.setdefault(file.relative_to(folder).with_suffix(""), []).append(file)
    return named


def paired(noisy: Path, clean: Path, files: Callable[[Path], Iterable[Path]]) -> list[tuple[Path, Path]]:
    """The ``files`` of two folders by their names, each with its other half. Raises UsageError: one that has none."""
    left, right = (by_name(folder, files(folder)) for folder in (noisy, clean))
    if several := next((files for files in (*left.values(), *right.values()) if len(files) > 1), None):
        raise UsageError(f"{' and '.join(map(str, several))}: which one is of the pair? expected one of each name")
    if odd := sorted(map(str, left.keys() ^ right.keys())):
        raise UsageError(
            f"{odd[0]!r} is only in one of {str(noisy)!r} and {str(clean)!r}; expected files of equal names"
        )
    return [(left[name][0], right[name][0]) for name in sorted(left)]


def files_below(folder: Path, endings: Collection[str]) -> list[Path]:
    """The files with such endings in a folder and below, in order, but for what the zoo drew of a run or entry.

    Folders that are linked into it are searched too; each only once, wherever links lead.

    Raises:
        InputError: A folder that cannot be read: no picture goes unnoticed.
    """

    def refuse(error: OSError) -> None:
        raise InputError(
            f"folder {error.filename!r} cannot be read ({error.strerror}); allow it, or give the folders beside it "
            "one by one"
        ) from error

    found, seen = [], {os.path.realpath(folder)}
    for where, below, names in os.walk(folder, onerror=refuse, followlinks=True):
        # What lies here comes before what is linked here, which may be the same.
        below.sort(key=lambda name: (os.path.islink(os.path.join(where, name)), name))
        real = {name: os.path.realpath(os.path.join(where, name)) for name in below}
        below[:] = [name for name in below if not (real[name] in seen or seen.add(real[name]))]
        drawn = DRAWN if any(name in names for name in BESIDE) else ()
        # macOS puts what other file systems have no room for into a second file of such a name, beside the first.
        found += [Path(where, name) for name in names if name not in drawn and not name.startswith("._")]
    return sorted(path for path in found if path.suffix.lower() in endings and path.is_file())
