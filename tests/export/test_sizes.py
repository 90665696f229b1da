"""Models of one's own that take some sizes only."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import export
import zoo
from zoo.errors import ParityError, UsageError

Shaken = Callable[[keras.Model], keras.Model]


def halving(side: int | None) -> keras.Model:
    """Two levels; takes even sides."""
    image = keras.Input((side, side, 1), name="picture")
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Conv2D(1, 3, padding="same")(layers.UpSampling2D(2)(x))
    return keras.Model(image, layers.Subtract()([image, x]), name="mine")


@pytest.mark.parametrize("side", [32, None])
def test_even_sides_become_all(shaken: Shaken, tmp_path: Path, side: int | None) -> None:
    model = shaken(halving(side))
    with pytest.raises(UsageError, match=r"sides of .* only; expected any: use export.any_size"):
        export.to_onnx(model, tmp_path / "m.onnx")
    whole = export.any_size(model)
    image = np.random.default_rng(0).random((2, 32, 32, 1), np.float32)
    np.testing.assert_array_equal(whole(image), model(image))
    assert whole(image[:, :31, :29]).shape == (2, 31, 29, 1)
    assert zoo.accounting(whole).takes_multiples_of == 1 and export.any_size(whole) is whole
    assert export.to_onnx(whole, tmp_path / "m.onnx").max_abs <= 1e-5


def test_in_mixed_precision_even_sides_become_all_in_float32(shaken: Shaken, tmp_path: Path) -> None:
    exact = shaken(halving(None))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = halving(None)
        whole = export.any_size(mixed)  # which may be trained on, in mixed precision
        assert {whole.get_layer(name).compute_dtype for name in ("whole_cells", "same_size")} == {"float32"}
        assert {str(x.dtype) for x in (*whole.inputs, *whole.outputs)} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(exact.get_weights())
    assert export.to_onnx(export.any_size(mixed), tmp_path / "m.onnx").max_abs <= 1e-5
    assert export.to_saved_model(export.any_size(mixed), tmp_path / "saved").max_abs <= 1e-5
    for path in (tmp_path / "m.onnx", tmp_path / "saved"):
        assert export.check_parity(export.any_size(exact), path).max_abs <= 1e-5


def test_a_model_of_two_outputs_is_refused() -> None:
    image = keras.Input((None, None, 1))
    outputs = [layers.Conv2DTranspose(1, 2, 2)(layers.Conv2D(4, 2, 2)(image)), layers.Identity()(image)]
    with pytest.raises(UsageError, match=r"outputs .*expected an image .* one output"):
        export.any_size(keras.Model(image, outputs))


def test_what_is_no_denoiser_is_refused(tmp_path: Path) -> None:
    layers = keras.layers
    image, level = keras.Input((None, None, 3)), keras.Input((1,))
    vague, wide = keras.Input((None, None, None)), keras.Input((None, None, 1))
    told = layers.Multiply()([image, layers.Reshape((1, 1, 1))(level)])
    models = [
        keras.Sequential([layers.Conv2D(1, 3, padding="same")]),  # not built
        keras.Model([level, image], told),
        keras.Model([image, wide], layers.Concatenate()([image, wide])),
        keras.Model(image, layers.Conv2D(1, 3, padding="same")(image)),
        keras.Model(vague, layers.ReLU()(vague)),
        keras.Model(image, layers.GlobalAveragePooling2D()(image)),
    ]
    for model in models:
        for refuse in (export.any_size, lambda model: export.to_onnx(model, tmp_path / "m.onnx")):
            with pytest.raises(UsageError, match=r"^[^\n]*expected[^\n]*$"):
                refuse(model)
    for larger in (layers.UpSampling2D(2), layers.Conv2D(3, 3)):
        with pytest.raises((UsageError, ParityError), match=r"^[^\n]*expected[^\n]*$"):
            export.to_onnx(keras.Model(image, larger(image)), tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_other_channels_are_onnx_alone(shaken: Shaken, tmp_path: Path) -> None:
    image = keras.Input((None, None, 4))
    model = shaken(keras.Model(image, layers.Conv2D(4, 3, padding="same")(image)))
    assert export.to_onnx(model, tmp_path / "m.onnx").max_abs <= 1e-5
    assert "[n, height, width, 4]" in (page := (tmp_path / "m.onnx.md").read_text()) and "4 channels" in page
    (program,) = re.findall(r"```python\n(.*?)```", page, re.S)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 4), np.uint8)
    np.save(tmp_path / "in.npy", pixels)
    command = [sys.executable, "-c", program, tmp_path / "in.npy", tmp_path / "out.npy"]
    subprocess.run(command, cwd=tmp_path, check=True)
    expected = 255 * np.clip(model(pixels[None] / np.float32(255)).numpy()[0], 0, 1)
    assert np.abs(np.load(tmp_path / "out.npy") - expected).max() <= 0.51
    others = {"to_saved_model": "saved", "to_web": "saved", "to_triton": "saved", "to_openvino": "saved"}
    for function, name in (others | {"to_onnx_int8": "m8.onnx", "to_litert": "m.tflite"}).items():
        with pytest.raises(UsageError, match="has 4 channels; expected 1 or 3"):
            getattr(export, function)(model, tmp_path / name)
        assert not (tmp_path / name).exists()
    with pytest.raises(UsageError, match="channels is 4, expected 1 or 3"):
        export.publish(model, tmp_path / "mine", noise="gaussian:25")
    assert not (tmp_path / "saved").exists() and not (tmp_path / "mine").exists()


def test_a_model_that_takes_all_is_left_alone(tiny: keras.Model) -> None:
    assert export.any_size(tiny) is tiny


def test_a_model_that_cannot_be_built_for_another_size() -> None:
    image = keras.Input((8, 8, 1))
    flat = layers.Reshape((8, 8, 1))(layers.Dense(64)(layers.Flatten()(image)))
    with pytest.raises(UsageError, match="looks at the whole image|cannot be built for another size"):
        export.any_size(keras.Model(image, flat))
