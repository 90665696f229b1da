"""``zoo denoise``: clean pictures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_ensemble, add_white, ending, number, sigma, tile, whole_number
from zoo.cli.say import say, say_failed
from zoo.errors import UsageError

if TYPE_CHECKING:
    from zoo.inference.folder import Meter, Outcome
    from zoo.inference.tasks import Task


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "denoise",
        help="clean pictures",
        description="Clean pictures: PNG, JPEG, TIFF (any number of pages), WebP, BMP, PPM, or a float array in .npy. "
        "Depth, alpha, colour profile, EXIF and tags stay. Folders are searched through and mirrored; what is done "
        "already is skipped, so that a job that was stopped goes on where it was.",
    )
    parser.add_argument("inputs", metavar="IN", nargs="+", help="noisy pictures, folders of them, or patterns")
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="the clean picture; a folder for several, or OUT/"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="name of an entry (zoo list), or its folder (default: by the picture's colour)"
    )
    parser.add_argument(
        "--sigma", type=sigma, metavar="N", help="noise level from 0 to 255, or auto, for models that take it"
    )
    parser.add_argument(
        "--strength", type=number(0, 1), default=1.0, metavar="S", help="share of the noise to take away, 0 to 1 (1)"
    )
    add_ensemble(parser)
    add_white(parser)
    parser.add_argument(
        "--tile", type=tile, default="auto", metavar="N", help="side of tiles in pixels, 'none' or 'auto' (auto)"
    )
    parser.add_argument("--threads", type=whole_number(1), metavar="N", help="processor threads (one per core)")
    files = parser.add_argument_group("files")
    files.add_argument(
        "--format", type=ending, metavar="EXT", help="of all results, such as png (default: as each input)"
    )
    files.add_argument("--quality", type=whole_number(1, 100), metavar="Q", help="of JPEG (95) and WebP (lossless)")
    files.add_argument("--planes", action="store_true", help="each channel is a gray picture by itself (microscopy)")
    files.add_argument(
        "--max-pixels", type=whole_number(1), default=10**9, metavar="N", help="refuse larger pictures (10^9)"
    )
    files.add_argument("--jobs", type=whole_number(1), default=1, metavar="N", help="pictures in a model at once (1)")
    files.add_argument(
        "--workers", type=whole_number(1), metavar="N", help="do the job in N processes (needs the extra 'cluster')"
    )
    files.add_argument("--cluster", metavar="HOST:PORT", help="... of the Ray cluster that is running there")
    files.add_argument("--again", action="store_true", help="denoise what is done already, or retouched, too")
    parser.set_defaults(run=run, decodes=True)


def run(args: argparse.Namespace) -> int:
    """Denoise one picture, or many; a failed one is reported, and the rest done."""
    from zoo.inference.denoise_file import Settings
    from zoo.inference.folder import Denoisers, Meter, denoise_all, way
    from zoo.inference.tasks import Journal, left_out, plan, prepare

    tasks = plan(args.inputs, args.output, ending=args.format or "")
    output = Path(args.output)
    settings = Settings(
        sigma=args.sigma,
        strength=args.strength,
        ensemble=args.ensemble,
        white=args.white,
        tile=args.tile,
        quality=args.quality,
        planes=args.planes,
        max_pixels=args.max_pixels,
    )
    if args.cluster and not args.workers:
        raise UsageError(f"--cluster {args.cluster} without --workers; expected how many of its processes to use")
    denoisers = Denoisers(args.model, threads=args.threads or _share(args.jobs))
    denoisers.check(settings)
    if len(tasks) == 1 and tasks[0].target == output:
        with _bar_of_one() as progress:
            (outcome,) = denoise_all(tasks, denoisers, settings, progress=progress)
        if outcome.error is not None:
            raise outcome.error
        _tell(outcome)
        return 0
    prepare(tasks)
    journal = Journal(output, way(denoisers, settings))
    if args.again:
        journal.forget(tasks)
    meter = Meter()
    if args.workers:
        from zoo.inference.cluster import Cluster, denoise_on_cluster

        cluster = Cluster(args.workers, args.cluster, args.threads or 1)
        outcomes = denoise_on_cluster(tasks, args.model, settings, journal=journal, cluster=cluster)
    else:
        outcomes = denoise_all(tasks, denoisers, settings, journal=journal, jobs=args.jobs)
    with _bar(tasks, meter) as told:
        for outcome in told(outcomes):
            if isinstance(outcome.error, UsageError):
                raise outcome.error  # it would be the same for each picture
            meter.add(outcome)
            _tell(outcome)
    seconds, files, megapixels = meter.rates()
    say(
        f"{meter.done} done, {meter.skipped} skipped, {meter.failed} failed in {seconds:.1f} s: {files:.2f} pictures "
        f"and {megapixels:.2f} megapixels per second"
    )
    if others := left_out(args.inputs):
        say(f"left out, of formats that are not read here: {others}")
    return 1 if meter.failed else 0


def _share(jobs: int) -> int | None:
    """Threads for each of several models that work at once."""
    return max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None


def _tell(outcome: Outcome) -> None:
    """A line on what became of a picture; nothing on one that had been done."""
    if outcome.error is not None:
        say_failed(outcome.error)
    elif outcome.changed:
        say(f"left as it is: {outcome.task.target}, changed since it was made; --again makes it anew")
    elif outcome.report is not None:
        how = ", ".join([*outcome.report.entries, *outcome.report.notes])
        say(f"{outcome.task.source} -> {outcome.task.target} ({how})")


@contextmanager
def _bar_of_one() -> Iterator[Any]:
    """Gives what is told how far a picture is, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("denoising", total=None)
        yield lambda done, pixels: progress.update(bar, completed=done, total=pixels)


@contextmanager
def _bar(tasks: Sequence[Task], meter: Meter) -> Iterator[Any]:
    """Gives a function that passes outcomes on, with a bar on a terminal while there are several."""
    if len(tasks) == 1 or not sys.stderr.isatty():
        yield lambda outcomes: outcomes
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("denoising"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.2f} MPix/s"),
        TimeRemainingColumn(),
    ]
    # Lines pass beside the bar whole, not broken to the terminal's width: a path is there to be copied.
    with Progress(*columns, console=Console(stderr=True, soft_wrap=True), transient=True) as progress:
        bar = progress.add_task("denoising", total=len(tasks), rate=0.0)

        def told(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
            for outcome in outcomes:
                yield outcome
                progress.update(bar, advance=1, rate=meter.rates()[2])

        yield told
