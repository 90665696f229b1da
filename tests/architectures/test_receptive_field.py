"""Receptive field and halo: against the textbook, and against what models really read."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from keras import layers

import zoo
from zoo.architectures.geometry import geometry_of
from zoo.architectures.layers import DepthToSpace
from zoo.architectures.receptive_field import Extent

SMALL = {
    "shallow": {"widths": (2, 3)},
    "deep": {"widths": (2, 2, 2, 2)},
    "unet-skip": {"widths": (2, 2, 2, 2)},
    "resnet": {"widths": (2, 3, 2), "encoder_depths": (0, 2, 2), "decoder_depths": (1, 1)},
}


def stack(pairs: list[tuple[int, int]], padding: str) -> keras.Model:
    """Convolutions of (d, s)."""
    image = x = keras.Input((None, None, 1))
    for d, s in pairs:
        x = layers.Conv2D(1, d, s, padding=padding)(x)
    return keras.Model(image, x)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("seed", range(4))
def test_stacks_see_what_the_textbook_says(padding, seed):
    """r = 1 + Σ (d − 1) · Π s of the layers before (Araujo et al. 2019, equation 2)."""
    rng = np.random.default_rng(seed)
    pairs = [(int(rng.integers(1, 6)), int(rng.integers(1, 4))) for _ in range(5)]
    strides = np.cumprod([1, *(s for _, s in pairs)])
    expected = 1 + sum((d - 1) * int(j) for (d, _), j in zip(pairs, strides, strict=False))
    account = zoo.accounting(stack(pairs, padding), 2048)
    assert account.receptive_field == expected
    assert account.multiple_of == strides[-1]


def test_vgg16_sees_212_pixels():
    """The figure commonly cited for the last pooling of VGG-16 (Araujo et al. 2019, table 1)."""
    image = x = keras.Input((None, None, 1))
    for depth in (2, 2, 3, 3, 3):
        for _ in range(depth):
            x = layers.Conv2D(1, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    rows = zoo.accounting(keras.Model(image, x)).layers
    assert [row.receptive_field for row in rows if row.kind == "MaxPooling2D"] == [6, 16, 44, 100, 212]


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("depth", "halo"), [(1, 1), (7, 7)])
def test_a_stack_of_3x3_convolutions_needs_a_pixel_per_layer(depth, halo, padding):
    assert zoo.accounting(stack([(3, 1)] * depth, padding)).halo == halo


def positive(model: keras.Model) -> keras.Model:
    """Positive kernels and no bias: then an output is above zero exactly where it sees a pixel that is."""
    for weight in model.weights:
        if weight.name in ("bias", "beta", "moving_mean"):
            weight.assign(np.zeros(weight.shape))
        else:
            weight.assign(np.full(weight.shape, 0.5))
    return model


def measured(model: keras.Model, side: int, axis: int) -> np.ndarray:
    """seen[o, i]: does the output's line o, across ``axis``, depend on the image's line i?"""
    multiple = zoo.accounting(model).multiple_of
    breadth = math.ceil(8 / multiple) * multiple
    images = np.zeros((side, side, breadth, 1), np.float32)
    images[np.arange(side), np.arange(side)] = 1
    if axis == 2:
        images = images.swapaxes(1, 2)
    sigma = [np.zeros((side, 1), np.float32)] if len(model.inputs) > 1 else []
    out = np.asarray(model([images, *sigma] if sigma else images))
    return (out != 0).any(axis=(3 - axis, 3)).T


SINGLE = {
    **{f"conv {d}/{s}": layers.Conv2D(1, d, s, padding="same") for d in range(1, 6) for s in (1, 2, 3)},
    **{f"dilated {d}": layers.Conv2D(1, d, dilation_rate=2, padding="same") for d in (2, 3)},
    **{f"pool {d}/{s}": layers.MaxPooling2D(d, s, padding="same") for d in (2, 3) for s in (1, 2)},
    **{f"valid {d}/2": layers.Conv2D(1, d, 2) for d in (1, 2, 5)},
    **{f"up {d}/{s}": layers.Conv2DTranspose(1, d, s, padding="same") for s in (2, 3) for d in range(s, s + 5)},
    **{f"valid up {d}": layers.Conv2DTranspose(1, d, 2) for d in (2, 3, 4)},
    **{f"bilinear {s}": layers.UpSampling2D(s, interpolation="bilinear") for s in (2, 3, 4)},
    "nearest": layers.UpSampling2D(3),
    "pad": layers.ZeroPadding2D(((1, 0), (2, 1))),
    "crop": layers.Cropping2D(((0, 2), (1, 0))),
}


@pytest.mark.parametrize("name", SINGLE)
def test_a_layer_reads_exactly_what_its_rule_says(name):
    """Both ends, at each phase: TensorFlow pads strided layers more behind than before."""
    layer = SINGLE[name]
    image = keras.Input((None, None, 1))
    model, geometry = positive(keras.Model(image, layer(image))), geometry_of(layer)
    for axis, reads in ((1, geometry.height), (2, geometry.width)):
        seen = measured(model, 36, axis)
        extent = Extent().behind(reads)
        for o in range(len(seen)):
            low, high = extent.interval(o)
            if low >= 0 and high < 36:
                assert (np.flatnonzero(seen[o])[[0, -1]] == (low, high)).all()


@pytest.mark.parametrize(
    ("layer", "halo"),
    [
        (layers.Conv2D(1, 5), 2),
        (layers.Conv2D(1, 4, 2), 1),
        (layers.Conv2DTranspose(1, 6, 2), 1),
        (layers.ZeroPadding2D(3), 0),
        (layers.Cropping2D(3), 0),
    ],
)
def test_an_output_without_its_margin_is_still_compared_with_its_own_place(layer, halo):
    image = keras.Input((None, None, 1))
    assert zoo.accounting(keras.Model(image, layer(image))).halo == halo


def check_reach(model: keras.Model) -> None:
    """What the model reads, away from the image's edges, is what the accounting says, to the pixel."""
    account = zoo.accounting(positive(model))
    margin = account.receptive_field + account.halo
    side = math.ceil(3 * margin / account.multiple_of + 1) * account.multiple_of
    reaches, sizes = [], []
    for axis in (1, 2):
        seen = measured(model, side, axis)
        pitch = side // len(seen)
        for o in range(-(-margin // pitch), (side - margin) // pitch):
            first, last = np.flatnonzero(seen[o])[[0, -1]]
            reaches.append(max(o * pitch - first, last - (o + 1) * pitch + 1, 0))
            sizes.append(last - first + 1)
    assert max(reaches) == account.halo
    assert max(sizes) == account.receptive_field


def random_net(seed: int) -> keras.Model:
    """A small net of everything: strides 2 and 3, pooling, dilation, all ways up, skips added and concatenated."""
    rng = np.random.default_rng(seed)

    def pick(*choices):
        return choices[rng.integers(len(choices))]

    def mix(x):
        return pick(
            layers.Conv2D(2, pick(1, 2, 3, 4, (3, 1), (2, 5)), padding="same"),
            layers.Conv2D(2, 3, dilation_rate=2, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.SeparableConv2D(2, 3, padding="same"),
            layers.MaxPooling2D(3, 1, padding="same"),
        )(x)

    def down(x, by):
        return pick(
            layers.Conv2D(2, pick(by - 1, by, by + 1, by + 2), by, padding="same"),
            layers.MaxPooling2D(by),
            layers.AveragePooling2D(by + 1, by, padding="same"),
        )(x)

    def up(x, by):
        if pick(True, False):
            return DepthToSpace(by)(layers.Conv2D(2 * by**2, 1)(x))
        return pick(
            layers.UpSampling2D(by),
            layers.UpSampling2D(by, interpolation="bilinear"),
            layers.Conv2DTranspose(2, pick(by, by + 1, by + 2, by + 3), by, padding="same"),
        )(x)

    image = keras.Input((None, None, 1))
    x, skips = layers.Conv2D(2, 1)(image), []
    for _ in range(pick(1, 2)):
        x = layers.BatchNormalization()(mix(x))
        skips.append((x, pick(2, 2, 3)))
        x = mix(down(*skips[-1]))
    x = layers.Dense(2)(x)
    for skip, by in reversed(skips):
        x = layers.Conv2D(2, 1)(up(x, by))
        if pick(True, True, False):
            x = layers.Add()([x, layers.Conv2D(2, 1)(skip)])
        if pick(True, False):
            x = layers.Concatenate()([mix(x), x])
    return keras.Model(image, layers.Conv2D(1, 3, padding="same")(x))


@pytest.mark.parametrize("seed", range(14))
def test_a_random_net_reads_what_is_accounted(seed):
    check_reach(random_net(seed))


@pytest.mark.parametrize("downsampling", ["strided", "pooled"])
@pytest.mark.parametrize("architecture", SMALL)
def test_an_architecture_reads_what_is_accounted(architecture, downsampling):
    model = zoo.build(
        architecture, **SMALL[architecture], downsampling=downsampling, predicts="clean", standardize=False
    )
    check_reach(model)


def test_a_code_reads_what_is_accounted():
    check_reach(zoo.encoder(zoo.build("deep", **SMALL["deep"], standardize=False)))


def tile(model: keras.Model, image: np.ndarray, start: int, stop: int, context: int, multiple: int) -> np.ndarray:
    """Columns start … stop of the output, from a tile with ``context`` on both sides, rounded outwards."""
    first = max(0, (start - context) // multiple * multiple)
    last = min(image.shape[2], -(-(stop + context) // multiple) * multiple)
    return np.asarray(model(image[:, :, first:last]))[:, :, start - first : stop - first]


def gaps() -> keras.Model:
    """Transposed convolution with a kernel smaller than its stride: positions that see nothing but their bias."""
    image = keras.Input((None, None, 1))
    x = layers.Conv2DTranspose(1, 1, 3)(layers.MaxPooling2D(3)(image))
    return keras.Model(image, layers.Conv2D(1, 5, padding="same")(x))


NETS = [*SMALL, *range(4), "gaps"]


def net(name: str | int, **config) -> keras.Model:
    if isinstance(name, int):
        return random_net(name)
    return zoo.build(name, **SMALL[name], **config) if name in SMALL else gaps()


@pytest.mark.parametrize("name", NETS)
def test_tiles_with_the_halo_equal_the_whole(name):
    """Every layer has a bias here, so that a tile's edge, where layers pad with zeros, would show."""
    model, rng = net(name), np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.3, w.shape) for w in model.get_weights()])
    account = zoo.accounting(model)
    width = (4 * account.halo // account.multiple_of + 3) * account.multiple_of + (name in SMALL)
    image = rng.random((1, 2 * account.multiple_of, width, 1), np.float32)
    whole = np.asarray(model(image))
    for start in [0, *range(7, width, 29)]:
        part = tile(model, image, start, min(start + 11, width), account.halo, account.multiple_of)
        np.testing.assert_allclose(part, whole[:, :, start : start + 11], rtol=1e-5)


@pytest.mark.parametrize("name", NETS)
def test_tiles_with_less_than_the_halo_differ(name):
    """The furthest pixel alone is lit: a tile that ends before it gives zero, the whole image does not."""
    model = positive(net(name, **({"standardize": False, "predicts": "clean"} if name in SMALL else {})))
    account = zoo.accounting(model)
    multiple = account.multiple_of
    side = math.ceil(4 * account.halo / multiple + 2) * multiple
    seen = measured(model, side, 2)
    o, i = next((o, i) for o, i in np.argwhere(seen) if abs(o - i) == account.halo)
    image = np.zeros((1, 2 * multiple, side, 1), np.float32)
    image[:, :, i] = 1
    assert (tile(model, image, o, o + 1, account.halo, multiple) > 0).any()
    assert (tile(model, image, o, o + 1, account.halo - multiple, multiple) == 0).all()
