"""The callback that guides a run: budget, steplength, validation, checkpoints, progress."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from zoo.errors import DivergenceError
from zoo.training.curves import smoothed
from zoo.training.dormant import revive
from zoo.training.optimizers import Schedule
from zoo.training.run import Run


class Guide(keras.callbacks.Callback):
    """Drives a run by rounds of steps, and stops it at its last step or second."""

    # Steps between two looks at the loss, at most.
    ROUND = 100
    # Steps between two looks at the schedule, after the warm-up, in which each step has its own steplength. Under JAX a
    # look costs about as much as a small step.
    LOOK = 10
    # Seconds between two pictures of the curves, at least, but for the last: one takes as long as many small steps.
    DRAWN = 10

    def __init__(
        self,
        run: Run,
        *,
        validation: tuple[Any, Any],
        validate_every: int,
        schedule: Schedule,
        learning_rate: float,
        batch: int,
        replicas: int,
        several_workers: bool,
        revive: int | None,
        patience: int | None,
        progress: bool,
    ) -> None:
        super().__init__()
        self.run, self.schedule, self.replicas = run, schedule, replicas
        # Every replica must get its part of each batch: the first pairs are taken again until the number divides.
        count = len(validation[1])
        index = np.arange(-(-count // replicas) * replicas) % count
        self.validation = tuple(keras.tree.map_structure(lambda array: array[index], part) for part in validation)
        self.validate_every, self.learning_rate, self.batch = validate_every, learning_rate, batch
        self.round = min(self.ROUND, validate_every)
        self.revive, self.patience = revive, patience
        self.several_workers, self.interrupted = several_workers, False
        self.earlier = run.history.minutes
        last = run.history.rows[-1] if run.history.rows else {"step": 0, "images": 0}
        self.before = int(last["step"] or 0), int(last["images"] or 0)
        self.started = time.monotonic()
        self.smoothed = run.history.rows[-1]["loss_smoothed"] if run.history.rows else None
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f}%"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=Console(stderr=True), disable=not progress)
        self.task = self.bar.add_task("training", total=1.0)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.start()
        if self.run.step == 0:  # a resumed run has the steplength that it had, until the next look
            self._set_steplength()
            self._revive()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.bar.stop()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.run.step < self.schedule.warmup or self.run.step % self.LOOK == 0:
            if keras.backend.backend() == "jax":  # within an epoch, the model's variables are not those that are used
                self.model.jax_state_sync()
            self._set_steplength()

    def _set_steplength(self) -> None:
        share = self.schedule(step=self.run.step, images=self._images, progress=self.run.progress)
        self.model.optimizer.learning_rate = self.learning_rate * share

    @property
    def _images(self) -> int:
        """Patches seen, of which a run that was resumed may have had other numbers in a batch."""
        step, images = self.before
        return images + (self.run.step - step) * self.batch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.run.history.steps += 1
        self.run.history.minutes = self.earlier + (time.monotonic() - self.started) / 60
        if self.run.spent:
            self.model.stop_training = True
        self._stop_if_interrupted()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        run, loss = self.run, float((logs or {})["loss"])
        self._expect_finite("loss", loss)
        self.smoothed = smoothed(self.smoothed, loss, len(run.history.rows) + 1)
        row: dict[str, Any] = {
            "step": run.step,
            "images": self._images,
            "minutes": round(run.history.minutes, 4),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            "loss": loss,
            "loss_smoothed": self.smoothed,
            "validation_loss": None,
            "validation_psnr": None,
            "revived": None,
        }
        run.history.rows.append(row)
        if run.step % self.validate_every < self.round or run.spent:
            row["validation_loss"], row["validation_psnr"] = self._validate()
            self._expect_finite("validation loss", row["validation_loss"])
            # Towards the end the steps are too short to teach a feature that starts again.
            if run.progress < 0.75:
                row["revived"] = self._revive()
            if self._is_stale():
                run.ended = self.model.stop_training = True
            run.checkpoint(self.model)
            if run.spent or time.monotonic() - run.drawn > self.DRAWN:
                run.draw()
        psnr = "" if run.history.best_psnr is None else f", best validation {run.history.best_psnr:.2f} dB"
        self.bar.update(
            self.task, completed=run.progress, description=f"step {run.step}, loss {self.smoothed:.5f}{psnr}"
        )
        self._stop_if_interrupted()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Within it Ctrl-C ends the run behind the step or the validation that it is at: only there do weights,
        optimizer and count of steps belong together. A second one ends it at once, and the last checkpoint stays.
        """

        def hit(number: int, frame: Any) -> None:
            if self.interrupted:
                signal.default_int_handler(number, frame)
            self.interrupted = True

        # To other threads no signal comes, and who has a handler of his own keeps it.
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, hit)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.interrupted:  # since the last step
            raise KeyboardInterrupt

    def _stop_if_interrupted(self) -> None:
        if not self.interrupted:
            return
        # Of several workers, the others would have to save with it.
        if self.run.folder is not None and self.run.step != self.run.kept and not self.several_workers:
            if keras.backend.backend() == "jax":
                self.model.jax_state_sync()
            self.run.checkpoint(self.model)
            self.run.draw()
        raise KeyboardInterrupt

    def _expect_finite(self, what: str, value: float) -> None:
        run = self.run
        if not math.isfinite(value):
            run.draw()
            best = run.folder is not None and (run.folder / "best.weights.h5").is_file()
            kept = f"the last good weights are in {str(run.folder)!r}" if best else "nothing was kept"
            raise DivergenceError(
                f"the {what} became {value} at step {run.step}; {kept}; try a smaller learning rate (now "
                f"{self.learning_rate:g}) or a warm-up"
            )

    def _is_stale(self) -> bool:
        """Whether the last validations, as many as there is patience for, were no better than the best one."""
        since = [row for row in self.run.history.rows if row["validation_loss"] is not None]
        later = [row for row in since if int(row["step"] or 0) > (self.run.history.best_step or 0)]
        return self.patience is not None and len(later) >= self.patience

    def _revive(self) -> int | None:
        if self.revive is None:
            return None
        seed = (self.revive, self.run.step)
        return revive(self.model, self.validation[0], seed=seed, batch_size=self.replicas)

    def _validate(self) -> tuple[float, float]:
        """Measure the averaged weights, and keep them if they are the best; the model goes on with the raw ones."""
        model, raw = self.model, self.model.get_weights()
        inputs, clean = self.validation
        model.optimizer.finalize_variable_values(model.trainable_variables)
        # By way of numpy, as a copy: under JAX the model would share its memory with the optimizer's average, and
        # evaluation gives that memory away.
        model.set_weights(model.get_weights())
        measured = model.evaluate(inputs, clean, batch_size=self.replicas, verbose=0, return_dict=True)
        self.run.validated(model, measured["loss"], measured["psnr"])
        model.set_weights(raw)
        return measured["loss"], measured["psnr"]
