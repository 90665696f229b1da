from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

import export
import zoo
from export import deliver, to_onnx
from export.onnx_graph import Graph
from export.onnx_nodes import NODES
from zoo.architectures import geometry
from zoo.architectures.layers import CropLike, DepthToSpace, PadToMultiple, SigmaMap
from zoo.errors import InputError, ParityError, UsageError

Small = Callable[..., keras.Model]
SIZES = ((1, 1, 1), (2, 7, 5), (1, 33, 18))


def difference(model: keras.Model, path: Path) -> float:
    """The largest between file and Keras, each asked without the package under test."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for n, height, width in SIZES:
        inputs = [np.random.default_rng(0).random((n, height, width, model.inputs[0].shape[-1]), np.float32)]
        if len(model.inputs) > 1:
            inputs.append(np.linspace(0, 0.2, n, dtype=np.float32)[:, None])
        wanted = np.asarray(keras.ops.convert_to_numpy(model(inputs if len(inputs) > 1 else inputs[0], training=False)))
        found = np.asarray(session.run(["denoised"], dict(zip(["image", "sigma"], inputs, strict=False)))[0])
        assert found.dtype == np.float32 and found.shape == inputs[0].shape
        assert height == 1 or np.abs(wanted - inputs[0]).max() > 0.02  # there was something to get wrong
        worst = max(worst, float(np.abs(found - wanted).max()))
    return worst


CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("resnet", {}),
    ("resnet", {"channels": 3, "takes_sigma": True, "batch_norm": True, "scale": 0.5}),
    ("resnet", {"block": "wide", "scale": 4, "activation": "leaky_relu"}),
    ("resnet", {"channels": 3, "impulses": True}),
    ("resnet", {"skips": False, "downsampling": "pooled", "dropout": 0.3, "standardize": False}),
    ("shallow", {"takes_sigma": True, "output": "sigmoid"}),
    ("deep", {"channels": 3, "activation": "leaky_relu", "output": "tanh", "downsampling": "pooled"}),
    ("unet-skip", {"dropout": 0.2}),
]


@pytest.mark.parametrize(("architecture", "config"), CONFIGS)
def test_every_architecture_and_size(small: Small, tmp_path: Path, architecture: str, config: dict[str, Any]) -> None:
    model = small(architecture, **config)
    parity = to_onnx(model, tmp_path / "m.onnx")
    assert parity.max_abs <= 1e-5 and parity.change_rms > 0.01
    assert difference(model, tmp_path / "m.onnx") <= 1e-5
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.json", "m.onnx.md"]


def test_graph_is_the_network_and_little_else(small: Small, tmp_path: Path) -> None:
    model = small("resnet", channels=3, takes_sigma=True, batch_norm=True)
    to_onnx(model, tmp_path / "m.onnx")
    graph = onnx.load(tmp_path / "m.onnx").graph
    count = Counter(node.op_type for node in graph.node)
    convolutions = [layer.name for layer in model.layers if isinstance(layer, layers.Conv2D)]
    assert [node.name for node in graph.node if node.op_type == "Conv"] == sorted(
        convolutions, key=[node.name for node in graph.node].index
    )
    assert count["Conv"] == len(convolutions)
    # Two to pad: one for sides that are too short to be mirrored.
    assert (count["Transpose"], count["Pad"], count["Slice"], count["BatchNormalization"]) == (2, 2, 1, 0)
    assert len({node.name for node in graph.node}) == len(graph.node)
    assert "encoder_stem_conv/kernel" in {weight.name for weight in graph.initializer}

    def form(tensors: Any) -> list[tuple[str, list[str | int]]]:
        dims = [t.type.tensor_type.shape.dim for t in tensors]
        return [(t.name, [d.dim_param or d.dim_value for d in dim]) for t, dim in zip(tensors, dims, strict=True)]

    assert form(graph.input) == [("image", ["n", "height", "width", 3]), ("sigma", ["n", 1])]
    assert form(graph.output) == [("denoised", ["n", "height", "width", 3])]


def test_metadata(tiny: keras.Model, tmp_path: Path) -> None:
    to_onnx(tiny, tmp_path / "m.onnx", metadata={"name": "tiny", "license": "Apache-2.0"})
    proto = onnx.load(tmp_path / "m.onnx")
    facts = {fact.key: fact.value for fact in proto.metadata_props}
    accounting = zoo.accounting(tiny)
    assert facts["name"] == "tiny" and facts["license"] == "Apache-2.0"
    assert (facts["halo"], facts["multiple_of"]) == (str(accounting.halo), str(accounting.multiple_of))
    assert facts["layout"].startswith("NHWC") and facts["range"].startswith("[0, 1]")
    assert proto.opset_import[0].version == 18 and len(proto.opset_import) == 1


def test_same_weights_same_bytes(small: Small, tmp_path: Path) -> None:
    for name in "ab":
        to_onnx(small("unet-skip"), tmp_path / f"{name}.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_mixed_precision_is_written_in_float32(tmp_path: Path, small: Small) -> None:
    exact = small("resnet")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = small("resnet")
    finally:
        keras.config.set_dtype_policy("float32")
    assert to_onnx(mixed, tmp_path / "m.onnx").max_abs <= 1e-5
    assert difference(exact, tmp_path / "m.onnx") <= 1e-5


# ---- layers ----------------------------------------------------------------------------------------------------------


def stack(*body: Callable[[Any], Any], channels: int = 1) -> keras.Model:
    """image → layers → head; the last layer makes it an image again."""
    image = x = keras.Input((None, None, channels), name="image")
    for layer in body:
        x = layer(x)
    return keras.Model(image, layers.Conv2D(channels, 3, padding="same", name="head")(x))


def conv(features: int = 6, size: int = 3, **options: Any) -> layers.Layer:
    return layers.Conv2D(features, size, padding="same", **options)


def branches(merge: layers.Layer, count: int) -> Callable[[Any], Any]:
    return lambda x: merge([conv(4, name=f"branch_{merge.name}_{i}")(x) for i in range(count)])


def forked(x: Any) -> Any:
    """Normalized on one way and read as it is on the other, behind a layer that does nothing."""
    x = layers.Identity(name="fork")(conv(4, name="forked")(x))
    return layers.Add(name="joined")([x, layers.BatchNormalization(name="one_way")(x)])


def pre_activated() -> keras.Model:
    """Normalized on one way and read as it is on the other, within: what stands before it outside must stay."""
    x = keras.Input((None, None, 4))
    return keras.Model(x, layers.Add()([x, conv(4)(layers.ReLU()(layers.BatchNormalization()(x)))]), name="block")


class OwnNodes(layers.Layer):
    """Of somebody's own: by its looks a model, by its name one of the zoo's layers."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.layers = [layers.ReLU()]

    def call(self, x: Any) -> Any:
        return 2 * self.layers[0](x)

    def geometry(self) -> geometry.Geometry:
        return geometry.Geometry()

    def onnx_nodes(self, graph: Graph, x: str) -> str:
        x = graph.node(f"{self.name}/relu", "Relu", x)
        return graph.node(self.name, "Add", x, x)


