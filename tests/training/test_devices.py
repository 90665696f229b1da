"""Several devices, or several processes, do what one does."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo.errors import UsageError
from zoo.training.devices import Devices
from zoo.training.guide import Guide

# What every program below trains, and says of it: losses, and the weights' sum of squares at the end.
RUN = """
    import contextlib, json, sys
    import keras, numpy as np, zoo
    from skimage import data
    from zoo.training.devices import Devices
    from zoo.training.guide import Guide
    Guide.ROUND = 5

    def run(scope, **options):
        with scope:
            keras.utils.set_random_seed(0)
            model = zoo.build("resnet", widths=(4, 4), encoder_depths=(1, 1), decoder_depths=(1,))
            history = zoo.fit(model, [data.camera()], [data.coins(), data.moon()], noise="gaussian:25", batch=4,
                              patch=32, progress=False, validation_side=64, validate_every=10, ema=0.5,
                              schedule="constant", **({"steps": 20} | options))
        losses = [row["loss"] for row in history.rows]
        return losses, history.best_psnr, float(sum(np.square(w).sum() for w in model.get_weights()))
"""


def alike(one: Any, several: Any) -> None:
    """The same losses, validation and weights, but for rounding."""
    assert len(one[0]) == 4 and len(set(one[0])) == 4
    np.testing.assert_allclose(several[0], one[0], rtol=1e-3)
    assert abs(one[1] - several[1]) < 0.01
    assert several[2] == pytest.approx(one[2], rel=1e-4)


def program(text: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(RUN) + textwrap.dedent(text), *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, **environment}, **pipes)


def said(process: subprocess.Popen[str]) -> Any:
    """What a program printed last."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def alone() -> Any:
    """What one device comes to, with TensorFlow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Guide, "ROUND", Guide.ROUND)  # which the program changes
        names: dict[str, Any] = {}
        exec(textwrap.dedent(RUN), names)
        return names["run"](contextlib.nullcontext())


def test_two_devices_with_tensorflow(alone: Any) -> None:
    two = """
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert two.num_replicas_in_sync == 2
        print(json.dumps(run(two.scope())))
    """
    alike(alone, said(program(two)))


def test_two_devices_with_jax() -> None:
    pytest.importorskip("jax")
    two = """
        assert len(keras.distribution.list_devices()) == 2
        with zoo.all_devices():
            assert keras.distribution.distribution().num_model_replicas == 2
        print(json.dumps([run(contextlib.nullcontext()), run(zoo.all_devices())]))
    """
    alike(*said(program(two, KERAS_BACKEND="jax", XLA_FLAGS="--xla_force_host_platform_device_count=2")))


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_two_processes(alone: Any, tmp_path: Path) -> None:
    """Stopped half way and resumed, too; only the first process writes; a budget of minutes is refused."""
    text = """
        out = sys.argv[1]
        with zoo.all_devices():
            try:
                run(contextlib.nullcontext(), steps=None, minutes=1)
            except zoo.ZooError as error:
                assert "expected steps" in str(error)
            else:
                raise AssertionError("a budget of minutes was taken")
            first = run(contextlib.nullcontext(), out=out, steps=10)
            second = run(contextlib.nullcontext(), out=out, resume=True)
            writes = Devices(zoo.build("shallow", widths=(2, 2))).is_chief
        assert second[0][:2] == first[0]
        print(json.dumps([second, writes]))
    """
    ports = free_ports(2)
    addresses = [f"localhost:{port}" for port in ports]
    tasks = [{"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}} for i in range(2)]
    folder = str(tmp_path / "run")
    workers = [program(text, folder, TF_CONFIG=json.dumps(task)) for task in tasks]
    try:
        (first, writes), (second, too) = map(said, workers)
    finally:
        for worker in workers:
            worker.kill()
    assert first == second and (writes, too) == (True, False)
    alike(alone, first)
    assert (tmp_path / "run" / "best.weights.h5").is_file()


@pytest.mark.parametrize(
    ("jobs", "task", "writes"),
    [
        (["worker"], ("worker", 0), True),
        (["worker"], ("worker", 1), False),
        (["chief", "worker"], ("chief", 0), True),
        (["chief", "worker"], ("worker", 0), False),
    ],
)
def test_one_process_writes(
    monkeypatch: pytest.MonkeyPatch, jobs: list[str], task: tuple[str, int], writes: bool
) -> None:
    class Strategy:
        num_replicas_in_sync = 2
        spec = tf.train.ClusterSpec({job: ["localhost:1", "localhost:2"] for job in jobs})
        cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, "", *task)

    class Model:
        distribute_strategy = Strategy()

    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", Strategy)
    assert Devices(Model()).is_chief is writes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "worker",
        "[1]",
        '{"cluster": {"worker": 3}}',
        '{"cluster": {"worker": "host:1"}}',
        '{"cluster": {"worker": ["localhost:1", "localhost:2"]}}',
        '{"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": 3}',
        '{"cluster": {"worker": ["localhost:1", "localhost:2"]}, "task": {"type": "worker", "index": 7}}',
    ],
)
def test_a_cluster_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG"):
        zoo.all_devices()
