"""A run: stopped, killed, and gone on with as if it had never stopped, or ended for good."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

import zoo
from zoo.errors import InputError, UsageError
from zoo.training.curves import read_csv
from zoo.training.guide import Guide
from zoo.training.losses import L1L2
from zoo.training.run import Run

CONFIG = {"widths": (8, 12), "encoder_depths": (1, 1), "decoder_depths": (1,)}
PHOTOGRAPHS = [photographs.camera()[:256, :256], photographs.camera()[256:, 256:], photographs.coins()]
QUICK = {"noise": "gaussian:25", "batch": 4, "patch": 32, "progress": False, "ema": 0.9, "validation_side": 96}


def tiny(seed: int = 0, **config) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return zoo.build("resnet", **CONFIG, **config)


def weights(model: keras.Model) -> np.ndarray:
    return np.concatenate([w.ravel() for w in model.get_weights()])


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> Path:
    """The folder of a run of 10 steps, for all that come after: to read only."""
    folder = tmp_path_factory.mktemp("runs") / "ended"
    zoo.fit(tiny(), PHOTOGRAPHS, steps=10, validate_every=10, out=folder, **QUICK)
    return folder


@pytest.fixture
def run(ended, tmp_path) -> Path:
    """A copy of it."""
    return shutil.copytree(ended, tmp_path / "run")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize(("hit", "where"), [(7, "on_train_batch_end"), (12, "on_train_batch_end"), (10, "_validate")])
def test_an_interrupted_run_goes_on_from_that_very_step(hit, where, short_rounds, tmp_path, monkeypatch):
    """Also where Ctrl-C comes behind a step that is not yet counted, or while the averaged weights are measured."""
    options = {**QUICK, "learning_rate": 3e-3, "validate_every": 10, "schedule": "cosine"}
    whole = tiny()
    zoo.fit(whole, PHOTOGRAPHS, steps=20, out=tmp_path / "whole", **options)
    model = tiny()
    act, evaluate = getattr(Guide, where), model.evaluate

    def interrupted(self, *arguments, **named):
        if where == "on_train_batch_end" and self.run.step == hit - 1:
            signal.raise_signal(signal.SIGINT)
        return act(self, *arguments, **named)

    def measured(*arguments, **named):
        if where == "_validate":
            signal.raise_signal(signal.SIGINT)
        return evaluate(*arguments, **named)

    monkeypatch.setattr(Guide, where, interrupted)
    model.evaluate = measured
    with pytest.raises(KeyboardInterrupt):
        zoo.fit(model, PHOTOGRAPHS, steps=20, out=tmp_path / "cut", **options)
    assert json.loads((tmp_path / "cut" / "run.json").read_text())["step"] == hit
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.setattr(Guide, where, act)
    resumed = tiny(1)
    assert zoo.fit(resumed, PHOTOGRAPHS, steps=20, out=tmp_path / "cut", resume=True, **options).steps == 20
    np.testing.assert_allclose(weights(resumed), weights(whole), atol=1e-6)


def test_a_second_interrupt_ends_a_run_at_once(short_rounds, tmp_path, monkeypatch):
    """In the midst of a step: what was kept last stays."""
    step = Guide.on_train_batch_end

    def interrupted(self, batch, logs=None):
        if self.run.step == 12:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        step(self, batch, logs)

    monkeypatch.setattr(Guide, "on_train_batch_end", interrupted)
    with pytest.raises(KeyboardInterrupt):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=20, out=tmp_path / "cut", validate_every=10, **QUICK)
    assert json.loads((tmp_path / "cut" / "run.json").read_text())["step"] == 10


@pytest.mark.parametrize("at", ["its own handler", "another thread"])
def test_signals_are_left_to_whom_they_belong(at, short_rounds):
    """A handler of somebody's own stays while it trains; a thread may train, which can have none."""
    before = signal.getsignal(signal.SIGINT)
    try:
        if at == "its own handler":
            own = signal.signal(signal.SIGINT, lambda *_: None) and signal.getsignal(signal.SIGINT)
            zoo.fit(tiny(), PHOTOGRAPHS, steps=2, **QUICK)
            assert signal.getsignal(signal.SIGINT) is own
        else:
            with ThreadPoolExecutor() as pool:
                assert pool.submit(zoo.fit, tiny(), PHOTOGRAPHS, steps=2, **QUICK).result().steps == 2
    finally:
        signal.signal(signal.SIGINT, before)


