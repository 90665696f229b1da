"""A folder job by two worker processes, one of which is killed at work."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.errors import MissingExtraError
from zoo.inference import cluster
from zoo.inference.cluster import Cluster, denoise_on_cluster
from zoo.inference.denoise_file import Settings
from zoo.inference.folder import Denoisers, way
from zoo.inference.tasks import JOURNAL, Journal, plan, prepare
from zoo.pretrained import Pretrained

Toy = Callable[..., Pretrained]
PICTURES = 16


def worker_processes() -> list[int]:
    """Ray names its workers after what they run."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and b"ray::MapWorker" in (folder / "cmdline").read_bytes():
            found.append(int(folder.name))
    return sorted(found)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="finds the workers in /proc")
def test_a_killed_worker_loses_nothing_and_nothing_is_done_twice(
    toy: Callable[..., Pretrained], tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    photos, out, model = tmp_path / "in", tmp_path / "out", str(toy().folder)
    photos.mkdir()
    for i in range(PICTURES):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (300, 300), np.uint8)).save(photos / f"{i:02}.png")
    (photos / "03.png").write_bytes(b"nothing")
    tasks = plan([photos], out)
    prepare(tasks)
    denoisers = Denoisers(model, threads=1)
    journal = Journal(out, way(denoisers, Settings()))
    outcomes, killed = [], []
    for outcome in denoise_on_cluster(tasks, model, Settings(), journal=journal, cluster=Cluster(2)):
        outcomes.append(outcome)
        if not killed and (workers := worker_processes()):
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)
    assert killed
    assert sorted(o.task.source.name for o in outcomes) == [f"{i:02}.png" for i in range(PICTURES)]
    assert [o.task.source.name for o in outcomes if o.error is not None] == ["03.png"]
    targets = [json.loads(line)["target"] for line in (out / JOURNAL).read_text().splitlines()]
    assert sorted(targets) == [f"{i:02}.png" for i in range(PICTURES) if i != 3]  # each once
    for name in targets:
        wanted = denoisers(1)(np.asarray(Image.open(photos / name)))
        np.testing.assert_array_equal(np.asarray(Image.open(out / name)), wanted)
    again = denoise_on_cluster(
        tasks, model, Settings(), journal=Journal(out, way(denoisers, Settings())), cluster=Cluster(2)
    )
    assert sum(o.report is None and o.error is None for o in again) == PICTURES - 1


POISON = """
import importlib.abc, importlib.util, os, signal, sys


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "zoo.inference.folder":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module

        def run(module):
            load(module)
            real = module.denoise_file

            def denoise_file(source, *args, **options):
                if source.name == "kills.png":
                    os.kill(os.getpid(), signal.SIGKILL)
                if source.name == "raises.png":
                    raise AssertionError("a bug")
                return real(source, *args, **options)

            module.denoise_file = denoise_file

        spec.loader.exec_module = run
        return spec


sys.meta_path.insert(0, Finder())
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="finds the workers in /proc")
def test_a_picture_that_ends_its_worker_is_told_of_and_the_others_are_done(
    toy: Callable[..., Pretrained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For lack of memory, or by a crash of a decoder."""
    pytest.importorskip("ray")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(POISON)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    photos, out, model = tmp_path / "in", tmp_path / "out", str(toy().folder)
    photos.mkdir()
    for name in ("a", "b", "c", "d", "kills", "raises"):
        Image.fromarray(np.zeros((30, 30), np.uint8)).save(photos / f"{name}.png")
    tasks = plan([photos], out)
    prepare(tasks)
    journal = Journal(out, way(Denoisers(model, threads=1), Settings()))
    outcomes = list(denoise_on_cluster(tasks, model, Settings(), journal=journal, cluster=Cluster(1)))
    errors = {o.task.source.name: str(o.error) for o in outcomes if o.error is not None}
    assert "ended its worker 3 times" in errors.pop("kills.png") and "a bug" in errors.pop("raises.png")
    assert not errors and sorted(p.name for p in out.glob("*.png")) == ["a.png", "b.png", "c.png", "d.png"]
    assert len(outcomes) == len(tasks)


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster.__dict__, "QUIET", {})
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"denoise-zoo\[cluster\]"):
        next(iter(denoise_on_cluster([], None, Settings(), journal=Journal(tmp_path, ""), cluster=Cluster(2))))
