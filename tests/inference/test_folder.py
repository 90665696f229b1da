"""Many pictures: what is found, what is done, and what a killed process leaves."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoo.errors import InputError, UsageError
from zoo.folders import files_below
from zoo.inference import folder
from zoo.inference.denoise_file import Settings
from zoo.inference.denoiser import Denoiser
from zoo.inference.folder import Denoisers, denoise_all, way
from zoo.inference.tasks import JOURNAL, Journal, Task, plan, prepare
from zoo.pretrained import Pretrained

Toy = Callable[..., Pretrained]


def make_pictures(folder: Path, count: int, side: int = 40) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:03}.png" for i in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (side, side), np.uint8)).save(path)
    return paths


def note(journal: Journal, task: Task) -> None:
    seen = journal.look(task)
    assert seen is not None
    journal.add(task, seen)


def places(tasks: list[Task], output: Path) -> dict[str, str]:
    return {str(t.source): t.target.relative_to(output).as_posix() for t in tasks}


def test_files_folders_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = make_pictures(tmp_path / "a" / "b", 3)
    (tmp_path / "a" / "notes.txt").touch()
    out = tmp_path / "out"
    assert plan([first], tmp_path / "x.png") == [Task(first, tmp_path / "x.png")]
    assert places(plan([first, third], out), out) == {str(first): "000.png", str(third): "002.png"}
    found = places(plan([tmp_path / "a"], out), out)
    assert found == {str(first): "b/000.png", str(second): "b/001.png", str(third): "b/002.png"}
    assert places(plan([tmp_path / "**" / "00[01].png"], out), out) == {
        str(first): "a/b/000.png", str(second): "a/b/001.png",
    }  # fmt: skip
    assert places(plan([tmp_path / "a"], out, ending=".tif"), out)[str(first)] == "b/000.tif"
    # The results of the last time are no input.
    inside = tmp_path / "a" / "clean"
    make_pictures(inside, 2)
    assert len(plan([tmp_path / "a"], inside)) == 3
    assert len(plan([tmp_path / "a" / "**" / "*.png"], inside)) == 3
    monkeypatch.chdir(tmp_path)
    for given in ("a", "./a", "a/**/*.png", tmp_path / "a"):
        for spelled in ("a/clean", "./a/b/../clean", inside):
            assert len(plan([given], spelled)) == 3
    assert len(plan(["a/clean/*.png"], "a/again")) == 2
    # Nor are those of an earlier job, unless one asks for them.
    journal = Journal(inside, "way")
    for result in sorted(inside.glob("*.png")):
        note(journal, Task(first, result))
    journal.forget([Task(first, inside / "000.png")])
    assert len(plan(["a"], "a/again")) == len(plan(["a/**/*.png"], "a/again")) == 3
    # A picture of one's own may lie beside them.
    make_pictures(inside / "more", 1)
    assert len(plan(["a"], "a/again")) == len(plan(["a/**/*.png"], "a/again")) == 4
    shutil.rmtree(inside / "more")
    shutil.copytree(inside, "b/clean")
    with pytest.raises(InputError, match="no pictures in 'b' but results of earlier jobs"):
        plan(["b"], "out")
    assert len(plan(["a/clean"], "out")) == len(plan(["a/clean/*"], "out", ending=".png")) == 2


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text(toy: Toy, tmp_path: Path) -> None:
    (source,) = make_pictures(tmp_path / "a", 1)
    source.rename(tmp_path / "a" / os.fsdecode(b"caf\xe9.png"))
    tasks = plan([tmp_path / "a"], tmp_path / "out")
    tasks[0].target.parent.mkdir()
    tasks[0].target.write_bytes(b"a result")
    note(Journal(tmp_path / "out", "way"), tasks[0])
    assert Journal(tmp_path / "out", "way").done(tasks[0])


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions are played, since root may read anything."""
    make_pictures(tmp_path / "a", 1)
    make_pictures(tmp_path / "a" / "secret", 1)
    scandir = os.scandir

    def refusing(path: str) -> object:
        if os.path.basename(path) == "secret":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match="secret' cannot be read"):
        plan([tmp_path / "a"], tmp_path / "out")


