"""Writing beside, then renaming: an artifact appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo.errors import InputError, UsageError


@contextmanager
def file_beside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name next to ``path`` for a file that takes its place at the end, or leaves no trace if something is raised.

    Raises:
        UsageError: ``path`` is a folder. InputError: no such folder around it, or no permission.
    """
    path = Path(os.path.realpath(path))  # through a link, to the file that it stands for
    if path.is_dir():
        raise UsageError(f"output {str(path)!r} is a folder; expected the name of a file")
    temporary = _temporary(path)
    try:
        yield temporary
        if path.exists():
            with suppress(OSError):
                shutil.copymode(path, temporary)  # what its owner alone may read stays so
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_beside(path: str | os.PathLike[str], *, foreign: Callable[[Path], Sequence[str]]) -> Iterator[Path]:
    """A new folder next to ``path`` that takes its place at the end, or leaves no trace if something is raised.

    Args:
        path: Where the folder is to be.
        foreign: What a folder that is there already holds of somebody's own: it is replaced only if that is nothing.

    Raises:
        UsageError, InputError: as :func:`check_folder`.
    """
    check_folder(path, foreign)
    path = Path(os.path.realpath(path))
    temporary = _temporary(path)
    old = path.with_name(f"{path.name}-{secrets.token_hex(8)}.old")
    try:
        temporary.mkdir()
        yield temporary
        # Not in one step, which few systems know: killed between these two lines, the old one has that other name, and
        # nobody sweeps it away.
        try:
            if path.exists():
                path.rename(old)
            temporary.rename(path)
        finally:
            if old.exists() and not path.exists():
                old.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def check_parent(path: Path) -> None:
    """Refuse a place for a file or folder. Raises InputError: no such folder around it, or no permission."""
    if not os.path.isdir(path.parent):
        raise InputError(f"output {str(path)!r} is in no existing folder; create {str(path.parent)!r} first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"output {str(path)!r} cannot be written: permission denied; choose another place")


def check_folder(path: str | os.PathLike[str], foreign: Callable[[Path], Sequence[str]]) -> None:
    """Refuse a place for a folder.

    Raises:
        UsageError: It is a file, or a folder that holds something else, which would be lost. InputError: as
            :func:`check_parent`.
    """
    path = Path(os.path.realpath(path))
    check_parent(path)
    if path.exists() and not path.is_dir():
        raise UsageError(f"output {str(path)!r} is a file; expected the name of a folder")
    # Another folder is going to take its place.
    if os.path.ismount(path):
        raise UsageError(f"output {str(path)!r} is where a disk is mounted; expected the name of a folder in it")
    if path in (here := Path(os.path.realpath(os.curdir)), *here.parents):
        raise UsageError(f"output {str(path)!r} is the folder that one is in; expected the name of a folder in it")
    if path.is_dir() and (others := sorted(foreign(path))):
        named = ", ".join(others[:3]) + (" ..." if len(others) > 3 else "")
        raise UsageError(f"output {str(path)!r} holds {named}, which would be lost; choose another name")


def _temporary(path: Path) -> Path:
    check_parent(path)
    return path.with_name(f"{PREFIX}{_host()}-{os.getpid()}-{secrets.token_hex(8)}{_SUFFIX}")


PREFIX, _SUFFIX = ".zoo-", ".tmp"


def _host() -> str:
    """A few letters for this machine, or container: a folder may be shared with others, whose processes have the same
    numbers.
    """
    name = platform.node()
    with suppress(OSError):
        name += os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def sweep(folder: Path) -> None:
    """Remove from ``folder`` what processes of this machine left there when they were killed as they wrote."""
    for left in folder.glob(f"{PREFIX}{_host()}-*{_SUFFIX}"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not _alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 is no question but Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