class Dense(OwnNodes):
    pass


class OwnConvolution(OwnNodes):
    """A convolution of each channel with itself, which has no bias where a zoo's has one."""

    def call(self, x: Any) -> Any:
        return 2 * x

    def onnx_nodes(self, graph: Graph, x: str) -> str:
        kernel = graph.weight(f"{self.name}/kernel", 2 * np.eye(4)[:, :, None, None])
        return graph.node(self.name, "Conv", x, kernel)


def twice(x: Any) -> Any:
    shared = conv(4, name="shared")
    return shared(shared(conv(4)(x)))


def padded(x: Any) -> Any:
    small = conv(8, strides=2)(PadToMultiple(2)(x))
    return CropLike()(DepthToSpace(2)(small), x)


def shrunk(layer: layers.Layer) -> Callable[[Any], Any]:
    """At half size, doubled again by a layer."""
    return lambda x: CropLike()(layer(conv(8, strides=2)(PadToMultiple(2)(x))), x)


MODELS: dict[str, Callable[[], keras.Model]] = {
    "groups and dilation": lambda: stack(conv(8), conv(4, groups=2, dilation_rate=3, use_bias=False)),
    "even kernel, activations": lambda: stack(conv(4, 2, activation="tanh"), conv(4, 4, activation="relu")),
    "depthwise": lambda: stack(
        layers.DepthwiseConv2D((3, 5), depth_multiplier=2, padding="same", activation="sigmoid"), channels=3
    ),
    "average pooling": lambda: stack(conv(), layers.AveragePooling2D(3, strides=1, padding="same")),
    "max pooling": lambda: stack(conv(), layers.MaxPooling2D((2, 3), strides=1, padding="same")),
    "add three": lambda: stack(branches(layers.Add(name="sum"), 3)),
    "multiply three": lambda: stack(branches(layers.Multiply(name="product"), 3)),
    "subtract": lambda: stack(branches(layers.Subtract(name="difference"), 2)),
    "concatenate": lambda: stack(branches(layers.Concatenate(name="all"), 3)),
    "normalized": lambda: stack(conv(use_bias=False), layers.BatchNormalization(scale=False), layers.ReLU()),
    "normalized alone": lambda: stack(layers.BatchNormalization(center=False), channels=3),
    "normalized after activation": lambda: stack(conv(activation="relu"), layers.BatchNormalization()),
    "normalized on one way": lambda: stack(forked),
    "per channel": lambda: stack(layers.Rescaling([1.5, 2, 0.5], [0.1, 0, -0.1]), layers.LeakyReLU(0.3), channels=3),
    "dropouts": lambda: stack(conv(), layers.Dropout(0.5), layers.SpatialDropout2D(0.5), layers.Activation("tanh")),
    "one layer in two places": lambda: stack(twice),
    "a model in the model": lambda: stack(stack(conv(4), layers.BatchNormalization()), layers.ReLU()),
    "a block in the model": lambda: stack(conv(4), pre_activated()),
    "layers of one's own": lambda: stack(conv(4), OwnNodes(), conv(4), Dense()),
    "normalized behind one of them": lambda: stack(conv(4), OwnConvolution(), layers.BatchNormalization()),
    "padded and cropped": lambda: stack(padded),
    "separable": lambda: stack(layers.SeparableConv2D(6, (3, 5), padding="same", depth_multiplier=2), conv()),
    "separable without bias": lambda: stack(layers.SeparableConv2D(4, 3, padding="same", use_bias=False), conv()),
    "dense": lambda: stack(layers.Dense(5, activation="silu"), layers.Dense(4, use_bias=False)),
    "layer normalization": lambda: stack(conv(), layers.LayerNormalization(), layers.LayerNormalization(scale=False)),
    "softmax": lambda: stack(conv(), layers.Softmax()),
    "slopes": lambda: stack(conv(), layers.PReLU(shared_axes=[1, 2]), layers.ReLU(negative_slope=0.1), layers.ELU(0.7)),
    "clipped": lambda: stack(conv(), layers.ReLU(max_value=0.05)),
    "mean, larger, smaller": lambda: stack(
        branches(layers.Average(name="mean"), 3),
        branches(layers.Maximum(name="larger"), 2),
        branches(layers.Minimum(name="smaller"), 3),
    ),
    "noises": lambda: stack(conv(), layers.GaussianNoise(0.5), layers.GaussianDropout(0.5)),
    "margins": lambda: stack(layers.ZeroPadding2D(((1, 2), (3, 0))), conv(), layers.Cropping2D(((2, 1), (3, 0)))),
    "transposed": lambda: stack(
        *(shrunk(layers.Conv2DTranspose(5, size, strides=2, padding="same")) for size in (2, 3, 4, 1)),
    ),
    "transposed without padding": lambda: stack(
        shrunk(layers.Conv2DTranspose(5, 2, strides=2, padding="valid", use_bias=False)),
        shrunk(layers.Conv2DTranspose(5, 1, strides=2, padding="valid")),
    ),
    "upsampled": lambda: stack(
        shrunk(layers.UpSampling2D(2)), shrunk(layers.UpSampling2D(2, interpolation="bilinear"))
    ),
    **{
        f"activation {name}": lambda name=name: stack(conv(activation=name), layers.Activation(name))
        for name in ("elu", "selu", "softplus", "softsign", "silu", "gelu", "leaky_relu")
    },
    **{
        f"activation {name}": lambda name=name: stack(conv(activation=name), layers.Activation(name))
        for name in ("relu6", "hard_silu", "hard_sigmoid", "mish")
    },
    "layers as activations": lambda: stack(conv(activation=layers.LeakyReLU(0.3)), conv(activation=layers.ReLU(6))),
    "operations": lambda: stack(
        lambda x: x - conv(1)(x),
        lambda x: keras.ops.maximum(x, conv(1)(x)) * conv(1)(x),
        lambda x: keras.ops.concatenate([x, keras.ops.minimum(x, conv(1)(x) + x)], axis=-1),
    ),
    "names of the interface": lambda: stack(conv(name="sigma"), conv(name="denoised")),
    "sequential": lambda: keras.Sequential([keras.Input((None, None, 1)), conv(4), layers.ReLU(), conv(1)]),
}