def test_linked_folders_are_searched_once(tmp_path: Path) -> None:
    """Also where a link leads back, or two lead to one place; what lies there itself comes first."""
    for place in ("library", "elsewhere/album"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / place / "a.png")
    library = tmp_path / "library"
    (library / "own").mkdir()
    Image.new("L", (4, 4)).save(library / "own" / "b.png")
    for name, target in [("album", tmp_path / "elsewhere" / "album"), ("again", tmp_path / "elsewhere" / "album"),
                         ("back", library), ("alias", library / "own")]:  # fmt: skip
        (library / name).symlink_to(target, target_is_directory=True)
    found = [str(path.relative_to(library)) for path in files_below(library, [".png"])]
    assert found == ["a.png", "again/a.png", "own/b.png"]


def test_a_folder_of_what_is_not_read_is_told_by_its_formats(tmp_path: Path) -> None:
    for name in ("a.heic", "b.HEIC", "c.cr2", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=r"1 .cr2, 2 .heic in .* which are not read here; expected .*\.png"):
        plan([tmp_path], tmp_path / "out")


def test_plans_that_lose_something(tmp_path: Path) -> None:
    first, second = make_pictures(tmp_path / "a", 2)
    (other,) = make_pictures(tmp_path / "b", 1)
    for inputs, output in [
        ([first, other], tmp_path / "out"),  # two results of one name
        ([first], first),
        ([tmp_path / "a"], tmp_path / "a"),
        ([first, second], tmp_path / "out.png"),
        ([""], tmp_path / "out"),
        ([first], ""),
    ]:
        with pytest.raises(UsageError, match="expected"):
            plan(inputs, output)
    with pytest.raises(UsageError, match=r"expected a name in \.jpg"):
        plan([first], tmp_path / "x.png", ending=".jpg")
    (tmp_path / "empty").mkdir()
    for nothing in (tmp_path / "empty", tmp_path / "*.jpg"):
        with pytest.raises(InputError, match="expected"):
            plan([nothing], tmp_path / "out")


def test_the_journal_knows_sources_and_ways(tmp_path: Path) -> None:
    (source,) = make_pictures(tmp_path / "in", 1)
    task = Task(source, tmp_path / "out" / "sub" / "000.png")
    make_pictures(task.target.parent, 1)
    journal = Journal(tmp_path / "out", "one way")
    assert not journal.done(task)
    note(journal, task)
    assert Journal(tmp_path / "out", "one way").done(task)
    assert not Journal(tmp_path / "out", "another way").done(task)
    path = tmp_path / "out" / JOURNAL
    path.write_bytes(path.read_bytes() + b'{"target": "half a li \xff\xfe')
    assert Journal(tmp_path / "out", "one way").done(task)
    # Another picture of equal size and time, as they come out of an archive.
    other = tmp_path / "other" / source.name
    other.parent.mkdir()
    shutil.copy2(source, other)
    assert not Journal(tmp_path / "out", "one way").done(Task(other, task.target))
    stamp = task.target.stat().st_mtime_ns
    os.utime(task.target, ns=(stamp + 1, stamp + 1))  # somebody's retouching, or a copy
    assert Journal(tmp_path / "out", "one way").done(task) == "changed"
    assert not Journal(tmp_path / "out", "another way").done(task)
    os.utime(task.target, ns=(stamp, stamp))
    assert Journal(tmp_path / "out", "one way").done(task) == "as it was"
    content = task.target.read_bytes()
    task.target.write_bytes(b"")  # the machine went down
    assert not Journal(tmp_path / "out", "one way").done(task)
    task.target.write_bytes(content)
    path.write_bytes(path.read_bytes() + b'{"target": "half a li')
    Journal(tmp_path / "out", "one way").forget([task])
    assert not Journal(tmp_path / "out", "one way").done(task)
    note(Journal(tmp_path / "out", "one way"), task)
    assert Journal(tmp_path / "out", "one way").done(task)
    os.utime(source, ns=(1, 1))
    assert not Journal(tmp_path / "out", "one way").done(task)
    task.target.unlink()
    assert not Journal(tmp_path / "out", "one way").done(task)


