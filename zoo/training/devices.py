"""Several devices for one run: the GPUs of a machine, or several machines (workers) that train together.

A batch is divided among them and the gradients are averaged, so that a run does the same as on one device, sooner.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.errors import UsageError, WorkersError, one_line

# What TensorFlow says where another process is gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def all_devices() -> AbstractContextManager[Any]:
    """Where to build a model that is to use all there is, and to train it: ``with all_devices(): ...``

    With TensorFlow, a model is spread over the GPUs of the machine; if the variable TF_CONFIG names several workers, it
    is spread over those, each of which runs the same program (``tf.distribute.MultiWorkerMirroredStrategy``, which
    must be made before TensorFlow has computed anything). With JAX, by Keras' own distribution. Else nothing changes.

    Raises:
        UsageError: TF_CONFIG that is none.
    """
    if keras.backend.backend() == "jax" and len(keras.distribution.list_devices()) > 1:
        return keras.distribution.DataParallel().scope()
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    if several_workers():
        try:
            return tf.distribute.MultiWorkerMirroredStrategy().scope()
        except (ValueError, TypeError, tf.errors.OpError) as error:
            raise _wrong_cluster(one_line(error)) from error
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy().scope()
    return nullcontext()


def several_workers() -> bool:
    """Whether TF_CONFIG names more than this process. Raises UsageError: TF_CONFIG that is none."""
    text = os.environ.get("TF_CONFIG", "")
    try:
        cluster = json.loads(text).get("cluster", {}) if text else {}
        kinds = [cluster.get(kind, []) for kind in ("chief", "worker")]
    except (ValueError, AttributeError) as error:
        raise _wrong_cluster(one_line(error)) from error
    if not all(isinstance(kind, list) and all(isinstance(address, str) for address in kind) for kind in kinds):
        raise _wrong_cluster("workers are lists of addresses")
    return sum(map(len, kinds)) > 1


def _wrong_cluster(why: str) -> UsageError:
    form = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
    return UsageError(f"TF_CONFIG={os.environ['TF_CONFIG']!r} ({why[:200]}); expected {form!r}")


class Devices:
    """What a model trains on.

    Attributes:
        replicas: Devices among which each batch is divided.
        strategy: TensorFlow's, if there is one.
        several_workers: Whether other processes train along.
        is_chief: Whether this process is the one that writes.
    """

    def __init__(self, model: keras.Model) -> None:
        self.replicas, self.strategy = 1, None
        self.several_workers, self.is_chief = False, True
        if keras.backend.backend() == "jax":
            self.replicas = getattr(keras.distribution.distribution(), "num_model_replicas", 1)
        elif keras.backend.backend() == "tensorflow":
            strategy: Any = model.distribute_strategy
            self.replicas, self.strategy = strategy.num_replicas_in_sync, strategy
            self.several_workers = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
            if self.several_workers:
                resolver = strategy.cluster_resolver
                first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
                self.is_chief = (resolver.task_type, resolver.task_id) == (first, 0)

    def scope(self) -> AbstractContextManager[Any]:
        """TensorFlow wants the optimizer's state made where the model's was; other backends have no such place."""
        return nullcontext() if self.strategy is None else self.strategy.scope()

    @contextmanager
    def training(self, model: keras.Model, first: tuple[Any, Any]) -> Iterator[None]:
        """Around Keras' own ``fit``, whose first batch is ``first``."""
        if not self.several_workers:
            yield
            return
        try:
            with _several_workers(model, first):
                yield
        except LOST as error:
            raise WorkersError(
                f"the workers lost each other ({one_line(error)[:200]}); start all of them again, to resume"
            ) from error


@contextmanager
def _several_workers(model: keras.Model, first: tuple[Any, Any]) -> Iterator[None]:
    """Let Keras' ``fit`` begin under several workers, where it fails at two places (Keras' issue 20585, still open).

    It averages a first batch over the replicas only to see its shapes: given here instead. And it averages the measures
    of a step along an axis that numbers do not have.
    """
    unsafe: Any = model
    with unsafe.distribute_strategy.scope():
        unsafe._symbolic_build(data_batch=keras.tree.map_structure(np.asarray, first))
    mended = {"train_step": _of_one_axis(unsafe.train_step), "test_step": _of_one_axis(unsafe.test_step)}
    for name, method in {**mended, "_maybe_symbolic_build": lambda **_: None}.items():
        setattr(unsafe, name, method)
    try:
        yield
    finally:
        for name in (*mended, "_maybe_symbolic_build"):
            delattr(unsafe, name)  # the class has its own


def _of_one_axis(step: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    return lambda data: {name: tf.reshape(value, (1,)) for name, value in step(data).items()}
