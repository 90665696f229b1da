from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.atomic import file_beside, folder_beside, sweep
from zoo.errors import InputError, UsageError


def test_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for text in ("first", "second"):
        with file_beside(path) as temporary:
            assert temporary.parent == tmp_path
            temporary.write_text(text)
        assert path.read_text() == text
    with pytest.raises(ZeroDivisionError), file_beside(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "second" and os.listdir(tmp_path) == ["a.txt"]


def test_file_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with file_beside(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    for name in ("one", "two"):
        with folder_beside(path, foreign=lambda found: [] if (found / "one").exists() else ["two"]) as temporary:
            (temporary / name).write_text(name)
        assert os.listdir(path) == [name]
    with pytest.raises(UsageError, match="holds letters, which would be lost"):  # noqa: SIM117
        with folder_beside(path, foreign=lambda _: ["letters"]):
            pytest.fail("nothing may be built for a place that is taken")
    with pytest.raises(ZeroDivisionError), folder_beside(path, foreign=lambda _: []) as temporary:
        (temporary / "half").write_text("half")
        raise ZeroDivisionError
    assert os.listdir(path) == ["two"] and os.listdir(tmp_path) == ["entry"]


def test_folder_comes_back_if_the_new_one_cannot_be_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(OSError), folder_beside(path, foreign=lambda _: []) as temporary:
        temporary.rmdir()  # so that the renaming fails, after the old folder was moved aside
    assert os.listdir(path) == ["old"] and os.listdir(tmp_path) == ["entry"]


def test_interrupted_between_old_and_new_the_old_folder_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rename, calls = tmp_path / "entry", Path.rename, []
    path.mkdir()
    (path / "old").write_text("old")

    def interrupted(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), folder_beside(path, foreign=lambda _: []):
        pass
    assert os.listdir(path) == ["old"] and os.listdir(tmp_path) == ["entry"]


def test_a_folder_that_others_hold_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "in")
    for held in (".", "..", tmp_path / "here"):
        with pytest.raises(UsageError, match="is the folder that one is in"), folder_beside(held, foreign=lambda _: []):
            pytest.fail("the caller would be nowhere")
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "mount")
    with pytest.raises(UsageError, match="mounted"), folder_beside(tmp_path / "mount", foreign=lambda _: []):
        pytest.fail("it could not be put in place")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="permission denied"), file_beside(tmp_path / "a"):
            pytest.fail("nothing may be written here")
    finally:
        tmp_path.chmod(0o700)


def test_what_its_owner_alone_may_read_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.touch(mode=0o600)
    with file_beside(path) as temporary:
        temporary.write_text("new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_killed_between_old_and_new_the_old_folder_is_not_swept_away(tmp_path: Path) -> None:
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "old").write_text("old")
    program = (
        "import os, pathlib\nfrom zoo.atomic import folder_beside\nrename, calls = pathlib.Path.rename, []\n"
        "def once(self, target):\n    os._exit(9) if calls else calls.append(1)\n    return rename(self, target)\n"
        f"pathlib.Path.rename = once\nwith folder_beside({str(tmp_path / 'entry')!r}, foreign=lambda _: []): pass\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 9
    sweep(tmp_path)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("entry-") and (left / "old").read_text() == "old"
