"""Every architecture: any size, any option, the same names, and the code."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import export
import zoo
from zoo.architectures import blocks
from zoo.architectures.layers import PadToMultiple
from zoo.architectures.resnet import decoder_block, encoder_block
from zoo.errors import UsageError

SMALL = {
    "shallow": {"widths": (4, 8)},
    "deep": {"widths": (4, 6, 8), "depth": 1},
    "unet-skip": {"widths": (4, 6, 8), "depth": 1},
    "resnet": {"widths": (4, 8), "encoder_depths": (1, 1), "decoder_depths": (1,)},
}


def small(architecture: str, **config) -> keras.Model:
    return zoo.build(architecture, **SMALL.get(architecture, {}), **config)


def randomize(model: keras.Model, seed: int = 0) -> keras.Model:
    """Weights without zeros, so that every layer has a say."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
    return model


def test_the_four_families_are_found_by_their_files():
    assert {"deep", "resnet", "shallow", "unet-skip"} <= set(zoo.architectures())


@pytest.mark.parametrize("architecture", zoo.architectures())
@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_maps_an_image_to_an_image(architecture, channels):
    model = zoo.build(architecture, channels=channels)
    assert [tuple(i.shape) for i in model.inputs] == [(None, None, None, channels)]
    assert tuple(model.outputs[0].shape) == (None, None, None, channels)
    for size in [(1, 1), (1, 9), (7, 5), (16, 16), (33, 18)]:
        assert model(np.zeros((2, *size, channels), np.float32)).shape == (2, *size, channels)


