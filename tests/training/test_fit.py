"""Training: it learns, it refuses to cheat, and it says when it diverges."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

import zoo
from zoo.errors import DivergenceError, InputError, UsageError, ZooWarning
from zoo.noise import Mixture, Sometimes
from zoo.training import guide
from zoo.training.augment import Augment
from zoo.training.corrupt import as_noise
from zoo.training.curves import read_csv
from zoo.training.data import batches, hold_out
from zoo.training.guide import Guide
from zoo.training.sources import open_images

CONFIG = {"widths": (8, 12), "encoder_depths": (1, 1), "decoder_depths": (1,)}
PHOTOGRAPHS = [photographs.camera()[:256, :256], photographs.camera()[256:, 256:], photographs.coins()]
QUICK = {"noise": "gaussian:25", "batch": 4, "patch": 32, "progress": False, "ema": 0.9, "validation_side": 96}


def tiny(seed: int = 0, **config) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return zoo.build("resnet", **CONFIG, **config)


def weights(model: keras.Model) -> np.ndarray:
    return np.concatenate([w.ravel() for w in model.get_weights()])


def test_it_learns_to_denoise_and_draws_its_curves(short_rounds, tmp_path):
    model = tiny()
    history = zoo.fit(
        model, PHOTOGRAPHS, steps=250, validate_every=50, out=tmp_path / "run", learning_rate=3e-3, **QUICK
    )
    assert history.steps == 250 and len(history.rows) == 25
    rows = read_csv(tmp_path / "run" / "curve.csv")
    assert [row["step"] for row in rows] == list(range(10, 260, 10))
    scores = [row["validation_psnr"] for row in rows if row["validation_psnr"] is not None]
    assert len(scores) == 5 and max(scores) == pytest.approx(history.best_psnr, abs=0.2)
    # 20.17 dB is the noisy input; the last losses lie well below the first.
    assert history.best_psnr > 23.5
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(f.name for f in (tmp_path / "run").iterdir()) == [
        "best.weights.h5", "curve.csv", "curve.png", "last-250.weights.h5", "run.json",
    ]  # fmt: skip
    again = tiny()
    again.load_weights(tmp_path / "run" / "best.weights.h5")
    np.testing.assert_array_equal(weights(again), weights(model))


def test_a_short_run_is_validated_too_and_beside_it_stands_what_doing_nothing_scores(tmp_path):
    history = zoo.fit(tiny(), PHOTOGRAPHS, steps=10, out=tmp_path, learning_rate=1e-9, **QUICK)
    assert [row["step"] for row in history.rows] == [2, 4, 6, 8, 10]
    assert all(row["validation_psnr"] is not None for row in history.rows)
    # The untrained network is the identity.
    assert history.noisy_psnr == pytest.approx(history.best_psnr, abs=0.01) and 20 < history.noisy_psnr < 21
    assert json.loads((tmp_path / "run.json").read_text())["noisy_psnr"] == history.noisy_psnr
    again = zoo.fit(tiny(), PHOTOGRAPHS, steps=12, out=tmp_path, resume=True, learning_rate=1e-9, **QUICK)
    assert again.noisy_psnr == history.noisy_psnr and again.steps == 12


def test_batches_of_many_sizes_are_learned_from(short_rounds, tmp_path):
    """And by a model that takes the noise level."""
    model = tiny(takes_sigma=True)
    options = {**QUICK, "noise": "gaussian:10-40", "augment": zoo.Augment(trim=3), "out": tmp_path}
    history = zoo.fit(model, PHOTOGRAPHS, steps=100, validate_every=50, learning_rate=3e-3, **options)
    losses = [row["loss"] for row in history.rows]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:2])


def test_the_average_of_the_weights_is_what_is_kept(short_rounds, tmp_path):
    model = tiny()
    zoo.fit(model, PHOTOGRAPHS, steps=20, validate_every=20, out=tmp_path, schedule="constant", **QUICK)
    raw = tiny()
    raw.compile(keras.optimizers.Adam(use_ema=True))
    raw.optimizer.build(raw.trainable_variables)
    raw.load_weights(tmp_path / "last-20.weights.h5")
    assert np.abs(weights(raw) - weights(model)).max() > 1e-4
    raw.optimizer.finalize_variable_values(raw.trainable_variables)
    np.testing.assert_allclose(weights(raw), weights(model), atol=1e-7)


def test_a_budget_of_time_is_kept_and_the_schedule_follows_the_clock(short_rounds, monkeypatch):
    seconds = itertools.count()  # a step takes one
    monkeypatch.setattr(guide, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    history = zoo.fit(tiny(), PHOTOGRAPHS, minutes=0.5, **QUICK)
    assert (history.steps, history.minutes) == (30, 0.5)
    rates = [row["learning_rate"] for row in history.rows]
    assert np.divide(rates, rates[0]) == pytest.approx([0.01 + 0.99 * x for x in (1, 0.75, 0.25)], rel=1e-5)


SCHEDULED = """
    import sys, keras, zoo
    from skimage import data
    from zoo.training.guide import Guide

    class Listening(Guide):
        def on_train_batch_begin(self, batch, logs=None):
            super().on_train_batch_begin(batch, logs)
            print(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))

    zoo.fit.__globals__["Guide"] = Listening
    model = zoo.build("resnet", widths=(4, 4), encoder_depths=(1, 1), decoder_depths=(1,))
    options = {"noise": "gaussian:25", "batch": 2, "patch": 32, "progress": False, "validation_side": 32}
    zoo.fit(model, [data.camera()], [data.coins()], steps=40, schedule=zoo.Schedule("cosine", warmup=5), **options)
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_each_step_of_the_warm_up_has_its_steplength_and_later_every_tenth(backend, capsys, monkeypatch):
    pytest.importorskip(backend)
    program = textwrap.dedent(SCHEDULED)
    if backend == keras.backend.backend():
        monkeypatch.setitem(zoo.fit.__globals__, "Guide", Guide)  # which the program changes
        exec(program, {})
        out = capsys.readouterr().out
    else:
        environment = {**os.environ, "KERAS_BACKEND": backend}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        out = done.stdout
    schedule = zoo.Schedule("cosine", warmup=5)
    looks = [step if step < 5 else max(4, step // 10 * 10) for step in range(40)]
    wanted = [1e-3 * schedule(step=step, images=2 * step, progress=step / 40) for step in looks]
    assert [float(line) for line in out.split()] == pytest.approx(wanted, rel=1e-5)


def test_divergence_stops_and_keeps_the_last_good_weights(short_rounds, tmp_path):
    model = tiny()
    zoo.fit(model, PHOTOGRAPHS, steps=20, validate_every=10, out=tmp_path, schedule="constant", **QUICK)
    good = weights(model)
    with pytest.raises(DivergenceError, match=r"last good weights.*smaller learning rate"):
        zoo.fit(
            model, PHOTOGRAPHS, steps=2000, validate_every=10, out=tmp_path, resume=True, schedule="constant",
            **{**QUICK, "optimizer": "adam", "learning_rate": 1e18},
        )  # fmt: skip
    kept = tiny()
    kept.load_weights(tmp_path / "best.weights.h5")
    assert np.isfinite(weights(kept)).all()
    np.testing.assert_array_equal(weights(kept), good)


def test_divergence_is_seen_by_the_validation_too(short_rounds, tmp_path):
    """The loss of the only step was measured before that."""
    with pytest.raises(DivergenceError, match="validation loss became (nan|inf) at step 1; nothing was kept"):
        zoo.fit(
            tiny(), PHOTOGRAPHS, steps=1, out=tmp_path, schedule="constant",
            **{**QUICK, "ema": 0, "optimizer": "sgd", "learning_rate": 1e30},
        )  # fmt: skip


def test_noise_for_images_that_bring_theirs_is_refused_before_it_is_drawn():
    with pytest.raises(UsageError, match="noise 'jpeg:50' for noisy images, which bring their own"):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=1, self_supervised=True, **{**QUICK, "noise": "jpeg:50"})
    other = [255 - photograph for photograph in PHOTOGRAPHS]
    with pytest.raises(UsageError, match="noise 'jpeg:50' for pairs of images, which bring their own"):
        zoo.fit(tiny(), (other, PHOTOGRAPHS), steps=1, **{**QUICK, "noise": "jpeg:50"})
    with pytest.raises(UsageError, match="self_supervised=True with pairs of images"):
        zoo.fit(tiny(), (other, PHOTOGRAPHS), steps=1, self_supervised=True, **{**QUICK, "noise": None})


def test_a_damaged_file_of_a_set_larger_than_the_memory_is_told(short_rounds, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.training.sources.CACHE_BYTES", 0)
    for i in range(3):
        Image.fromarray(PHOTOGRAPHS[0]).save(tmp_path / f"{i}.jpg")
    content = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cannot decode '.*1\.jpg'"):
        zoo.fit(tiny(), tmp_path, PHOTOGRAPHS, steps=20, **QUICK)


@pytest.mark.parametrize("noise", ["gaussian:0", "saltpepper:0"])
def test_input_that_equals_its_target_is_refused(noise, tmp_path):
    with pytest.raises(UsageError, match="learn to copy"):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=10, out=tmp_path / "run", **{**QUICK, "noise": noise})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"steps": None}, {"minutes": 1}, {"steps": 0}, {"loss": "l3"}, {"optimizer": "lion"}, {"schedule": "exponential"},
     {"learning_rate": 0}, {"ema": 1}, {"noise": None}, {"noise": "gaussian"}],
)  # fmt: skip
def test_wrong_arguments_are_refused_in_one_line(wrong):
    with pytest.raises(UsageError, match=r"^[^\n]*expected[^\n]*$"):
        zoo.fit(tiny(), PHOTOGRAPHS, **{**QUICK, "steps": 10, **wrong})


