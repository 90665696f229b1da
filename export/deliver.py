"""An artifact on its way to its place: written elsewhere, compared with Keras, and put there only if it agrees.

With it go a report of the comparison, and a page on how to use it: FILE.json and FILE.md beside a file, parity.json and
README.md in a folder.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.parity import TOLERANCE, Parity, check_parity
from zoo.atomic import check_parent, file_beside, folder_beside, sweep
from zoo.errors import InputError, UsageError, ZooError, one_line
from zoo.pretrained import ENTRY_FILE, sha256

if TYPE_CHECKING:
    import keras

REPORT, GUIDE = "parity.json", "README.md"
# What systems leave in every folder.
NOBODYS = {".DS_Store", "Thumbs.db", "desktop.ini", "__pycache__"}
# What the numbers may depend on.
PACKAGES = ("denoise-zoo", "keras", "tensorflow", "onnx", "onnxruntime", "ai-edge-litert", "openvino")
Finish = Callable[[Path, Parity], None]


def check_file(path: str | os.PathLike[str], ending: str) -> None:
    """Refuse a place for a file before time is spent on it.

    Raises:
        UsageError: Another ending, by which nothing would open it, a folder that holds an entry, whose files are its
            own, or a page or report of that name which no export wrote, or which was edited since. InputError: No such
            folder, or no permission.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"output {str(path)!r} is a folder; expected the name of a file")
    if path.suffix.lower() != ending:
        raise UsageError(f"output {str(path)!r}; expected a name in {ending}")
    if (path.parent / ENTRY_FILE).exists():
        raise UsageError(f"output {str(path)!r} is in the folder of an entry; expected another place")
    check_parent(path)
    page, report = _beside(path)
    ours = _ours(report)
    if page.exists() and ours.get(Path(page.name)) != _digest(page):
        raise UsageError(f"output {str(path)!r} comes with {page.name}, where something else is; choose another name")
    if report.exists() and Path(page.name) not in ours:
        raise UsageError(f"output {str(path)!r} comes with {report.name}, where something else is; choose another name")


def _beside(path: Path) -> tuple[Path, Path]:
    """The page and the report of a file."""
    return path.with_name(path.name + ".md"), path.with_name(path.name + ".json")


def _ours(report: Path) -> dict[Path, str | None]:
    """What an export has written, with its digests; nothing where there is no report."""
    try:
        return {Path(name): digest for name, digest in json.loads(report.read_text("utf-8"))["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def foreign(folder: Path) -> list[str]:
    """What no export has put into a folder, such as versions of the model that were trained by others, and what was
    edited since, such as a server's configuration."""
    ours = _ours(folder / REPORT)
    there = {file.relative_to(folder): file for file in folder.rglob("*")}
    added = [name.as_posix() for name in there if name not in ours and not NOBODYS & set(name.parts)]
    edited = [f"{n.as_posix()} (edited)" for n in there if ours.get(n) and _digest(there[n]) != ours[n]]
    return added + edited


def _digest(file: Path) -> str | None:
    """By which a change is seen; None of folders, and of the report that holds them."""
    return sha256(file) if file.is_file() and file.name != REPORT else None


def deliver_file(
    model: keras.Model,
    path: str | os.PathLike[str],
    write: Callable[[Path], None],
    *,
    ending: str,
    guide: str,
    tolerance: float | None = TOLERANCE,
    facts: Mapping[str, Any] | None = None,
    finish: Finish | None = None,
) -> Parity:
    """Make a file.

    Args:
        model: What it is made from.
        path: Its place; a file that is there already is replaced.
        write: Writes it to the path that it is given.
        ending: Of its kind, such as ".onnx", by which it is opened for the comparison.
        guide: The page on how to use it.
        tolerance: See :func:`export.parity.check_parity`.
        facts: More for the report, read when the comparison is done.
        finish: Called with the written file and what the comparison found, for a last change to the file.

    Raises:
        ParityError: It differs from Keras; nothing is written.
    """
    check_file(path, ending)
    path = Path(path)
    sweep(path.parent)
    # The file's own place is the first to be entered and so the last to be filled.
    with (
        _full_disk_told(path),
        file_beside(path) as place,
        file_beside(_beside(path)[0]) as page,
        file_beside(_beside(path)[1]) as report,
        tempfile.TemporaryDirectory() as scratch,
    ):
        artifact = Path(scratch) / f"model{ending}"
        write(artifact)
        parity = check_parity(model, artifact, tolerance=tolerance)
        if finish is not None:
            finish(artifact, parity)
        page.write_text(guide, encoding="utf-8", errors="replace")  # a name that is no text
        files = {_beside(path)[0].name: _digest(page)}
        report.write_text(_report(parity, {**(facts or {}), "files": files}), encoding="utf-8", errors="replace")
        shutil.copyfile(artifact, place)
    return parity


def deliver_folder(
    model: keras.Model,
    path: str | os.PathLike[str],
    write: Callable[[Path], None],
    *,
    guide: str,
    tolerance: float | None = TOLERANCE,
    facts: Mapping[str, Any] | None = None,
) -> Parity:
    """Make a folder, as :func:`deliver_file` makes a file; an empty folder is replaced, and an earlier export
    to which nothing was added and in which nothing was edited."""
    sweep(Path(os.path.realpath(path)).parent)
    with _full_disk_told(Path(path)), folder_beside(path, foreign=foreign) as folder:
        write(folder)
        parity = check_parity(model, folder, tolerance=tolerance)
        (folder / GUIDE).write_text(guide, encoding="utf-8", errors="replace")
        (folder / REPORT).touch()
        files = {file.relative_to(folder).as_posix(): _digest(file) for file in sorted(folder.rglob("*"))}
        (folder / REPORT).write_text(_report(parity, {**(facts or {}), "files": files}), encoding="utf-8")
    return parity


FULL = 2**20  # bytes that are free on a full disk, at most


@contextmanager
def _full_disk_told(path: Path) -> Iterator[None]:
    """Each library says in its own words, if in any, that a disk is full."""
    try:
        yield
    except ZooError:
        raise
    except Exception as error:
        places = (path.parent, Path(tempfile.gettempdir()))
        if full := [str(place) for place in places if place.is_dir() and shutil.disk_usage(place).free < FULL]:
            raise InputError(f"output {str(path)!r} cannot be written: the disk of {full[0]!r} is full") from error
        if isinstance(error, OSError):
            raise InputError(f"output {str(path)!r} cannot be written ({one_line(error)})") from error
        raise


def _report(parity: Parity, facts: Mapping[str, Any] | None) -> str:
    content = dataclasses.asdict(parity) | dict(facts or {})
    if math.isinf(parity.psnr):
        content["psnr"] = None  # JSON has no infinity
    content["versions"] = {name: found for name in PACKAGES if (found := version(name))}
    return json.dumps(content, indent=1) + "\n"


def version(package: str) -> str:
    """The version of a package that is installed; empty where there is none, or it runs from its sources."""
    try:
        return installed.version(package)
    except installed.PackageNotFoundError:
        return ""