SCRIPT = """
    import sys, keras, zoo
    from skimage import data
    from zoo.training.guide import Guide
    Guide.ROUND = 10
    keras.utils.set_random_seed(0)
    model = zoo.build("resnet", widths=(8, 12), encoder_depths=(1, 1), decoder_depths=(1,))
    zoo.fit(model, [data.camera()], [data.coins()], noise="gaussian:0-55", steps=120, batch=4, patch=32,
            out=sys.argv[1], resume=len(sys.argv) > 2, validate_every=20, progress=False, schedule="cosine")
"""


def test_a_killed_run_continues_as_if_never_stopped(tmp_path, monkeypatch):
    program, found = textwrap.dedent(SCRIPT), []
    state = tmp_path / "killed" / "run.json"
    with subprocess.Popen([sys.executable, "-c", program, state.parent], stderr=subprocess.DEVNULL) as process:
        while not state.is_file() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert 0 < json.loads(state.read_text())["step"] < 120
    monkeypatch.setattr(Guide, "ROUND", Guide.ROUND)  # which the program changes
    for arguments in ([state.parent, "resume"], [tmp_path / "whole"]):
        monkeypatch.setattr(sys, "argv", ["", *map(str, arguments)])
        names: dict = {}
        exec(program, names)
        found.append(weights(names["model"]))
    np.testing.assert_allclose(*found, atol=1e-5)
    whole, killed = (read_csv(tmp_path / name / "curve.csv") for name in ("whole", "killed"))
    assert [r["step"] for r in whole] == [r["step"] for r in killed]
    np.testing.assert_allclose([r["loss"] for r in whole], [r["loss"] for r in killed], rtol=1e-3)


def test_a_finished_run_resumes_to_nothing(run):
    before, best, again = contents(run), tiny(), tiny(seed=1)
    best.load_weights(run / "best.weights.h5")
    assert zoo.fit(again, PHOTOGRAPHS, steps=10, out=run, resume=True, **QUICK).steps == 10
    np.testing.assert_array_equal(weights(again), weights(best))
    assert contents(run) == before


def test_a_run_is_not_overwritten_and_nothing_is_not_resumed(run, tmp_path):
    before = contents(run)
    with pytest.raises(UsageError, match="holds a run already"):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=10, out=run, **QUICK)
    with pytest.raises(InputError, match="no run to resume"):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=10, out=tmp_path / "other", resume=True, **QUICK)
    assert contents(run) == before and not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"noise": "gaussian:50"}, "noise='gaussian:50' .* which has 'gaussian:25'"),
        ({"optimizer": "sgd"}, "optimizer='sgd' .* which has 'adam'"),
        ({"patch": 16}, "patch=16 .* which has 32"),
        ({"loss": "l2"}, "loss='l2' .* which has 'l1l2'"),
        ({"ema": 0}, "ema=False .* which has True"),
        ({"range_penalty": 1.0}, "range_penalty=1.0 .* which has 0.0"),
    ],
)
def test_another_run_is_not_resumed(run, other, message):
    before = contents(run)
    with pytest.raises(UsageError, match=message):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=20, out=run, resume=True, **{**QUICK, **other})
    assert contents(run) == before


class Constant(keras.layers.Layer):
    """A noise of one's own."""

    def __init__(self, by, **options):
        super().__init__(**options)
        self.by = by

    def call(self, clean):
        return clean + self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({"loss": L1L2(1, 0.1)}, {"loss": L1L2(0, 1)}),
        ({"loss": keras.losses.mean_absolute_error}, {"loss": keras.losses.mean_squared_error}),
        ({"noise": Constant(0.05)}, {"noise": Constant(0.3)}),
    ],
)
def test_what_is_of_ones_own_must_be_the_same_too(first, other, tmp_path, monkeypatch):
    """By what it is set to, whatever its instances are called."""
    monkeypatch.setattr(Run, "make_folder", lambda run: pytest.fail("it was begun"))
    facts = []
    monkeypatch.setattr(Run, "begin", lambda run, model: (facts.append(run.facts), setattr(run, "ended", True)))
    for options in (first, first, other):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=2, **QUICK | options)
    assert facts[0] == facts[1] and facts[0] != facts[2]


@pytest.mark.parametrize("another", [lambda: zoo.build("shallow"), lambda: tiny(activation="leaky_relu")])
def test_the_run_of_another_network_is_not_resumed(run, another):
    """Not even of one whose weights are as many."""
    before = contents(run)
    with pytest.raises(UsageError, match="another network"):
        zoo.fit(another(), PHOTOGRAPHS, steps=20, out=run, resume=True, **QUICK)
    assert contents(run) == before