@pytest.mark.parametrize("budget", [{"steps": np.int64(2)}, {"steps": 2.0}, {"minutes": np.float32(1e-9)}])
def test_numbers_of_numpy_are_numbers(budget, tmp_path):
    """In what is written down, too."""
    history = zoo.fit(tiny(), PHOTOGRAPHS, out=tmp_path, **budget, learning_rate=np.float32(1e-3), **QUICK)
    assert history.steps == (2 if "steps" in budget else 1)
    assert json.loads((tmp_path / "run.json").read_text())["step"] == history.steps


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 0}, "batch=0; expected a whole number"),
        ({"patch": 2.5}, "patch=2.5; expected a whole number"),
        ({"validation_images": 0}, "validation_images=0"),
        ({"validate_every": True}, "validate_every=True"),
        ({"seed": -1}, "seed=-1; expected a whole number from 0 on"),
        ({"seed": "a"}, "seed='a'"),
        ({"patience": "x"}, "patience='x'; expected a whole number from 1 on"),
        ({"augment": True}, "augment=True; expected zoo.Augment"),
        ({"noise": 25}, "noise=25; expected a name, such as 'gaussian:25'"),
        ({"learning_rate": "0.1"}, "learning_rate='0.1'; expected a number"),
        ({"clip_norm": "1"}, "clip_norm='1'; expected a number"),
        ({"ema": None}, "ema=None; expected a number"),
        ({"range_penalty": "x"}, "range_penalty='x'; expected a number"),
        ({"range_penalty": float("nan")}, "range_penalty=nan; expected a number"),
        ({"steps": None, "minutes": float("nan")}, "steps=None, minutes=nan; expected exactly one budget"),
        ({"steps": None, "minutes": "1"}, "steps=None, minutes='1'; expected exactly one budget"),
        ({"steps": float("inf")}, "steps=inf, minutes=None; expected exactly one budget"),
        ({"loss": 5}, "loss=5; expected one of l1, l2"),
    ],
)
def test_values_of_another_kind_are_told_by_their_names(wrong, message):
    with pytest.raises(UsageError, match=message):
        zoo.fit(tiny(), PHOTOGRAPHS, **{**QUICK, "steps": 1, **wrong})


