"""Many pictures: found, mirrored into a folder, and which of them are done."""

from __future__ import annotations

import contextlib
import functools
import glob
import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo.atomic import sweep
from zoo.errors import InputError, UsageError, one_line
from zoo.folders import files_below
from zoo.inference.pictures import ENDINGS, check_output, is_picture, refuse_overwriting
from zoo.inference.reading import UNREADABLE
from zoo.inference.writing import FORMATS

# One line for each picture that is done: what it was made from, and how.
JOURNAL = ".zoo-denoise.jsonl"


@dataclass(frozen=True)
class Task:
    """A picture, and where its result goes."""

    source: Path
    target: Path


# ---- what there is to do ---------------------------------------------------------------------------------------------


def plan(inputs: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], *, ending: str = "") -> list[Task]:
    """The pictures behind files, folders (searched through) and patterns, and where each result goes.

    What lies in a folder is mirrored: ``photos/2024/a.jpg`` of ``photos`` becomes ``output/2024/a.jpg``.

    Args:
        inputs: Files, folders, or patterns as a shell has them (``"scans/**/*.tif"``), for shells that have none.
        output: A file for a single file, otherwise a folder, which need not exist; so is a name with a slash at its
            end.
        ending: Of all results, such as ".png", and with it their format; that of each input by default.

    Raises:
        InputError: Nothing there, or no picture. UsageError: A result would overwrite an input or another result.
    """
    found: list[tuple[Path, Path]] = []  # file, its place below the output folder
    several = len(inputs) > 1
    if not all(os.fspath(name) for name in (*inputs, output)):  # it would be the folder that one happens to be in
        raise UsageError("an empty name among inputs and output; expected those of files or folders, such as '.'")
    is_folder = os.fspath(output).endswith(("/", os.sep)) or Path(output).is_dir()
    output = Path(output)
    for given in map(Path, inputs):
        if given.is_dir():
            several = True
            inside = _no_results(pictures := files_below(given, ENDINGS), output, given)
            if not inside:
                but = " but results of earlier jobs" if pictures else ""
                if not pictures and (others := left_out([given])):
                    raise InputError(
                        f"{others} in {str(given)!r}, which are not read here; expected {', '.join(ENDINGS)}"
                    )
                raise InputError(f"no pictures in {str(given)!r}{but}; expected some, in it or in folders below")
            found += [(path, path.relative_to(given)) for path in inside]
        elif not given.exists() and glob.has_magic(str(given)):
            several = True
            root = _root(given)
            matches = [Path(p) for p in sorted(glob.glob(str(given), recursive=True)) if os.path.isfile(p)]
            if not (matches := _no_results(matches, output, root)):
                raise InputError(f"no picture matches {str(given)!r}; expected a pattern that finds some")
            found += [(path, path.relative_to(root)) for path in matches]
        elif given.exists():
            found.append((given, Path(given.name)))
        else:
            raise InputError(
                f"no such file or folder: {str(given)!r}; expected a picture (names with spaces need quotes)"
            )
    if several and (output.is_file() or (is_picture(output) and not output.is_dir())):
        raise UsageError(f"{len(found)} pictures with output {str(output)!r}; expected a folder")
    mirrored = several or is_folder
    named = output.suffix.lower()
    if ending and not mirrored and FORMATS.get(named, named) != FORMATS.get(ending, ending):
        raise UsageError(f"output {str(output)!r} in the format of {ending}; expected a name in {ending}")
    tasks = []
    for source, place in found:
        target = output / place if mirrored else output
        tasks.append(Task(source, target.with_suffix(ending) if ending and mirrored else target))
    _check_targets(tasks)
    return tasks


def left_out(inputs: Sequence[str | os.PathLike[str]], *, endings: Iterable[str] = UNREADABLE) -> str:
    """The pictures in folders of formats that nobody here reads, such as "3 .heic, 1 .cr2"; empty if there are none."""
    folders = [Path(given) for given in inputs if os.path.isdir(given)]
    found = Counter(path.suffix.lower() for folder in folders for path in files_below(folder, set(endings)))
    return ", ".join(f"{count} {ending}" for ending, count in sorted(found.items()))


def prepare(tasks: Sequence[Task]) -> None:
    """Make the folders of the results, and clear what a killed process left there.

    Raises:
        InputError: A folder that cannot be made, or a single result that cannot be written.
    """
    for folder in sorted({task.target.parent for task in tasks}):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"output folder {str(folder)!r} cannot be made ({one_line(error)})") from error
        sweep(folder)
    if len(tasks) == 1:  # of several, one that fails is reported, and the others are done
        check_output(tasks[0].target)


