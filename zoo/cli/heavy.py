"""Importing Keras and TensorFlow for the subcommands that need them, without their chatter."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.errors import UsageError, missing, one_line

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def import_keras(feature: str, extra: str) -> None:
    """Import Keras and its backend, so that later imports find them.

    Raises:
        MissingExtraError: They are not installed: ``feature`` needs ``extra``. UsageError: A backend that is not there.
    """
    try:
        with _quiet():
            import keras  # noqa: F401
    except ModuleNotFoundError as error:
        raise missing(feature, extra, error) from error
    except ValueError as error:  # of KERAS_BACKEND
        raise UsageError(f"Keras cannot be imported ({one_line(error)}); expected KERAS_BACKEND=tensorflow") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Standard error closed to TensorFlow, which tells of missing GPUs before anyone can ask it not to.

    Whoever has set its log level wants to hear it.
    """
    if LOG_LEVEL in os.environ:
        yield
        return
    os.environ[LOG_LEVEL] = "3"  # what comes later: fatal errors only, all others arrive as exceptions
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its Python half's warnings, such as of tracing again
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