@pytest.mark.parametrize("model", ["resnet-gaussian-gray", keras.Sequential([keras.layers.Conv2D(1, 3)])])
def test_what_is_no_model_yet_is_told(model):
    with pytest.raises(UsageError, match=f"a {type(model).__name__} to train; expected a built Keras model"):
        zoo.fit(model, PHOTOGRAPHS, steps=1, **QUICK)


def test_images_of_no_kind_are_told():
    with pytest.raises(UsageError, match="images=5; expected a folder"):
        zoo.fit(tiny(), 5, steps=1, **QUICK)


def test_rare_noise_may_leave_a_batch_alone(short_rounds):
    """By chance, as at the first step of these seeds: nobody learns to copy from that."""
    images = open_images(PHOTOGRAPHS, 1)
    options = {**QUICK, "noise": "gaussian:25?", "batch": 1, "patch": 16}
    for seed in (2, 5):
        data = batches(images, as_noise(options["noise"]), batch=1, patch=16, seed=seed, numbers=hold_out(images)[0])
        noisy, clean = next(iter(data))
        np.testing.assert_array_equal(noisy, clean)
        assert zoo.fit(tiny(), PHOTOGRAPHS, steps=2, seed=seed, **options).steps == 2


def test_a_model_that_takes_the_level_is_told_it(short_rounds):
    for noise in ("gaussian:0-55", "gaussian:0-55+bits:8?"):
        history = zoo.fit(tiny(takes_sigma=True), PHOTOGRAPHS, steps=10, validate_every=10, **{**QUICK, "noise": noise})
        assert history.steps == 10
    for noise in ("poisson:10", "gaussian:0-55+jpeg:80"):
        with pytest.raises(UsageError, match="expected such as gaussian:0-55 or"):
            zoo.fit(tiny(takes_sigma=True), PHOTOGRAPHS, steps=10, **{**QUICK, "noise": noise})


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw", "muon"])
@pytest.mark.parametrize("weight_decay", [0.01, pytest.param(0.0, marks=pytest.mark.slow)])
def test_every_optimizer_trains(optimizer, weight_decay, short_rounds):
    model = tiny()
    before = weights(model)
    options = {**QUICK, "optimizer": optimizer, "weight_decay": weight_decay}
    zoo.fit(model, PHOTOGRAPHS, steps=10, validate_every=10, **options)
    after = weights(model)
    assert np.isfinite(after).all() and (after != before).any()


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float64"])
def test_a_model_of_ones_own_in_another_precision(dtype):
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", dtype=dtype)(image)
    model = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same", dtype=dtype)(x))
    assert np.isfinite(zoo.fit(model, PHOTOGRAPHS, steps=5, **QUICK).best_psnr)