def _no_results(files: Sequence[Path], output: Path, folder: Path) -> list[Path]:
    """Those files below a folder that are not in the output folder, and no results of earlier jobs."""
    whole, inside = folder.resolve(), output.resolve()
    here = folder / inside.relative_to(whole) if whole in inside.parents else None

    @functools.cache
    def results(place: Path) -> set[Path]:
        """What the journals from ``folder`` down to ``place`` list; that of ``folder`` does not count."""
        if place in (folder, place.parent):
            return set()
        return results(place.parent) | {Path(os.path.normpath(place / name)) for name in _listed(place)}

    return [
        file for file in files if here not in file.parents and Path(os.path.normpath(file)) not in results(file.parent)
    ]


def _listed(folder: Path) -> Iterable[str]:
    """The results that a folder's journal knows; those of one that nobody can read stay unknown."""
    with contextlib.suppress(OSError):
        return _read_journal(folder / JOURNAL)
    return ()


def _root(pattern: Path) -> Path:
    """The folder that a pattern searches: what stands before its first wildcard."""
    parts = pattern.parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed])


def _check_targets(tasks: Sequence[Task]) -> None:
    sources = {os.path.realpath(task.source) for task in tasks}
    seen: dict[str, Path] = {}
    for task in tasks:
        target = os.path.realpath(task.target)
        if target in sources:
            refuse_overwriting([task.source for task in tasks], task.target)
        if target in seen:
            raise UsageError(
                f"{str(seen[target])!r} and {str(task.source)!r} would both become {str(task.target)!r}; expected "
                "inputs of different names"
            )
        seen[target] = task.source


# ---- what is done ----------------------------------------------------------------------------------------------------


class Journal:
    """Which pictures below a folder are done, from what and how; safe to be killed at any moment.

    A line is added when a result is in its place. So a picture without a line may be there, and is made again; one with
    a line is there, and whole. Several processes may add lines at once.

    Raises:
        InputError: The folder's journal cannot be read, or not be added to.
    """

    def __init__(self, folder: Path, how: str) -> None:
        self.path, self.how = folder / JOURNAL, how
        self._lock = threading.Lock()
        try:
            with self.path.open("a+b") as file:  # what nobody could note would be made anew each time
                if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                    file.write(b"\n")  # half a line, if the machine went down
            self._lines = _read_journal(self.path)
        except OSError as error:
            raise InputError(
                f"{str(self.path)!r}, which lists what is done, cannot be written ({one_line(error)}); allow it, or "
                "choose another folder"
            ) from error

    def look(self, task: Task) -> dict[str, object] | None:
        """What a result is made from, and how: to be asked before the work, in which the source may change."""
        with contextlib.suppress(OSError):
            return {
                "target": self._place(task.target),
                "source": self._place(task.source),
                "was": _stamp(task.source),
                "how": self.how,
            }
        return None

    def done(self, task: Task) -> Literal["as it was", "changed"] | None:
        """How the result is that was made from this very source in this very way: somebody may have retouched it."""
        with contextlib.suppress(OSError):
            if (seen := self.look(task)) is not None:
                if not (result := _stamp(task.target))[0]:  # the machine went down before it was on the disk
                    return None
                noted = self._lines.get(str(seen["target"]), {})
                if noted | {"result": result} == seen | {"result": result}:
                    return "as it was" if noted.get("result") == result else "changed"
        return None

    def forget(self, tasks: Iterable[Task]) -> None:
        """Take none of these for done."""
        for task in tasks:
            if (place := self._place(task.target)) in self._lines:
                self._lines[place] = {"target": place}
                self._write(self._lines[place])

    def add(self, task: Task, seen: dict[str, object]) -> None:
        """Note that the result is there, made from what was ``seen``."""
        self._write(seen | {"result": _stamp(task.target)})

    def _write(self, line: dict[str, object]) -> None:
        with self._lock, self.path.open("ab") as file:
            file.write((json.dumps(line) + "\n").encode())  # in one piece, at the end, whoever else writes

    def _place(self, path: Path) -> str:
        try:
            return os.path.relpath(path, self.path.parent)
        except ValueError:  # on another drive
            return os.path.abspath(path)


def _read_journal(path: Path) -> dict[str, dict[str, object]]:
    """What a journal says last of each result, by its place below the journal's folder; nothing where there is none."""
    lines: dict[str, dict[str, object]] = {}
    if not path.is_file():
        return lines
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError):
            entry = json.loads(line)
            lines[os.fspath(entry["target"])] = entry
    return lines


def _stamp(path: Path) -> list[int]:
    """Size and time of a file: another one whenever somebody has written it."""
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]
