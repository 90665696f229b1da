"""Several devices, or several processes, do what one does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.errors import UsageError

# What every program below trains, and says of it: losses, and the weights' sum of squares at the end.
RUN = """
    import contextlib, json, sys
    import keras, numpy as np, zoo
    from skimage import data
    from zoo.training import fit, guide
    guide.ROUND = fit.ROUND = 5

    def run(scope, **options):
        with scope:
            keras.utils.set_random_seed(0)
            model = zoo.build("resnet", widths=(4, 4), encoder_depths=(1, 1), decoder_depths=(1,))
            history = zoo.fit(model, [data.camera()], [data.coins(), data.moon()], noise="gaussian:25", batch=4,
                              patch=32, progress=False, validation_side=64, validate_every=10, ema=0.5,
                              **({"steps": 20} | options))
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


ONE = "print(json.dumps(run(contextlib.nullcontext())))"


@pytest.fixture(scope="module")
def one() -> Any:
    """A run on one device."""
    return said(program(ONE))


def test_two_devices_with_tensorflow(one: Any) -> None:
    two = """
        import tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert two.num_replicas_in_sync == 2
        print(json.dumps(run(two.scope())))
    """
    alike(one, said(program(two)))


def test_two_devices_with_jax() -> None:
    pytest.importorskip("jax")
    two = """
        assert len(keras.distribution.list_devices()) == 2
        with zoo.all_devices():
            assert keras.distribution.distribution().num_model_replicas == 2
        print(json.dumps(run(zoo.all_devices())))
    """
    environment = {"KERAS_BACKEND": "jax"}
    alike(
        said(program(ONE, **environment)),
        said(program(two, **environment, XLA_FLAGS="--xla_force_host_platform_device_count=2")),
    )


def cluster(index: int, ports: list[int]) -> str:
    workers = [f"localhost:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_two_processes(one: Any, tmp_path: Any) -> None:
    """Stopped half way and resumed, too; only the first process writes."""
    text = """
        scope, out = zoo.all_devices(), sys.argv[1]
        first = run(scope, out=out, steps=10) if sys.argv[2] == "begin" else None
        print(json.dumps(first or run(scope, out=out, resume=True)))
    """
    whole = "print(json.dumps(run(zoo.all_devices())))"
    for arguments in ((whole,), (text, str(tmp_path / "run"), "begin"), (text, str(tmp_path / "run"), "go on")):
        ports = free_ports(2)
        workers = [program(*arguments, TF_CONFIG=cluster(i, ports)) for i in range(2)]
        found = [said(worker) for worker in workers]
        assert found[0] == found[1]
        if arguments[-1] != "begin":
            alike(one, found[0]) if arguments == (whole,) else None
    assert len(found[0][0]) == 4 and (tmp_path / "run" / "best.weights.h5").is_file()


def test_two_processes_need_steps() -> None:
    text = """
        try:
            run(zoo.all_devices(), steps=None, minutes=1)
        except zoo.ZooError as error:
            print(json.dumps(str(error)))
    """
    ports = free_ports(2)
    workers = [program(text, TF_CONFIG=cluster(i, ports)) for i in range(2)]
    assert ["expected steps" in said(worker) for worker in workers] == [True, True]


@pytest.mark.parametrize("text", ["worker", "[1]", '{"cluster": {"worker": 3}}'])
def test_a_cluster_that_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG"):
        zoo.all_devices()