def test_mixed_precision_keeps_the_image_exact(short_rounds):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny()
    finally:
        keras.config.set_dtype_policy("float32")
    image = np.random.default_rng(0).random((1, 32, 32, 1)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(model(image)), image)  # the untrained model is the identity, exactly
    history = zoo.fit(model, PHOTOGRAPHS, steps=20, validate_every=20, **QUICK)
    assert np.isfinite(history.rows[-1]["loss"])
    assert all(w.dtype == np.float32 for w in model.get_weights())


BACKEND = """
    import json, signal, sys, keras, zoo
    from skimage import data
    from zoo.training.guide import Guide
    Guide.ROUND = 1
    assert keras.backend.backend() == "jax"
    model = zoo.build("resnet", widths=(4, 4), encoder_depths=(1, 1), decoder_depths=(1,))
    before = [w.copy() for w in model.get_weights()]
    history = zoo.fit(model, [data.camera()], [data.coins()], noise="gaussian:25", steps=2, batch=2, patch=32,
                      progress=False, validation_side=32, validate_every=1, ema=0.5)
    assert history.steps == 2 and any((a != b).any() for a, b in zip(before, model.get_weights()))

    def stopped(self, batch, logs=None):
        if self.run.step == 2:
            signal.raise_signal(signal.SIGINT)
        step(self, batch, logs)

    step, Guide.on_train_batch_end, Guide.ROUND = Guide.on_train_batch_end, stopped, 10
    options = {"noise": "gaussian:25", "batch": 2, "patch": 32, "progress": False, "validation_side": 32}
    options |= {"out": sys.argv[1], "validate_every": 10, "schedule": "constant"}
    try:
        zoo.fit(model, [data.camera()], [data.coins()], steps=5, **options)
    except KeyboardInterrupt:
        pass
    Guide.on_train_batch_end = step
    assert json.load(open(sys.argv[1] + "/run.json"))["step"] == 3
    assert zoo.fit(model, [data.camera()], [data.coins()], steps=5, resume=True, **options).steps == 5
"""


