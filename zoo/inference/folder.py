"""Many pictures, each denoised once, however often the work is stopped and begun again."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass

from zoo.errors import InputError, UsageError, ZooError, ZooWarning, one_line
from zoo.inference.denoise_file import Report, Settings, denoise_file
from zoo.inference.denoiser import EVERYDAY, Denoiser, check_sigma, doubt_sigma, everyday, load, taking_sigma
from zoo.inference.pictures import check_output
from zoo.inference.tasks import Journal, Task
from zoo.inference.tiling import Progress
from zoo.pretrained import describe, shipped

# While one picture is in the model, the next is read and the last one written.
READ_AND_WRITE = 2


@dataclass(frozen=True)
class Outcome:
    """What became of a task: a report, or an error; neither if it had been done before (and the result, maybe,
    ``changed`` since).
    """

    task: Task
    report: Report | None = None
    error: ZooError | None = None
    changed: bool = False


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
        """Refuse what would be refused of each picture, and warn of what would be doubted. Raises UsageError: a noise
        level where none is taken."""
        if self.model is None and settings.sigma is not None:
            raise UsageError(
                f"sigma={settings.sigma!r} without a model; {everyday(1)} and {everyday(3)} find the level by "
                f"themselves: leave it out, or take one that is told (--model): {taking_sigma(1, 3)}"
            )
        check_sigma(describe(self.model or everyday(1)), settings.sigma)
        if words := doubt_sigma(settings.sigma):
            warnings.warn(words, ZooWarning, stacklevel=2)

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