@pytest.mark.parametrize("what", MODELS)
def test_layers(shaken: Callable[[keras.Model], keras.Model], tmp_path: Path, what: str) -> None:
    model = shaken(MODELS[what]())
    assert to_onnx(model, tmp_path / "m.onnx").max_abs <= 1e-5
    assert difference(model, tmp_path / "m.onnx") <= 1e-5


def test_every_layer_was_tried(small: Small) -> None:
    tried = {type(layer).__name__ for make in MODELS.values() for layer in make().layers}
    tried |= {type(layer).__name__ for name, config in CONFIGS for layer in small(name, **config).layers}
    assert SigmaMap.__name__ in tried
    assert set(NODES) <= tried
    assert set(NODES) == set(geometry._RULES) - {"InputLayer"}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: layers.RandomContrast(0.1, name="odd"), r"'odd' \(RandomContrast\) is not known"),
        (lambda: layers.ReLU(threshold=0.1, name="odd"), "'odd' has a threshold"),
        (lambda: layers.Activation("exponential", name="odd"), "'odd' has activation 'exponential'"),
        (lambda: layers.Conv2DTranspose(4, 3, dilation_rate=2, padding="same", name="odd"), "'odd' .* dilation"),
        (lambda: layers.BatchNormalization(axis=1, name="odd"), "'odd' .* along axis 1"),
        (lambda: layers.GroupNormalization(2, name="odd"), "'odd' .* looks at the whole image"),
        (lambda: layers.Conv2D(4, 3, name="odd"), "makes 6×6 pixels of 8×8; expected as many: padding='same'"),
    ],
)
def test_layers_that_are_not_known(tmp_path: Path, layer: Callable[[], layers.Layer], message: str) -> None:
    image = keras.Input((8, 8, 4), name="image")
    with pytest.raises(UsageError, match=message):
        to_onnx(keras.Model(image, layer()(image)), tmp_path / "m.onnx")
    assert not os.listdir(tmp_path)


