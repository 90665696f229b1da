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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

from zoo.atomic import sweep
from zoo.errors import InputError, UsageError, ZooError, one_line
from zoo.folders import files_below
from zoo.inference.denoise_file import Report, Settings, denoise_file
from zoo.inference.denoiser import Denoiser, load
from zoo.inference.pictures import ENDINGS, check_output, is_picture, refuse_overwriting
from zoo.pretrained import describe, shipped

# What a picture is denoised with, by its channels, when nobody says: the first of these that is shipped.
EVERYDAY = {1: ("resnet-gaussian-gray",), 3: ("resnet-photo-color", "resnet-gaussian-color")}
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
    """What became of a task: a report, or an error; neither if it had been done before."""

    task: Task
    report: Report | None = None
    error: ZooError | None = None


# ---- what there is to do ---------------------------------------------------------------------------------------------


def plan(inputs: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], *, ending: str = "") -> list[Task]:
    """The pictures behind files, folders (searched through) and patterns, and where each result goes.

    What lies in a folder is mirrored: ``photos/2024/a.jpg`` of ``photos`` becomes ``output/2024/a.jpg``.

    Args:
        inputs: Files, folders, or patterns as a shell has them (``"scans/**/*.tif"``), for shells that have none.
        output: A file for a single file, otherwise a folder, which need not exist.
        ending: Of all results, such as ".png", and with it their format; that of each input by default.

    Raises:
        InputError: Nothing there. UsageError: A result would overwrite an input or another result.
    """
    output = Path(output)
    found: list[tuple[Path, Path]] = []  # file, its place below the output folder
    several = len(inputs) > 1
    for given in map(Path, inputs):
        if given.is_dir():
            several = True
            results = _results(output, given)
            inside = [path for path in files_below(given, ENDINGS) if results not in path.parents]
            if not inside:
                raise InputError(f"no pictures in {str(given)!r}; expected some, in it or in folders below")
            found += [(path, path.relative_to(given)) for path in inside]
        elif not given.exists() and glob.has_magic(str(given)):
            several = True
            root = _root(given)
            results = _results(output, root)
            matches = [Path(p) for p in sorted(glob.glob(str(given), recursive=True)) if os.path.isfile(p)]
            if not (matches := [path for path in matches if results not in path.parents]):
                raise InputError(f"no picture matches {str(given)!r}; expected a pattern that finds some")
            found += [(path, path.relative_to(root)) for path in matches]
        else:
            found.append((given, Path(given.name)))
    if several and (output.is_file() or (is_picture(output) and not output.is_dir())):
        raise UsageError(f"{len(found)} pictures with output {str(output)!r}; expected a folder")
    mirrored = several or output.is_dir()
    tasks = []
    for source, place in found:
        target = output / place if mirrored else output
        tasks.append(Task(source, target.with_suffix(ending) if ending and mirrored else target))
    _check_targets(tasks)
    return tasks


def _results(output: Path, folder: Path) -> Path | None:
    """The output, if it is a folder below this one: what an earlier job put there is no input.

    Into the folder itself it may not go.
    """
    whole, inside = folder.resolve(), output.resolve()
    return folder / inside.relative_to(whole) if whole in inside.parents else None


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
    """

    def __init__(self, folder: Path, how: str) -> None:
        self.path, self.how = folder / JOURNAL, how
        self._lines: dict[str, dict[str, object]] = {}
        self._lock = threading.Lock()
        with contextlib.suppress(OSError):
            for line in self.path.read_text(encoding="utf-8").splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):  # half a line, if the machine went down
                    entry = json.loads(line)
                    self._lines[entry["target"]] = entry

    def _entry(self, task: Task) -> dict[str, object]:
        facts = task.source.stat()
        target = os.path.relpath(task.target, self.path.parent)
        return {"target": target, "size": facts.st_size, "mtime_ns": facts.st_mtime_ns, "how": self.how}

    def done(self, task: Task) -> bool:
        """Whether the result is there, made from this very source in this very way."""
        with contextlib.suppress(OSError):
            entry = self._entry(task)
            return self._lines.get(str(entry["target"])) == entry and task.target.is_file()
        return False

    def forget(self) -> None:
        """Take nothing for done."""
        self._lines.clear()
        self.path.unlink(missing_ok=True)

    def add(self, task: Task) -> None:
        """Note that the result is there."""
        line = json.dumps(self._entry(task)) + "\n"
        with self._lock, self.path.open("ab") as file:
            file.write(line.encode())  # in one piece, at the end, whoever else writes


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

    def fingerprint(self) -> str:
        """What the pictures' pixels depend on."""
        names = [self.model] if self.model else [name for names in EVERYDAY.values() for name in names]
        entries = [describe(name) for name in names if self.model or name in shipped()]
        return json.dumps([entry.files for entry in entries], sort_keys=True)


def everyday(channels: int) -> str:
    """The name of the entry that an image is denoised with when nobody says.

    Raises:
        UsageError: None of them is shipped.
    """
    names = EVERYDAY[channels]
    for name in names:
        if name in shipped():
            return name
    raise UsageError(f"none of {', '.join(names)} is installed; expected --model with a name of `zoo list` or a folder")


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
) -> Iterator[Outcome]:
    """Denoise pictures, some at the same time; one that fails is reported, and the others done.

    Args:
        tasks: What :func:`plan` found.
        denoisers, settings: How.
        journal: Pictures that it knows are skipped, and those that get done are added; None does them all.
        jobs: Pictures that are in a model at the same time.

    Yields:
        What became of each, in the order in which they finish.
    """
    turn = threading.BoundedSemaphore(jobs)
    waiting = iter(tasks)
    running: set[Future[Outcome]] = set()

    def work(task: Task) -> Outcome:
        if journal is not None and journal.done(task):
            return Outcome(task)
        try:
            report = denoise_file(task.source, task.target, denoisers, settings, turn=turn)
            if journal is not None:
                journal.add(task)
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
        pool.shutdown(cancel_futures=True)


def prepare(tasks: Sequence[Task]) -> None:
    """Make the folders of the results, refuse what cannot be written, and clear what a killed process left there.

    Raises:
        InputError: A folder that cannot be made, or an ending that names no format.
    """
    for folder in sorted({task.target.parent for task in tasks}):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"output folder {str(folder)!r} cannot be made ({one_line(error)})") from error
        sweep(folder)
    for task in tasks:
        check_output(task.target)


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