def test_jax_trains_fed_by_the_same_pipeline(tmp_path):
    """And is stopped and resumed."""
    pytest.importorskip("jax")
    program = [sys.executable, "-c", textwrap.dedent(BACKEND), str(tmp_path / "run")]
    done = subprocess.run(
        program, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


class Rows(keras.layers.Layer):
    """Noise of one's own, silent outside training."""

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(0)

    def call(self, clean, training=False):
        count, height = keras.ops.shape(clean)[:2]
        rows = keras.random.normal((count, height, 1, 1), stddev=30 / 255, seed=self.generator)
        return clean + rows if training else clean


def test_noise_by_a_layer_of_ones_own(short_rounds):
    images = open_images([np.full((64, 64), 128, np.uint8)], 1)
    data = batches(images, as_noise(Rows()), batch=2, patch=32, seed=0, augmentation=Augment.none())
    drawn = [noisy.numpy() - clean.numpy() for noisy, clean in data.take(3)]
    assert len({float(noise.std()) for noise in drawn}) == 3  # anew in each batch
    for noise in drawn:
        assert 0.08 < noise.std() < 0.16 and np.ptp(noise, axis=2).max() < 1e-6
    model = tiny()
    history = zoo.fit(
        model, PHOTOGRAPHS, steps=200, learning_rate=3e-3, validate_every=50, **(QUICK | {"noise": Rows()})
    )
    measured = [row["validation_psnr"] for row in history.rows if row["validation_psnr"] is not None]
    assert max(measured) > 20 * np.log10(255 / 30) + 4  # the noisy pictures' own, which the model began with


class Frozen(keras.layers.Layer):
    """Noise of one's own, by numpy: what it draws when it is traced, it adds ever after."""

    def call(self, clean):
        return clean + np.random.default_rng().normal(0, 0.1, clean.shape[1:])


def test_noise_that_is_the_same_in_all_batches_is_refused(tmp_path):
    with pytest.raises(UsageError, match="layer:Frozen adds the same to every batch"):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=10, out=tmp_path / "run", **{**QUICK, "noise": Frozen()})
    assert not (tmp_path / "run").exists()


class Hum(zoo.Noise):
    """A noise of one's own that only numpy can draw."""

    kind, bounds, name = "hum", {}, "hum"

    def apply(self, image, rng):
        return image + rng.normal(0, 0.1, (image.shape[0], 1, 1)).astype(np.float32)


@pytest.mark.parametrize("noise", [Hum(), Mixture((zoo.Gaussian(5), Hum())), Sometimes(Hum())])
def test_noise_without_a_sampler_is_refused_before_anything_is_done(noise):
    with pytest.raises(UsageError, match="noise of a Hum, which only numpy can draw; expected a Keras layer"):
        zoo.fit(tiny(), PHOTOGRAPHS, steps=10, **{**QUICK, "noise": noise})


class Constant(keras.layers.Layer):
    """Noise of one's own, by a layer within."""

    def __init__(self):
        super().__init__()
        self.inner = keras.layers.Activation("linear")

    def call(self, clean):
        return self.inner(clean) + 0.1