def test_a_level_is_no_image(tmp_path: Path) -> None:
    image, sigma = keras.Input((None, None, 1)), keras.Input((1,))
    told = layers.Multiply()([conv(4)(image), layers.Dense(4, name="odd")(sigma)])
    with pytest.raises(UsageError, match=r"layer 'odd' \(Dense\) takes a tensor of shape \(None, 1\); .*SigmaMap"):
        to_onnx(keras.Model([image, sigma], conv(1)(told)), tmp_path / "m.onnx")


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_layer_of_two_outputs_is_named(tmp_path: Path) -> None:
    x = keras.Input((None, None, 2))
    nested = keras.Model(x, [layers.Conv2D(1, 3, padding="same")(x), layers.Conv2D(1, 1)(x)], name="nest")
    image = keras.Input((None, None, 1))
    one, other = nested(layers.Concatenate()([image, image]))
    with pytest.raises(UsageError, match="layer 'nest' gives 2 outputs"):
        export.to_onnx(keras.Model(image, layers.Add()([one, other])), tmp_path / "m.onnx")


def test_what_a_killed_export_left_is_swept(tiny: keras.Model, tmp_path: Path) -> None:
    program = (
        f"from zoo.atomic import folder_beside\nimport os\nwith folder_beside({str(tmp_path / 'x')!r}, "
        "foreign=lambda _: []) as p:\n    (p / 'half').touch(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert len(list(tmp_path.iterdir())) == 1
    export.to_onnx(tiny, tmp_path / "m.onnx")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.onnx", "m.onnx.json", "m.onnx.md"]


def test_what_no_export_wrote_beside_a_file_is_not_lost(tiny: keras.Model, tmp_path: Path) -> None:
    page, report = tmp_path / "m.onnx.md", tmp_path / "m.onnx.json"
    for file in (page, report):
        file.write_text("mine", encoding="utf-8")
        with pytest.raises(UsageError, match=f"comes with {file.name}, where something else is; choose another name"):
            export.to_onnx(tiny, tmp_path / "m.onnx")
        assert [left.name for left in tmp_path.iterdir()] == [file.name] and file.read_text(encoding="utf-8") == "mine"
        file.unlink()
    for _ in range(2):  # its own are replaced, and made anew
        export.to_onnx(tiny, tmp_path / "m.onnx")
        page.unlink()
        export.to_onnx(tiny, tmp_path / "m.onnx")
    page.write_text(page.read_text(encoding="utf-8") + "And my own notes.\n", encoding="utf-8")
    with pytest.raises(UsageError, match="comes with m.onnx.md"):
        export.to_onnx(tiny, tmp_path / "m.onnx")
    report.unlink()
    with pytest.raises(UsageError, match="comes with m.onnx.md"):
        export.to_onnx(tiny, tmp_path / "m.onnx")


@pytest.mark.parametrize("into", [deliver.deliver_file, deliver.deliver_folder])
def test_a_full_disk_is_told_whatever_a_library_says(
    into: Any, tiny: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path) -> None:
        raise error

    options = {"ending": ".onnx"} if into is deliver.deliver_file else {}
    error: Exception = RuntimeError("basic_ios::clear: iostream error")
    with pytest.raises(RuntimeError, match="basic_ios"):  # of another cause
        into(tiny, tmp_path / "m.onnx", write, guide="", **options)
    monkeypatch.setattr(deliver.shutil, "disk_usage", lambda _: SimpleNamespace(free=300_000))
    with pytest.raises(InputError, match="cannot be written: the disk of .* is full"):
        into(tiny, tmp_path / "m.onnx", write, guide="", **options)
    monkeypatch.undo()
    error = OSError(5, "Input/output error")
    with pytest.raises(InputError, match="m.onnx' cannot be written .*Input/output error"):
        into(tiny, tmp_path / "m.onnx", write, guide="", **options)
    assert not list(tmp_path.iterdir())


def test_mismatch_leaves_what_was_there(tiny: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    path.write_text("earlier")

    def wrong(graph: Graph, layer: Any, x: str) -> str:
        return graph.node(layer.name, "Sigmoid", x)

    monkeypatch.setitem(NODES, "ReLU", wrong)
    with pytest.raises(ParityError, match="differs from its Keras model"):
        to_onnx(tiny, path)
    assert os.listdir(tmp_path) == ["m.onnx"] and path.read_text() == "earlier"


@pytest.mark.parametrize("opset", [17, 9999, "18", True])
def test_opset(tiny: keras.Model, tmp_path: Path, opset: Any) -> None:
    with pytest.raises(UsageError, match="opset"):
        to_onnx(tiny, tmp_path / "m.onnx", opset=opset)


def test_a_damaged_file_has_no_parity(tiny: keras.Model, tmp_path: Path) -> None:
    for name, content in (("m.onnx", b"no model"), ("m.tflite", b"no model either")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=r"cannot run [^\n]*expected a whole file"):
            export.check_parity(tiny, tmp_path / name)


def test_later_opset(tiny: keras.Model, tmp_path: Path) -> None:
    to_onnx(tiny, tmp_path / "m.onnx", opset=21)
    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == 21


def test_places_that_cannot_be(tiny: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        to_onnx(tiny, tmp_path)
    with pytest.raises(InputError, match="no existing folder"):
        to_onnx(tiny, tmp_path / "no" / "m.onnx")


JAX = """
import keras, zoo
from export import to_onnx, to_saved_model
assert keras.backend.backend() == "jax"
keras.utils.set_random_seed(0)
model = zoo.build("shallow", widths=(4,), depth=1)
print(to_onnx(model, "m.onnx").max_abs <= 1e-5)
try:
    to_saved_model(model, "saved")
except zoo.ZooError as error:
    print(error)
"""


def test_another_backend(tmp_path: Path) -> None:
    """ONNX files come from any; a SavedModel is TensorFlow's."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(Path(__file__).parents[2])}
    run = subprocess.run([sys.executable, "-c", JAX], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[0] == "True" and "set KERAS_BACKEND=tensorflow" in run.stdout
    assert sorted(os.listdir(tmp_path)) == ["m.onnx", "m.onnx.json", "m.onnx.md"]
