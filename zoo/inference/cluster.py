"""A folder job on several machines, or in several processes, by Ray Data (the extra ``cluster``).

Each worker is a process with denoisers of its own; inputs and outputs are files that all workers reach under the same
paths. The journal in the output folder is shared: a worker that dies is replaced, its pictures are given out again, and
those that it had finished are not made twice. (Tried beside it: Apache Beam, whose local runner did not get over a
killed worker.)
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import InputError, MissingExtraError, UsageError, ZooError, one_line
from zoo.inference.denoise_file import Report, Settings
from zoo.inference.folder import Denoisers, Outcome, denoise_all
from zoo.inference.tasks import Journal, Task
from zoo.pretrained import shipped

RETRIES = 2  # of a picture whose worker died
# Ray tells of its usage over the network, and draws bars of its own, unless told otherwise before it is imported.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}


@dataclass(frozen=True)
class Cluster:
    """Where the workers are.

    workers: How many, each a process that has a picture in its model.
    address: Of a running Ray cluster (``ray start``), such as "10.0.0.5:6379" or "auto"; None starts one on this
        machine, for this job.
    threads: Processor threads of each worker.
    """

    workers: int
    address: str | None = None
    threads: int = 1


def denoise_on_cluster(
    tasks: Sequence[Task], model: str | None, settings: Settings, *, journal: Journal, cluster: Cluster
) -> Iterator[Outcome]:
    """As :func:`zoo.inference.folder.denoise_all`, by the workers of a cluster.

    Raises:
        MissingExtraError: Ray is not installed. UsageError: no cluster at the address.
    """
    ray = _ray(cluster)
    # A worker works in a folder of its own.
    folder, how = os.path.abspath(journal.path.parent), journal.how
    if model is not None and model not in shipped():
        model = os.path.abspath(model)

    class Worker:
        """Lives in a process of its own; made anew there when that process is replaced."""

        def __init__(self) -> None:
            self.denoisers = Denoisers(model, threads=cluster.threads)
            self.journal = Journal(Path(folder), how)

        def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
            task = Task(Path(row["source"]), Path(row["target"]))
            try:
                (outcome,) = denoise_all([task], self.denoisers, settings, journal=self.journal)
            except Exception as error:  # of one picture; the others are done
                outcome = Outcome(task, error=InputError(f"{row['source']!r} failed ({one_line(error)})"))
            report = outcome.report
            return {
                **row,
                "error": None if outcome.error is None else str(outcome.error),
                "changed": outcome.changed,
                "pixels": -1 if report is None else report.pixels,
                "entries": "\n".join(report.entries) if report else "",
                "notes": "\n".join(report.notes) if report else "",
            }

    rows = [{"source": os.path.abspath(t.source), "target": os.path.abspath(t.target)} for t in tasks]
    known = {row["target"]: task for row, task in zip(rows, tasks, strict=True)}
    try:
        # A block each: it is blocks that are given out, and given out again.
        # Ray Data starts workers that died again, and repeats what they were at: but not for ever, what may have ended
        # them. A worker has one picture at a time, or those that wait behind such a one would be given up with it.
        workers = ray.data.ActorPoolStrategy(size=cluster.workers, max_tasks_in_flight_per_actor=1)
        with warnings.catch_warnings():  # from Ray 2.64 on there is going to be another way to limit this
            warnings.simplefilter("ignore", DeprecationWarning)
            done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
                Worker,
                compute=workers,
                num_cpus=cluster.threads,
                ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": RETRIES},
            )
        for row in done.iter_rows():
            task = known.pop(row["target"])
            if row["error"] is not None:
                yield Outcome(task, error=ZooError(row["error"]))
            elif row["pixels"] < 0:
                yield Outcome(task, changed=row["changed"])
            else:
                yield Outcome(task, Report(row["pixels"], *(tuple(row[k].splitlines()) for k in ("entries", "notes"))))
        for task in known.values():
            yield Outcome(
                task,
                error=InputError(
                    f"{str(task.source)!r} ended its worker {RETRIES + 1} times, for lack of memory perhaps; expected "
                    "less at once: a smaller --tile, fewer --workers"
                ),
            )
    except ray.exceptions.RayError as error:
        raise ZooError(
            f"the workers failed ({one_line(error)}); what is done is kept: the same command goes on from there"
        ) from error
    finally:
        ray.shutdown()


def _ray(cluster: Cluster) -> Any:
    """Ray, started or connected to."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("a job on several workers", "cluster") from None
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if cluster.address is None:
            # Whatever cluster is running here, or RAY_ADDRESS names.
            cpus = cluster.workers * cluster.threads
            ray.init(address="local", num_cpus=cpus, include_dashboard=False, **how)
        else:
            ray.init(address=cluster.address, **how)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"no Ray cluster at {cluster.address!r} ({' '.join(str(error).split())[:200]}); expected the address of one"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a picture that ends its worker is told of, and the others are done
    return ray