def test_the_journal_forgets_what_is_made_again_and_nothing_else(tmp_path: Path) -> None:
    tasks = [Task(source, tmp_path / "out" / source.name) for source in make_pictures(tmp_path / "in", 3)]
    make_pictures(tmp_path / "out", 3)
    journal = Journal(tmp_path / "out", "way")
    for task in tasks:
        note(journal, task)
    journal = Journal(tmp_path / "out", "way")
    journal.forget(tasks[1:2])
    for known in (journal, Journal(tmp_path / "out", "way")):
        assert [bool(known.done(task)) for task in tasks] == [True, False, True]


def test_a_picture_that_changes_while_it_is_denoised_is_made_again(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = make_pictures(tmp_path / "in", 1)
    tasks = [Task(source, tmp_path / "out" / source.name)]
    prepare(tasks)

    class Slow(Denoisers):
        def __call__(self, channels: int) -> Denoiser:
            Image.new("L", (40, 40), 200).save(source)
            return super().__call__(channels)

    denoisers = Slow(str(toy().folder))
    (outcome,) = denoise_all(tasks, denoisers, Settings(), journal=Journal(tmp_path / "out", "way"))
    assert outcome.report is not None
    assert not Journal(tmp_path / "out", "way").done(tasks[0])


def test_who_stops_does_not_wait_for_the_picture_in_the_model(toy: Toy, tmp_path: Path) -> None:
    tasks = [Task(source, tmp_path / "out" / source.name) for source in make_pictures(tmp_path / "in", 2, side=200)]
    prepare(tasks)
    entered = threading.Event()

    class Noted(Denoisers):
        def __call__(self, channels: int) -> Denoiser:
            entered.set()
            time.sleep(0.5)
            return super().__call__(channels)

    # The smallest picture fails at once, and is the first to come back.
    tasks[0].source.write_bytes(b"")
    outcomes = denoise_all(tasks, Noted(str(toy().folder)), Settings(tile=8), jobs=2)
    assert next(outcomes).error is not None
    assert entered.wait(60)
    outcomes.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert os.listdir(tmp_path / "out") == []


def test_pictures_that_wait_for_the_model_are_not_computed_for_who_stops(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = [Task(source, tmp_path / "out" / source.name) for source in make_pictures(tmp_path / "in", 4)]
    prepare(tasks)
    entered, computed = threading.Event(), []
    real = folder.denoise_file

    class Noted(Denoiser):
        def apply(self, image: Any, **how: Any) -> np.ndarray:
            computed.append(image)
            entered.set()
            time.sleep(0.5)
            return super().apply(image, **how)

    denoiser = Noted(toy())
    monkeypatch.setattr(folder, "denoise_file", lambda s, t, _, *a, **k: real(s, t, lambda _: denoiser, *a, **k))
    tasks[0].source.write_bytes(b"")
    outcomes = denoise_all(tasks, Denoisers(str(toy().folder)), Settings())
    assert next(outcomes).error is not None
    assert entered.wait(60)
    outcomes.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(computed) == 1 and os.listdir(tmp_path / "out") == []


def test_ways_differ_where_pixels_do(toy: Toy) -> None:
    denoisers = Denoisers(str(toy().folder))
    same = {way(denoisers, s) for s in (Settings(), Settings(tile=64), Settings(max_pixels=5))}
    assert len(same) == 1
    others = Settings(strength=0.5), Settings(sigma=5), Settings(quality=9), Settings(ensemble=2)
    assert len({way(denoisers, s) for s in others} | same) == 5
    assert way(Denoisers(str(toy(channels=3).folder)), Settings()) not in same


def test_pictures_overlap_and_all_are_done(toy: Toy, tmp_path: Path) -> None:
    make_pictures(tmp_path / "in", 30)
    (tmp_path / "in" / "013.png").write_bytes(b"nothing")
    tasks = plan([tmp_path / "in"], tmp_path / "out")
    prepare(tasks)
    denoisers = Denoisers(str(toy().folder), threads=1)
    outcomes = list(denoise_all(tasks, denoisers, Settings(), jobs=2))
    assert {o.task for o in outcomes} == set(tasks)
    (failed,) = [o for o in outcomes if o.error is not None]
    assert failed.task.source.name == "013.png"
    for outcome in outcomes:
        if outcome.report is not None:
            assert (outcome.report.pixels, outcome.report.notes) == (1600, ())
            wanted = denoisers(1)(np.asarray(Image.open(outcome.task.source)))
            np.testing.assert_array_equal(np.asarray(Image.open(outcome.task.target)), wanted)


def test_an_unknown_model_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such-model"):
        Denoisers("no-such-model")


def test_outputs_that_cannot_be_made(tmp_path: Path) -> None:
    (source,) = make_pictures(tmp_path / "in", 1)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        prepare([Task(source, tmp_path / "file" / "sub" / "000.png")])
    (tmp_path / "out" / JOURNAL).mkdir(parents=True)
    with pytest.raises(InputError, match="cannot be written"):
        Journal(tmp_path / "out", "way")


def test_one_output_that_cannot_be_written_does_not_stop_the_others(toy: Toy, tmp_path: Path) -> None:
    first, second, third = make_pictures(tmp_path / "in", 3)
    out = tmp_path / "out"
    tasks = [Task(first, out / "000.gif"), Task(second, out / second.name), Task(third, out / third.name)]
    prepare(tasks)
    (out / second.name).mkdir()
    outcomes = {o.task.source: o for o in denoise_all(tasks, Denoisers(str(toy().folder)), Settings())}
    assert "no known ending" in str(outcomes[first].error)
    assert "is a folder" in str(outcomes[second].error)
    assert outcomes[third].report is not None


def test_what_a_dead_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    from zoo.atomic import file_beside

    (source,) = make_pictures(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    program = (
        f"from zoo.atomic import file_beside\nimport os\nwith file_beside({str(tmp_path / 'out' / 'x')!r}) as p:\n"
    )
    subprocess.run([sys.executable, "-c", program + "    p.write_text('half'); os._exit(9)"], check=False, timeout=60)
    assert len(list((tmp_path / "out").iterdir())) == 1
    with file_beside(tmp_path / "out" / "y") as mine:
        mine.write_text("half")
        prepare([Task(source, tmp_path / "out" / "000.png")])
        assert list((tmp_path / "out").iterdir()) == [mine]
        mine.write_text("whole")
    assert os.listdir(tmp_path / "out") == ["y"]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_killed_and_begun_again(toy: Toy, tmp_path: Path) -> None:
    """A few of the 50 kills of scripts/kill_folder_job.py."""
    sources = make_pictures(tmp_path / "in", 40, side=150)
    out, model = tmp_path / "out", toy().folder
    command = [sys.executable, "-m", "zoo.cli", "denoise", tmp_path / "in", "-o", out, "--model", model]
    rng = random.Random(0)
    for _ in range(3):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.2, 0.9))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    denoise = Denoisers(str(model))(1)
    for source in sources:
        wanted = denoise(np.asarray(Image.open(source)))
        np.testing.assert_array_equal(np.asarray(Image.open(out / source.name)), wanted)
    assert sorted(os.listdir(out)) == sorted([JOURNAL, *(s.name for s in sources)])
    assert {json.loads(line)["target"] for line in (out / JOURNAL).read_text().splitlines()} == {
        s.name for s in sources
    }