def test_what_keras_saves_is_read_back_elsewhere(tmp_path):
    """Layers of an architecture's own must be registered, and known to a process that has not built it."""
    models = {name: randomize(small(name)) for name in zoo.architectures()}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
    program = """
        import sys, zoo, numpy as np
        for name in zoo.architectures():
            model = zoo.load_keras(f"{sys.argv[1]}/{name}.keras")
            np.save(f"{sys.argv[1]}/{name}.npy", model(np.ones((1, 9, 8, 1), np.float32)))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], check=True)
    for name, model in models.items():
        image = np.ones((1, 9, 8, 1), np.float32)
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), model(image), atol=1e-5)


@pytest.mark.parametrize("architecture", zoo.architectures())
def test_it_is_exported(architecture, tmp_path):
    """What the layers of its own are in ONNX, they say."""
    assert export.to_onnx(randomize(small(architecture)), tmp_path / "m.onnx").max_abs < 1e-5


@pytest.fixture(scope="module")
def models():
    return {name: randomize(small(name)) for name in SMALL}


@settings(max_examples=15, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), architecture=st.sampled_from(sorted(SMALL)))
def test_any_size_works(models, height, width, architecture):
    out = models[architecture](np.random.default_rng(0).random((1, height, width, 1), np.float32))
    assert out.shape == (1, height, width, 1)
    assert np.isfinite(out).all()


# What differs from the defaults, which every other test builds.
OPTIONS = [
    ("downsampling", "pooled"),
    ("activation", "leaky_relu"),
    ("output", "sigmoid"),
    ("output", "tanh"),
    ("standardize", False),
    ("dropout", 0.3),
    ("takes_sigma", True),
]


RESNETS = [("batch_norm", True), ("block", "wide"), ("impulses", True), ("skips", False)]


@pytest.mark.parametrize(
    ("architecture", "option", "value"),
    [(name, *option) for name in SMALL for option in OPTIONS + (RESNETS if name == "resnet" else [])],
)
def test_every_option_builds_trains_and_is_saved(architecture, option, value, tmp_path):
    predicts = "noise" if option == "impulses" else "clean"
    model = randomize(small(architecture, **{"predicts": predicts, option: value}))
    x = np.random.default_rng(0).random((2, 9, 6, 1)).astype(np.float32)
    inputs = [x, np.full((2, 1), 0.1, np.float32)] if option == "takes_sigma" else x
    out = model(inputs)
    assert out.shape == x.shape
    model.compile("adam", "mse", run_eagerly=True)  # one step is not worth a compilation
    before = model.get_weights()[0].copy()
    model.train_on_batch(inputs, x)
    assert (model.get_weights()[0] != before).any()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(inputs), model(inputs), atol=1e-6)


def test_the_output_stays_in_its_range():
    x = np.random.default_rng(0).random((1, 32, 32, 1)).astype(np.float32)
    wild = {o: randomize(small("deep", output=o, slack=0.1)) for o in ("sigmoid", "tanh")}
    for model in wild.values():
        model.set_weights([w * 20 for w in model.get_weights()])
    sigmoid, tanh = (np.asarray(wild[o](x)) for o in ("sigmoid", "tanh"))
    assert sigmoid.min() >= 0 and sigmoid.max() <= 1
    assert tanh.min() == pytest.approx(-0.1, abs=1e-3)
    assert tanh.max() == pytest.approx(1.1, abs=1e-3)


def test_a_noise_predicting_model_starts_as_the_identity():
    x = np.random.default_rng(0).random((1, 20, 20, 3)).astype(np.float32)
    np.testing.assert_array_equal(zoo.build("resnet", channels=3)(x), x)


def test_the_noise_level_is_heard():
    model = randomize(small("resnet", takes_sigma=True))
    x = np.zeros((2, 16, 16, 1), np.float32)
    out = np.asarray(model([x, np.array([[0.0], [0.2]], np.float32)]))
    assert np.abs(out[0] - out[1]).max() > 1e-3


LEVELS = np.array([-20, 0, 1, 2, 5, 128, 250, 254, 255, 300], np.float32) / 255


def levels_in_another_order_in_each_channel() -> np.ndarray:
    x = np.resize(LEVELS, (1, 12, 20, 1))
    return np.concatenate([x, x[:, :, ::-1], np.roll(x, 3, axis=2)], axis=-1)


def test_a_stem_for_impulses_sees_how_near_a_value_is_to_black_and_to_white():
    model = zoo.build("resnet", channels=3, impulses=True)
    x = levels_in_another_order_in_each_channel()
    seen = keras.Model(model.input, model.get_layer("marked").output)(x)
    image, black, white = np.split(np.asarray(seen), 3, axis=-1)
    np.testing.assert_allclose(image, (x - blocks.MEAN) / blocks.DEVIATION, atol=1e-5)
    np.testing.assert_allclose(black, np.interp(x * 255, [0, 5], [1, 0]), atol=1e-5)
    np.testing.assert_allclose(white, np.interp(x * 255, [250, 255], [0, 1]), atol=1e-5)


@pytest.mark.parametrize("size", [(12, 20), (11, 18)])
def test_a_model_for_impulses_changes_black_and_white_alone(size):
    x = levels_in_another_order_in_each_channel()[:, : size[0], : size[1]]
    change = np.abs(np.asarray(randomize(small("resnet", channels=3, impulses=True))(x)) - x)
    lost = np.interp(x * 255, [0, 5, 250, 255], [1, 0, 0, 1])
    assert (change[lost == 0] == 0).all()
    assert np.median(change[lost == 1]) > 1e-3


def test_unet_skip_is_deep_plus_skips():
    deep, skip = zoo.build("deep"), zoo.build("unet-skip")
    assert deep.count_params() == skip.count_params()
    extra = {layer.name for layer in skip.layers} - {layer.name for layer in deep.layers}
    assert extra == {"decoder_0_skip", "decoder_1_skip", "decoder_2_skip"}


def test_shallow_shrinks_little_and_deep_much():
    x = np.zeros((1, 64, 64, 1), np.float32)
    assert zoo.encoder(zoo.build("shallow"))(x).shape[1:3] == (32, 32)
    assert zoo.encoder(zoo.build("deep"))(x).shape[1:3] == (8, 8)


@pytest.mark.parametrize("architecture", zoo.architectures())
def test_the_encoder_gives_the_code_of_an_image(architecture):
    model = randomize(zoo.build(architecture))
    encoder = zoo.encoder(model)
    a, b = (np.random.default_rng(seed).random((1, 32, 32, 1)).astype(np.float32) for seed in (0, 1))
    code = np.asarray(encoder(a))
    assert code.ndim == 4 and code.shape[1] == 32 // zoo.accounting(model).multiple_of
    assert np.abs(code - np.asarray(encoder(b))).max() > 0
    assert encoder.get_layer("code") is model.get_layer("code")


@pytest.mark.parametrize("architecture", zoo.architectures())
def test_every_layer_says_where_it_stands(architecture):
    model = zoo.build(architecture)
    for layer in model.layers:
        if layer.weights:
            assert layer.name.startswith(("encoder_", "decoder_", "head")), layer.name
    assert {"code", "head", "image"} <= {layer.name for layer in model.layers}


@pytest.mark.parametrize("batch_norm", [False, True])
def test_residual_blocks_have_the_sizes_they_are_told(batch_norm):
    image = keras.Input((None, None, 6))
    narrow = encoder_block(image, 0.5, 8, 2, name="narrow", batch_norm=batch_norm)
    same = encoder_block(narrow, 2, 8, 1, name="same", batch_norm=batch_norm)
    model = keras.Model(image, [narrow, decoder_block(same, 1, 5, name="up", batch_norm=batch_norm)])
    low, high = model(np.zeros((1, 8, 8, 6), np.float32))
    assert low.shape == (1, 4, 4, 8) and high.shape == (1, 8, 8, 5)
    assert model.get_layer("narrow_a_conv").filters == 4
    assert model.get_layer("same_a_conv").filters == 16
    names = {layer.name for layer in model.layers}
    assert "narrow_projection" in names and "same_projection" not in names
    assert ("narrow_a_norm" in names) == batch_norm


def test_a_wide_block_has_its_features_at_the_activation_and_few_at_the_3x3():
    image = keras.Input((None, None, 10))
    model = keras.Model(image, encoder_block(image, 4, 20, 2, name="wide", block="wide"))
    assert model(np.zeros((1, 8, 8, 10), np.float32)).shape == (1, 4, 4, 20)
    kernels = [model.get_layer(f"wide_{part}_conv").kernel.shape for part in "abc"]
    assert kernels == [(2, 2, 10, 80), (1, 1, 80, 16), (3, 3, 16, 20)]


@pytest.mark.parametrize("block", ["basic", "wide"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_residual_block_starts_as_its_shortcut(batch_norm, block):
    image = keras.Input((None, None, 4))
    model = keras.Model(image, encoder_block(image, 1, 4, 1, name="block", block=block, batch_norm=batch_norm))
    x = np.random.default_rng(0).random((1, 6, 6, 4)).astype(np.float32)
    np.testing.assert_array_equal(model(x), x)


@pytest.mark.parametrize(("height", "width"), list(itertools.product([1, 2, 3, 4, 5, 7, 8], repeat=2)))
def test_padding_mirrors_and_repeats_what_is_too_short_to_be_mirrored(height, width):
    x = np.random.default_rng(0).random((1, height, width, 2)).astype(np.float32)
    wanted = x
    for axis, side in ((1, height), (2, width)):
        pad = [(0, -side % 4 if i == axis else 0) for i in range(4)]
        wanted = np.pad(wanted, pad, mode="edge" if side < 4 else "reflect")
    np.testing.assert_array_equal(PadToMultiple(4)(x), wanted)


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("res-net", {}),
        ("resnet", {"width": 3}),
        ("resnet", {"channels": 2}),
        ("resnet", {"impulses": True, "predicts": "clean"}),
        ("resnet", {"widths": ()}),
        ("resnet", {"widths": (8, 8, 8)}),
        ("resnet", {"block": "bottleneck"}),
        ("deep", {"depth": 0}),
        ("deep", {"activation": "gelu"}),
        ("deep", {"downsampling": "none"}),
        ("deep", {"output": "clip"}),
        ("deep", {"predicts": "noise", "output": "tanh"}),
        ("deep", {"predicts": "all"}),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(architecture, config):
    with pytest.raises(UsageError, match=r"^[^\n]*expected[^\n]*$|^[^\n]*use[^\n]*$"):
        zoo.build(architecture, **config)


def test_a_model_without_a_code_has_no_encoder():
    image = keras.Input((None, None, 1))
    with pytest.raises(UsageError, match="code"):
        zoo.encoder(keras.Model(image, keras.layers.Conv2D(1, 3)(image)))


def test_the_list_can_be_called_whether_or_not_the_package_is_imported():
    import zoo.architectures.blocks

    assert zoo.architectures() == zoo.architectures.architectures()


def test_sizes_may_be_numbers_of_numpy():
    model = zoo.build("resnet", widths=tuple(np.array([4, 8])), encoder_depths=np.array([0, 1]), decoder_depths=[1])
    assert json.loads(model.to_json())  # which knows none
