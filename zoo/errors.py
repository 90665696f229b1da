"""Errors of the zoo: one tree, so that a caller can catch ``ZooError`` and show its one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class ZooError(Exception):
    """A failed job. The message is one line: what was received, what was expected, how to mend it."""

    exit_code = 1


class UsageError(ZooError, ValueError):
    """Wrong usage: an unknown name, an option that does not fit (the command exits with 2)."""

    exit_code = 2


class InputError(ZooError, ValueError):
    """An image, array or file that cannot be used."""


class EntryError(ZooError):
    """A pretrained entry that is damaged or incomplete."""


class MissingExtraError(ZooError, ImportError):
    """A feature that needs packages which the base install leaves out."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs packages of the extra '{extra}': pip install 'denoise-zoo[{extra}]'")
        self.feature, self.extra = feature, extra

    def __reduce__(self) -> tuple[Any, ...]:
        """A pool of processes brings errors home pickled; of one that cannot be, it breaks or waits for ever."""
        return type(self), (self.feature, self.extra)


class DivergenceError(ZooError):
    """Training met NaN or infinity; the last good weights are kept."""


class WorkersError(ZooError):
    """Several processes that trained together, and do no longer."""


class ParityError(ZooError):
    """An exported artifact differs from its Keras model."""


class ZooWarning(UserWarning):
    """What can be meant, and seldom is: the work goes on. The command says it in a line on standard error."""


# What the extras train and export bring, and modules import at their head.
IN_EXTRAS = ("keras", "tensorflow", "onnx", "scipy", "skimage", "matplotlib", "h5py")


def missing(feature: str, extra: str, error: ModuleNotFoundError) -> ZooError:
    """What to say where ``feature``, which needs ``extra``, could not import a module: that is not always one of it."""
    if error.name is None or error.name.partition(".")[0] in IN_EXTRAS:
        return MissingExtraError(feature, extra)
    return UsageError(
        f"{feature} needs {error.name!r}, which is not installed; install it (KERAS_BACKEND may ask for it)"
    )


def one_line(error: BaseException) -> str:
    """What an error of a library says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def damaged(path: Path, error: BaseException) -> InputError:
    """What to say of a file that could not be decoded."""
    return InputError(f"{str(path)!r} cannot be read ({one_line(error)}); is the file whole?")
