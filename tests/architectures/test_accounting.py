"""The accounting: costs against values computed by hand, what it refuses, and the table."""

from __future__ import annotations

import json
import subprocess
import sys

import keras
import pytest
from keras import layers

import zoo
from zoo.architectures.accounting import layer_table
from zoo.architectures.geometry import Geometry
from zoo.architectures.layers import DepthToSpace, PadToMultiple, SigmaMap
from zoo.architectures.receptive_field import Reads
from zoo.errors import UsageError


def row_of(layer, features: int, size: int = 32):
    """The row of a model of one layer."""
    image = keras.Input((None, None, features))
    return zoo.accounting(keras.Model(image, layer(image)), size).layers[1]


# kind: layer, features in, parameters, MACs at 32×32, (d, s, p), (height, width, features out)
BY_HAND = {
    "the course's": (layers.Conv2D(16, 5, padding="same"), 8, 3_216, 3_276_800, (5, 1, 2), (32, 32, 16)),
    "valid": (layers.Conv2D(16, 5), 8, 3_216, 28 * 28 * 3_200, (5, 1, 0), (28, 28, 16)),
    "strided": (layers.Conv2D(16, 3, 2, padding="same"), 8, 1_168, 16 * 16 * 1_152, (3, 2, "0/1"), (16, 16, 16)),
    "grouped": (layers.Conv2D(16, 3, padding="same", groups=4), 8, 304, 1_024 * 288, (3, 1, 1), (32, 32, 16)),
    "dilated": (layers.Conv2D(2, 3, dilation_rate=2, padding="same"), 1, 20, 1_024 * 18, (5, 1, 2), (32, 32, 2)),
    "oblong": (layers.Conv2D(2, (3, 1), padding="same"), 1, 8, 1_024 * 6, ("3×1", 1, "1×0"), (32, 32, 2)),
    "depthwise": (layers.DepthwiseConv2D(3, padding="same"), 8, 80, 1_024 * 72, (3, 1, 1), (32, 32, 8)),
    "separable": (layers.SeparableConv2D(16, 3, padding="same"), 8, 216, 1_024 * 200, (3, 1, 1), (32, 32, 16)),
    "transposed": (layers.Conv2DTranspose(6, 4, 2, padding="same"), 4, 390, 1_024 * 384, (4, "1/2", 1), (64, 64, 6)),
    "dense": (layers.Dense(16), 8, 144, 1_024 * 128, (1, 1, 0), (32, 32, 16)),
    "pooling": (layers.MaxPooling2D(2), 8, 0, 0, (2, 2, 0), (16, 16, 8)),
    "upsampling": (layers.UpSampling2D(2), 8, 0, 0, (1, "1/2", 0), (64, 64, 8)),
    "depth to space": (DepthToSpace(2), 8, 0, 0, (1, "1/2", 0), (64, 64, 2)),
    "normalization": (layers.BatchNormalization(), 8, 32, 0, (None, None, None), (32, 32, 8)),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_a_layer_costs_what_a_hand_computes(kind):
    layer, features, parameters, macs, dsp, shape = BY_HAND[kind]
    row = row_of(layer, features)
    assert (row.parameters, row.macs, row.shape) == (parameters, macs, shape)
    assert (row.Ni, row.No, (row.d, row.s, row.p)) == (features, shape[-1], dsp)


def test_the_block_is_told_relative_to_the_image():
    assert row_of(layers.Conv2D(16, 3, 4, padding="same"), 1).relative == "H/4×W/4×16"
    assert row_of(layers.Conv2D(16, 3, (1, 2), padding="same"), 1).relative == "H×W/2×16"
    assert row_of(layers.UpSampling2D((3, 2)), 8).relative == "3H×2W×8"


def test_untrained_weights_are_told_apart():
    assert row_of(layers.BatchNormalization(), 8).non_trainable == 16
    assert row_of(layers.Conv2D(4, 3, trainable=False), 8).non_trainable == 292


def test_a_shared_layer_has_two_rows_and_one_set_of_weights():
    image, conv = keras.Input((None, None, 4)), layers.Conv2D(4, 3, padding="same")
    account = zoo.accounting(keras.Model(image, conv(conv(image))))
    assert [row.parameters for row in account.layers] == [0, 148, 0]
    assert [row.receptive_field for row in account.layers] == [1, 3, 5]
    assert account.macs_per_pixel == 2 * 144


def test_nested_models_are_walked():
    inner = keras.Sequential(
        [keras.Input((None, None, 4)), layers.Conv2D(4, 3, 2, padding="same", name="a")], name="in"
    )
    image = keras.Input((None, None, 4), name="image")
    model = keras.Model(image, layers.Conv2DTranspose(1, 2, 2, name="b")(inner(inner(image))))
    account = zoo.accounting(model, 32)
    assert [row.name for row in account.layers] == ["image", "in/a", "in/a", "b"]
    assert [row.shape for row in account.layers] == [(32, 32, 4), (16, 16, 4), (8, 8, 4), (16, 16, 1)]
    assert account.num_params == model.count_params() == 148 + 17


def test_what_the_noise_level_passes_costs_nothing_per_pixel():
    image, sigma = keras.Input((None, None, 8)), keras.Input((1,))
    gains = layers.Dense(8)(layers.Dense(5, activation="relu")(sigma))
    scaled = layers.Conv2D(1, 1)(SigmaMap(1.0)(image, sigma))
    account = zoo.accounting(keras.Model([image, sigma], [scaled, gains]))
    assert account.macs == 5 + 40 + 32 * 32 * 9
    assert account.macs_per_pixel == 9
    assert {row.relative for row in account.layers} == {"H×W×8", "1", "5", "8", "H×W×9", "H×W×1"}


@pytest.mark.parametrize("architecture", zoo.architectures())
@pytest.mark.parametrize("takes_sigma", [False, True])
def test_an_architecture_adds_up(architecture, takes_sigma):
    model = zoo.build(architecture, channels=3, takes_sigma=takes_sigma)
    account = zoo.accounting(model, 64)
    assert account.num_params == model.count_params() == sum(row.parameters for row in account.layers)
    assert account.macs / 64**2 == pytest.approx(account.macs_per_pixel, rel=1e-12)
    assert account.layers[-1].shape == (64, 64, 3)
    assert account.layers[-1].receptive_field == account.receptive_field
    code = next(row for row in account.layers if row.name == "code")
    share = f"/{account.multiple_of}" if account.multiple_of > 1 else ""
    assert code.relative == f"H{share}×W{share}×{code.No}"
    assert zoo.accounting(zoo.encoder(model), 64).receptive_field == code.receptive_field


def test_the_size_is_the_models_own_or_one_that_it_divides():
    image = keras.Input((None, None, 1))
    down = layers.Conv2D(1, 3, 2, padding="same")
    assert zoo.accounting(keras.Model(image, layers.Conv2D(1, 3)(image))).size == (32, 32)
    assert zoo.accounting(keras.Model(image, down(PadToMultiple(12)(image)))).size == (36, 36)
    fixed = keras.Input((20, 28, 1))
    assert zoo.accounting(keras.Model(fixed, down(fixed))).layers[-1].shape == (10, 14, 1)
    assert zoo.accounting(keras.Model(fixed, down(fixed)), (6, 8)).layers[-1].shape == (3, 4, 1)


def test_odd_sizes_are_padded_and_cropped():
    account = zoo.accounting(zoo.build("shallow"), (33, 18))
    shapes = {row.name: row.shape for row in account.layers}
    assert (shapes["pad"], shapes["code"][:2], shapes["crop"]) == ((34, 18, 1), (17, 9), (33, 18, 1))


def test_tiles_are_aligned_to_what_the_model_pads_to_and_shrinks_by():
    image = keras.Input((None, None, 1))
    padded = PadToMultiple(6)(image)
    assert zoo.accounting(keras.Model(image, padded)).multiple_of == 6
    halved = layers.AveragePooling2D(2)(padded)
    assert zoo.accounting(keras.Model(image, halved)).multiple_of == 6
    plain = layers.MaxPooling2D(3)(layers.MaxPooling2D(2)(image))
    assert zoo.accounting(keras.Model(image, layers.UpSampling2D(6)(plain))).multiple_of == 6
    with pytest.raises(UsageError, match=r"multiples of 6 but shrinks them by 4.*PadToMultiple\(4\)"):
        zoo.accounting(keras.Model(image, layers.MaxPooling2D(2)(halved)))


REFUSED = {
    "whole": (layers.GlobalAveragePooling2D(name="bad"), "looks at the whole image"),
    "groups": (layers.GroupNormalization(2, name="bad"), "looks at the whole image"),
    "reshape": (layers.Permute((2, 1, 3), name="bad"), "not known.*geometry"),
    "axis": (layers.Softmax(1, name="bad"), "axis=-1"),
    "bicubic": (layers.UpSampling2D(2, interpolation="bicubic", name="bad"), "bilinear"),
    "own activation": (layers.Activation(lambda x: x[:, ::-1], name="bad"), "not known.*keras.activations"),
    "output padding": (layers.Conv2DTranspose(4, 3, 2, output_padding=1, name="bad"), "output_padding"),
    "channels first": (layers.ZeroPadding2D(1, data_format="channels_first", name="bad"), "channels_last"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_layer_whose_reach_is_not_known_is_refused_by_name(kind):
    layer, reason = REFUSED[kind]
    with pytest.raises(UsageError, match=rf"^layer 'bad' \({type(layer).__name__}\) [^\n]*{reason}[^\n]*$"):
        row_of(layer, 4)


def test_joining_along_the_image_or_at_different_sizes_is_refused():
    image = keras.Input((None, None, 1))
    with pytest.raises(UsageError, match=r"'beside'.*axis 2"):
        zoo.accounting(keras.Model(image, layers.Concatenate(2, name="beside")([image, image])))
    with pytest.raises(UsageError, match="'sum' joins tensors of H×W and H/2×W/2"):
        zoo.accounting(keras.Model(image, layers.Add(name="sum")([image, layers.MaxPooling2D(2)(image)])))


def test_operations_of_tensors_are_layers_and_of_numbers_are_not():
    image = keras.Input((None, None, 1))
    rows = zoo.accounting(keras.Model(image, image - layers.Conv2D(1, 3, padding="same")(image))).layers
    assert [row.kind for row in rows] == ["InputLayer", "Conv2D", "Subtract"] and rows[-1].parameters == 0
    for wrong in (lambda x: x * 0.5, lambda x: 1 - x, keras.ops.relu):
        with pytest.raises(UsageError, match=r"^operation '\w+' \(\w+\) of 1 tensor; expected one of Add.*Rescaling"):
            zoo.accounting(keras.Model(image, wrong(image)))


def test_an_activation_that_is_a_layer_has_its_rule():
    assert row_of(layers.Conv2D(4, 3, activation=layers.LeakyReLU(0.1)), 4).receptive_field == 3
    with pytest.raises(UsageError, match="'bad' .*axis=-1"):
        row_of(layers.Activation(layers.Softmax(1, name="bad")), 4)
    with pytest.raises(UsageError, match="'bad' .*or a layer behind it"):  # whose slopes Keras would not keep
        row_of(layers.Conv2D(4, 3, activation=layers.PReLU(shared_axes=[1, 2]), name="bad"), 4)


def test_what_is_no_denoiser_of_any_size_is_refused():
    with pytest.raises(UsageError, match="no image"):
        vector = keras.Input((3,))
        zoo.accounting(keras.Model(vector, layers.Dense(1)(vector)))
    with pytest.raises(UsageError, match="no graph"):
        zoo.accounting(keras.Sequential([layers.Conv2D(1, 3)]))
    with pytest.raises(UsageError, match="at least 1"):
        zoo.accounting(zoo.build("shallow"), 0)
    with pytest.raises(UsageError, match="'big' cannot take an image of 4×4; expected a larger"):
        row_of(layers.Conv2D(1, 7, name="big"), 1, size=4)


class Shift(layers.Layer):
    """A layer that no rule knows: it looks one pixel to the right."""

    def call(self, x):
        return keras.ops.roll(x, -1, axis=2)


class KnownShift(Shift):
    def geometry(self) -> Geometry:
        return Geometry(width=Reads(first=1, last=1))


def test_a_layer_may_say_itself_what_it_reads():
    image = keras.Input((None, None, 1))
    assert zoo.accounting(keras.Model(image, KnownShift()(KnownShift()(image)))).halo == 2
    with pytest.raises(UsageError, match=r"'shift'.*geometry"):
        zoo.accounting(keras.Model(image, Shift(name="shift")(image)))


def test_the_table_survives_json_and_needs_no_keras(tmp_path):
    account = zoo.accounting(zoo.build("resnet"))
    text = json.dumps(account.rows_json())
    assert layer_table(json.loads(text)) == layer_table(account.rows_json())
    assert account.table().startswith(layer_table(account.rows_json()))
    (tmp_path / "layers.json").write_text(text, encoding="utf-8")
    script = (
        "import json, sys; from zoo.architectures.accounting import layer_table\n"
        "print(len(layer_table(json.load(open(sys.argv[1], encoding='utf-8'))).splitlines()))\n"
        "assert not {'keras', 'tensorflow', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "layers.json"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == len(account.layers) + 1


def test_the_table_is_aligned_and_complete():
    image = keras.Input((None, None, 8), name="image")
    account = zoo.accounting(keras.Model(image, layers.Conv2D(16, 5, padding="same", name="conv")(image)))
    head, _, conv = layer_table(account.rows_json()).splitlines()
    assert " ".join(conv.split()) == "conv Conv2D H×W×16 32×32×16 8 16 5 1 2 5 3,216 3,276,800 3,200.0"
    assert len(head) == len(conv)
    for name, cell in [("parameters", "3,216"), ("MACs", "3,276,800"), ("MACs/pixel", "3,200.0")]:
        assert head.index(f" {name}") + len(name) == conv.index(f" {cell}") + len(cell)
    assert account.table().splitlines()[-1].startswith("3,216 parameters, 3,200 MACs per pixel (3,276,800 at 32×32)")