def test_noise_by_a_layer_is_drawn_in_float32_whatever_the_network_computes_in():
    """In bfloat16, the picture itself would be rounded, the target not."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, noises = tiny(), [Rows(), Constant()]
        assert all(noise.compute_dtype == "bfloat16" for noise in noises)
        images = open_images([np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)], 1)
        for noise in noises:
            data = batches(images, as_noise(noise), batch=2, patch=32, seed=0, augmentation=Augment.none())
            for noisy, clean in data.take(1):
                assert np.ptp((noisy - clean).numpy(), axis=2).max() < 1e-6
        assert np.isfinite(zoo.fit(model, PHOTOGRAPHS, steps=1, **QUICK | {"noise": noises[0]}).best_psnr)
    finally:
        keras.config.set_dtype_policy("float32")


def network(*body, shape=(None, None, 1), **options):
    image = x = keras.Input(shape)
    for layer in body:
        x = layer(x)
    return keras.Model(image, x, **options)


def even_sides(image):
    """A U-Net that cannot take others."""
    half = keras.layers.Conv2D(4, 3, strides=2, padding="same")(image)
    whole = keras.layers.Conv2DTranspose(4, 2, strides=2)(half)
    return keras.layers.Conv2D(1, 3, padding="same")(keras.layers.Concatenate()([image, whole]))


def conv(features=1, **options):
    return keras.layers.Conv2D(features, 3, **{"padding": "same"} | options)


NO_DENOISERS = {
    "another number of channels": (lambda: network(conv(3)), {}, "expected an image .* and one output, an image like"),
    "five channels": (lambda: network(conv(5), shape=(None, None, 5)), {}, "takes 5 channels; expected 1 .* or 3"),
    "nothing to learn": (lambda: network(conv(trainable=False)), {}, "no weights to train; .* trainable=True"),
    "smaller": (lambda: network(conv(padding="valid")), {}, "makes 30×94 pixels of 32×96; .* padding='same'"),
    "even sides alone": (lambda: network(even_sides), {"validation_side": 97}, "cannot take an image of 32×97 .*patch"),
    "one size": (lambda: network(conv(), shape=(48, 48, 1)), {"patch": 48}, "cannot take .* 48×96 .*validation_side"),
    "a vector": (lambda: network(keras.layers.Flatten(), shape=(8, 8, 1)), {}, "one output, an image like that"),
    "types of weights": (
        lambda: network(conv(4, dtype="float16"), conv(dtype="float32")), {},
        "weights of float16 and float32, .* clipped together; expected one type",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_DENOISERS)
def test_what_is_no_denoiser_is_refused_before_time_is_spent(kind, tmp_path):
    make, options, words = NO_DENOISERS[kind]
    with pytest.raises(UsageError, match=words):
        zoo.fit(make(), PHOTOGRAPHS, steps=10, out=tmp_path / "run", **QUICK | options)
    assert not (tmp_path / "run").exists()


def test_pairs_validate_what_is_trained_on_drawn_noise(short_rounds):
    """They are what is measured, whatever is drawn in training. Who is told the level cannot be told theirs."""
    noisy = [image + np.random.default_rng(0).normal(0, 12.75, image.shape) for image in PHOTOGRAPHS]
    pairs = [image.astype(np.float32) / 255 for image in noisy], [image / np.float32(255) for image in PHOTOGRAPHS]
    history = zoo.fit(tiny(), PHOTOGRAPHS, pairs, steps=1, **QUICK)
    assert history.noisy_psnr == pytest.approx(20 * np.log10(20), abs=0.3)  # clipped
    with pytest.raises(UsageError, match="validation pairs for a model that takes the noise level"):
        zoo.fit(tiny(takes_sigma=True), PHOTOGRAPHS, pairs, steps=1, **QUICK)
    with pytest.raises(UsageError, match="no noise for clean images; expected one, such as gaussian:0-55"):
        zoo.fit(tiny(), pairs, PHOTOGRAPHS, steps=1, **{**QUICK, "noise": None})


def test_a_scale_that_is_unlikely_is_told():
    deep = [photograph.astype(np.uint16) * 16 for photograph in PHOTOGRAPHS]
    with pytest.warns(ZooWarning, match="training images: hardly anything above 4095, .*: .* scale the images first"):
        zoo.fit(tiny(), deep, steps=1, **QUICK)
    assert not open_images([image * 16 for image in deep], 1).doubt


@pytest.mark.parametrize(("self_supervised", "loss"), [(False, "l1l2"), (True, "rmse")])
def test_the_loss_is_one_that_fits_by_default(self_supervised, loss, tmp_path):
    how = {**QUICK, "noise": None if self_supervised else "gaussian:25", "self_supervised": self_supervised}
    zoo.fit(tiny(), PHOTOGRAPHS, steps=1, out=tmp_path / "run", **how)
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["facts"]["loss"] == loss
