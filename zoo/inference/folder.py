"""Many pictures: found, mirrored into a folder, each done once, however often the work is stopped and begun again."""

from __future__ import annotations

import contextlib
import functools
import glob
import hashlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from zoo.atomic import sweep
from zoo.errors import InputError, UsageError, ZooError, one_line
from zoo.folders import files_below
from zoo.inference.denoise_file import Report, Settings, denoise_file
from zoo.inference.denoiser import EVERYDAY, Denoiser, check_sigma, everyday, load, taking_sigma
from zoo.inference.pictures import ENDINGS, check_output, is_picture, refuse_overwriting
from zoo.inference.reading import UNREADABLE
from zoo.inference.tiling import Progress
from zoo.inference.writing import FORMATS
from zoo.pretrained import describe, shipped

# One line for each picture that is done: what it was made from, and how.
JOURNAL = ".zoo-denoise.jsonl"
# While one picture is in the model, the next is read and the last one written.
READ_AND_WRITE = 2


@dataclass(frozen=True)
class Task:
    """A picture to be denoised, and where its result goes."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a report, or an error; neither if it had been done before (and the result, maybe,
    ``changed`` since).
    """

    task: Task
    report: Report | None = None
    error: ZooError | None = None
    changed: bool = False


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


class Denoisers:
    """The denoisers of a job, each loaded when the first picture asks for it.

    Args:
        model: The name or folder of an entry; None for the everyday one of a picture's channels.
        threads: Processor threads per call.
    """

    def __init__(self, model: str | None = None, *, threads: int | None = None) -> None:
        self.model, self.threads = model, threads
        self._lock = threading.Lock()
        self._load = functools.cache(lambda name: load(name, threads=threads))
        if model is not None:
            describe(model)  # an unknown name is wrong usage, once, and not a failure of every picture

    def __call__(self, channels: int) -> Denoiser:
        with self._lock:
            return self._load(self.model or everyday(channels))

    def check(self, settings: Settings) -> None:
        """Refuse what would be refused of each picture. Raises UsageError: a noise level where none is taken."""
        if self.model is None and settings.sigma is not None:
            raise UsageError(
                f"sigma={settings.sigma!r} without a model; {everyday(1)} and {everyday(3)} find the level by "
                f"themselves: leave it out, or take one that is told (--model): {taking_sigma(1, 3)}"
            )
        check_sigma(describe(self.model or everyday(1)), settings.sigma)

    def fingerprint(self) -> str:
        """What the pictures' pixels depend on."""
        names = [self.model] if self.model else [name for names in EVERYDAY.values() for name in names]
        entries = [describe(name) for name in names if self.model or name in shipped()]
        return json.dumps([entry.files for entry in entries], sort_keys=True)


def way(denoisers: Denoisers, settings: Settings) -> str:
    """A short name for how pictures are denoised: another one wherever another result is to be expected."""
    how = {k: v for k, v in asdict(settings).items() if k not in ("tile", "max_pixels")}
    text = json.dumps([denoisers.fingerprint(), how], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# ---- doing it --------------------------------------------------------------------------------------------------------


def denoise_all(
    tasks: Sequence[Task],
    denoisers: Denoisers,
    settings: Settings,
    *,
    journal: Journal | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """Denoise pictures, some at the same time; one that fails is reported, and the others done.

    Args:
        tasks: What :func:`plan` found.
        denoisers, settings: How.
        journal: Pictures that it knows are skipped, and those that get done are added; None does them all.
        jobs: Pictures that are in a model at the same time.
        progress: As for a call of a denoiser, page by page, in a thread of its own.

    Yields:
        What became of each, in the order in which they finish.
    """
    turn = threading.BoundedSemaphore(jobs)
    waiting = iter(tasks)
    running: set[Future[Outcome]] = set()
    ended = threading.Event()

    def go_on(done: int, pixels: int) -> None:
        if ended.is_set():  # interrupted: nobody is going to look at what comes out
            raise ZooError("interrupted")
        if progress is not None:
            progress(done, pixels)

    def work(task: Task) -> Outcome:
        if journal is not None and (found := journal.done(task)):
            return Outcome(task, changed=found == "changed")
        try:
            check_output(task.target)
            seen = None if journal is None else journal.look(task)
            report = denoise_file(task.source, task.target, denoisers, settings, turn=turn, progress=go_on)
            if journal is not None and seen is not None:
                journal.add(task, seen)
        except ZooError as error:
            return Outcome(task, error=error)
        except (OSError, MemoryError) as error:
            return Outcome(task, error=InputError(f"{str(task.source)!r} failed ({one_line(error)})"))
        return Outcome(task, report)

    pool = ThreadPoolExecutor(jobs + READ_AND_WRITE, "zoo-picture")
    try:
        while True:
            while len(running) < 2 * (jobs + READ_AND_WRITE) and (task := next(waiting, None)) is not None:
                running.add(pool.submit(work, task))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


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


class Meter:
    """Pictures and megapixels per second."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._start = clock, clock()
        self.done = self.skipped = self.failed = self.pixels = 0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        if outcome.error is not None:
            self.failed += 1
        elif outcome.report is None:
            self.skipped += 1
        else:
            self.done += 1
            self.pixels += outcome.report.pixels

    def rates(self) -> tuple[float, float, float]:
        """Seconds, pictures per second, megapixels per second."""
        seconds = max(self._clock() - self._start, 1e-6)
        return seconds, self.done / seconds, self.pixels / 1e6 / seconds
