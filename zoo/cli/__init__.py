"""The command ``zoo``: one file per subcommand, each with ``add_parser`` and ``run``, which returns the exit status.

What a subcommand needs is imported when it runs: a command that starts in a blink and never loads Keras for an image.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

from zoo.cli import compare, denoise, evaluate, export, finetune, listing, noise, show, train
from zoo.cli.say import say
from zoo.errors import UsageError, ZooError, ZooWarning, one_line

SUBCOMMANDS = (listing, show, denoise, compare, noise, train, finetune, evaluate, export)
STDERR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Parser(argparse.ArgumentParser):
    """An argparse parser that reports wrong usage as every other error is reported: in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


class Version(argparse.Action):
    """``--version``, looked up when it is asked for: reading what is installed takes longer than starting."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        import zoo

        print(f"denoise-zoo {zoo.__version__}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments ``argv`` (those of the process by default).

    Returns:
        0 on success, 2 for wrong usage, 1 for a failed job, 130 when interrupted. What went wrong is said in a line on
        standard error.
    """
    _prepare_streams()
    try:
        args = _parser().parse_args(argv)
        # Decoders warn of what is odd in a file; what matters is said in a line of our own.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", ZooWarning)
            warnings.showwarning = _warned
            with _quiet_libraries() if getattr(args, "decodes", False) else nullcontext():
                status = args.run(args)
        sys.stdout.flush()
        return status
    except ZooError as error:
        return _failed(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read the output has enough (`zoo list | head`); Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, MemoryError) as error:
        return _failed(one_line(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)


def _warned(message: Warning | str, *_: Any) -> None:
    say(f"zoo: warning: {message}")


def _prepare_streams() -> None:
    """Words must not stop the work: where a stream is closed they are dropped; what it cannot spell becomes "?"."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _parser() -> Parser:
    parser = Parser(prog="zoo", description="Image denoisers by name: use, train, evaluate, export them.")
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for subcommand in SUBCOMMANDS:
        subcommand.add_parser(subparsers)
    return parser


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep standard error for Python: libtiff prints there, past Python, whatever it finds odd in a file."""
    try:
        real = sys.stderr.fileno() == STDERR
    except (AttributeError, OSError, ValueError):  # replaced by something that is no file, or closed
        real = False
    if not real:
        yield
        return
    before = sys.stderr
    before.flush()
    own = os.dup(STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    os.close(nowhere)
    sys.stderr = os.fdopen(own, "w", buffering=1, encoding=before.encoding, errors=before.errors, closefd=False)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = before
        os.dup2(own, STDERR)
        os.close(own)


def _failed(message: str, status: int) -> int:
    print(f"zoo: error: {' '.join(message.splitlines())}", file=sys.stderr)
    return status