def test_a_run_is_not_resumed_on_other_images(run):
    before, other = contents(run), [np.flipud(photograph) for photograph in PHOTOGRAPHS]
    for images, checks, message in [(other, None, "learned from other"), (PHOTOGRAPHS, other, "validated on other")]:
        with pytest.raises(UsageError, match=f"the run in .* {message} images; expected the same"):
            zoo.fit(tiny(), images, checks, steps=20, out=run, resume=True, **QUICK)
    assert contents(run) == before


def test_a_run_is_not_resumed_where_images_are_kept_elsewhere(short_rounds, tmp_path, monkeypatch):
    """From files, many patches are cut each time that one is decoded: the batches are others."""
    for i, picture in enumerate(PHOTOGRAPHS):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
    options = {**QUICK, "steps": 10, "out": tmp_path / "run"}
    zoo.fit(tiny(), tmp_path, **options)
    monkeypatch.setattr("zoo.training.sources.CACHE_BYTES", 0)
    with pytest.raises(UsageError, match="from images in memory, which gives others; expected DENOISE_ZOO_CACHE_BYTES"):
        zoo.fit(tiny(), tmp_path, resume=True, **options)


def test_batches_of_another_size_are_counted_as_they_were(short_rounds, tmp_path):
    zoo.fit(tiny(), PHOTOGRAPHS, steps=20, validate_every=10, out=tmp_path / "run", **QUICK)
    more = {**QUICK, "batch": 8, "steps": 40, "validate_every": 10}
    history = zoo.fit(tiny(), PHOTOGRAPHS, out=tmp_path / "run", resume=True, **more)
    assert [row["images"] for row in history.rows] == [40, 80, 160, 240]


class Own(keras.layers.Layer):
    """Of somebody's own, and not to be written down."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


def test_a_network_of_ones_own_is_resumed_however_its_layers_are_called(short_rounds, tmp_path):
    def own() -> keras.Model:
        image = keras.Input((None, None, 1))
        inner = keras.Sequential([keras.layers.Conv2D(8, 3, padding="same"), keras.layers.ReLU()])
        x = Own(lambda x: 2 * x)(inner(image))
        return keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(x))

    zoo.fit(own(), PHOTOGRAPHS, steps=10, out=tmp_path, validate_every=10, **QUICK)
    again = zoo.fit(own(), PHOTOGRAPHS, steps=2e1, out=tmp_path, resume=True, validate_every=10, **QUICK)
    assert again.steps == 20


def test_a_full_disk_is_told_and_the_last_checkpoint_stays(short_rounds, run, monkeypatch):
    before = contents(run)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=100_000))
    with pytest.raises(InputError, match="full: 0.1 MB, expected"):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=20, out=run, resume=True, validate_every=10, **QUICK)
    assert contents(run) == before


def test_what_dropout_draws_goes_on_where_it_was(short_rounds, tmp_path):
    def run(out, steps, **options):
        keras.utils.set_random_seed(0)
        model = zoo.build("shallow", widths=(8, 12), dropout=0.3)
        zoo.fit(model, PHOTOGRAPHS, steps=steps, out=tmp_path / out, schedule="constant", **options, **QUICK)
        return weights(model)

    whole = run("whole", 40, validate_every=20)
    run("parts", 20, validate_every=20)
    np.testing.assert_array_equal(run("parts", 40, validate_every=20, resume=True), whole)


def test_an_interrupted_run_gives_the_terminal_back(short_rounds, monkeypatch):
    class Stopped(Guide):
        def on_epoch_end(self, epoch, logs=None):
            bars.append(self.bar)
            raise KeyboardInterrupt

    bars = []
    monkeypatch.setattr("zoo.training.fit.Guide", Stopped)
    with pytest.raises(KeyboardInterrupt):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=20, **{**QUICK, "progress": True})
    assert len(bars) == 1 and not bars[0].live.is_started


def test_patience_ends_a_run_for_good(short_rounds, tmp_path):
    options = {**QUICK, "steps": 1000, "learning_rate": 1e-12, "validate_every": 10, "patience": 3, "ema": 0.0}
    model = tiny()
    head = model.get_layer("head")
    head.set_weights([np.full_like(head.get_weights()[0], 1e-3), head.get_weights()[1]])
    history = zoo.fit(model, PHOTOGRAPHS, out=tmp_path / "run", **options)
    assert history.steps == 40 and history.best_step == 10
    again = zoo.fit(tiny(1), PHOTOGRAPHS, out=tmp_path / "run", resume=True, **options)
    assert again.steps == 40
