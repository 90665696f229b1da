"""The command ``zoo``: one file per subcommand, each with ``add_parser`` and ``run``, which returns the exit status.

What a subcommand needs is imported when it runs: a command that starts in a blink and never loads Keras for an image.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from zoo.cli import compare, denoise, evaluate, export, listing, noise, show, train
from zoo.errors import UsageError, ZooError

SUBCOMMANDS = (listing, show, denoise, compare, noise, train, evaluate, export)
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Parser(argparse.ArgumentParser):
    """An argparse parser that reports wrong usage as every other error is reported: in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


class Version(argparse.Action):
    """``--version``, looked up when it is asked for: reading what is installed takes longer than starting."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version

        print(f"denoise-zoo {version('denoise-zoo')}")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the arguments ``argv`` (those of the process by default).

    Returns:
        0 on success, 2 for wrong usage, 1 for a failed job, 130 when interrupted. What went wrong is said in a line on
        standard error.
    """
    try:
        args = _parser().parse_args(argv)
        # Decoders warn of what is odd in a file; what matters is said in a line of our own.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status = args.run(args)
        sys.stdout.flush()
        return status
    except ZooError as error:
        return _failed(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever read the output has enough (`zoo list | head`); Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _failed(str(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)


def _parser() -> Parser:
    parser = Parser(prog="zoo", description="Image denoisers by name: use, train, evaluate, export them.")
    parser.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for subcommand in SUBCOMMANDS:
        subcommand.add_parser(subparsers)
    return parser


def _failed(message: str, status: int) -> int:
    print(f"zoo: error: {' '.join(message.splitlines())}", file=sys.stderr)
    return status
