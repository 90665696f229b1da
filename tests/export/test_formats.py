"""Every format, for every architecture, gray and colour, with and without the noise level."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from PIL import ExifTags, Image

import export
import zoo
import zoo.cli.export as export_command
from export.loss import Photographs
from export.onnx_file import onnx_model
from export.onnx_int8 import _Quantizer
from export.parity import SIZES
from export.runtimes import runners
from zoo.cli import main
from zoo.errors import ParityError, UsageError
from zoo.noise import noise_from_name

Small = Callable[..., keras.Model]
ARCHITECTURES = ("shallow", "deep", "unet-skip", "resnet")
# Format → (function, ending, arguments, largest difference; None for 8 bits).
FORMATS: dict[str, tuple[str, str, dict[str, Any], float | None]] = {
    "onnx": ("to_onnx", ".onnx", {}, 1e-5),
    "onnx nchw": ("to_onnx", ".onnx", {"layout": "nchw"}, 1e-5),
    "onnx uint8": ("to_onnx", ".onnx", {"io": "uint8"}, 0.5 / 255 + 1e-5),
    "onnx nchw uint8": ("to_onnx", ".onnx", {"layout": "nchw", "io": "uint8"}, 0.5 / 255 + 1e-5),
    "onnx-fp16": ("to_onnx_fp16", ".onnx", {}, 0.01),
    "onnx-int8": ("to_onnx_int8", ".onnx", {"limit": None, "progress": False}, None),
    "saved-model": ("to_saved_model", "", {}, 1e-5),
    "triton": ("to_triton", "", {}, 1e-5),
    "litert": ("to_litert", ".tflite", {}, 1e-5),
    "litert-int8": ("to_litert_int8", ".tflite", {"limit": None}, None),
    "openvino": ("to_openvino", "", {}, 1e-5),
}
ALL = list(itertools.product(FORMATS, ARCHITECTURES, (1, 3), (False, True)))


def pairwise() -> list[tuple[str, str, int, bool]]:
    """Each format with each architecture, and each of both with each kind of image and input."""
    chosen = []
    for i, name in enumerate(FORMATS):
        for j, architecture in enumerate(ARCHITECTURES):
            chosen.append((name, architecture, (1, 3)[(i + j) % 2], bool((i + j // 2) % 2)))
    return chosen


def test_the_selection_has_every_pair() -> None:
    for a, b in itertools.combinations(range(4), 2):
        wanted = {(case[a], case[b]) for case in ALL}
        assert {(case[a], case[b]) for case in pairwise()} == wanted


def check(small: Small, folder: Path, name: str, architecture: str, channels: int, takes_sigma: bool) -> None:
    function, ending, arguments, tolerance = FORMATS[name]
    model = small(architecture, channels=channels, takes_sigma=takes_sigma)
    path = folder / f"model{ending}"
    parity = getattr(export, function)(model, path, metadata={"name": "mine"}, **arguments)
    if tolerance is None:  # 8 bits: what they change is little beside what the model changes
        assert 10 ** (-parity.psnr / 20) <= 0.1 * parity.change_rms
    else:
        assert parity.max_abs <= tolerance
    assert parity.change_rms > 0.01
    assert {n for n, _, _ in parity.sizes} == {1, 3} and len(parity.sizes) >= 6 and (1, 1, 1) in parity.sizes
    report = json.loads((path / "parity.json" if path.is_dir() else folder / f"{path.name}.json").read_text())
    assert report["max_abs"] == parity.max_abs and len(report["sizes"]) == len(SIZES)
    assert report["versions"]["keras"] == keras.__version__
    page = (path / "README.md" if path.is_dir() else folder / f"{path.name}.md").read_text()
    assert page.startswith("# mine: ") and "import zoo" not in page and ("sigma" in page) == takes_sigma


@pytest.mark.parametrize(("name", "architecture", "channels", "takes_sigma"), pairwise())
def test_a_selection(
    small: Small, tmp_path: Path, name: str, architecture: str, channels: int, takes_sigma: bool
) -> None:
    check(small, tmp_path, name, architecture, channels, takes_sigma)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "architecture", "channels", "takes_sigma"), ALL)
def test_all(small: Small, tmp_path: Path, name: str, architecture: str, channels: int, takes_sigma: bool) -> None:
    check(small, tmp_path, name, architecture, channels, takes_sigma)


# ---- models that are not the zoo's own -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_file(shaken: Callable[[keras.Model], keras.Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A U-Net as in many a course, for one size, in a .keras file."""
    layers = keras.layers
    image = keras.Input((64, 64, 3), name="picture")
    fine = layers.LeakyReLU(0.1)(layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same")(image)))
    coarse = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D(2)(fine))
    coarse = layers.Conv2D(8, 3, padding="same", activation="gelu")(layers.MaxPooling2D(2)(coarse))
    back = layers.UpSampling2D(2)(coarse)
    back = layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(back)
    joined = layers.Dropout(0.2)(layers.Concatenate()([fine, back]))
    path = tmp_path_factory.mktemp("own") / "mine.keras"
    shaken(keras.Model(image, layers.Conv2D(3, 1)(joined), name="mine")).save(path)
    return path


def enlarging(kind: str) -> keras.Model:
    """Models with convolutions right behind what enlarges, and names that are no scopes of TensorFlow."""
    layers = keras.layers
    image = keras.Input((None, None, 1), name="my picture")
    if kind == "sequential":
        behind = [layers.Conv2D(4, 3, padding="same", name="编码"), layers.MaxPooling2D(2), layers.UpSampling2D(2)]
        return keras.Sequential([image, *behind, layers.Conv2D(1, 3, padding="same", name="解码")])
    if kind == "shared":
        inner = keras.Input((None, None, 1))
        conv = layers.Conv2D(1, 3, padding="same", name="a b")
        half = keras.Model(inner, conv(layers.UpSampling2D(2)(layers.MaxPooling2D(2)(conv(inner)))), name="the half")
        return keras.Model(image, layers.Add(name="a_b")([half(image), half(half(image))]))
    fine = layers.Conv2D(4, 3, padding="same", activation="relu", name="größe ä")(image)
    coarse = layers.Conv2D(6, 3, padding="same", activation="relu", name="größe ö")(layers.MaxPooling2D(2)(fine))
    back = layers.UpSampling2D(2, interpolation=kind)(coarse)
    back = layers.Conv2D(4, 3, padding="same", activation="relu")(back)
    noise = layers.Conv2D(1, 3, padding="same")(layers.Concatenate()([fine, back]))
    return keras.Model(image, layers.Subtract()([image, noise]), name="_my model")


@pytest.fixture(scope="module", params=["nearest", "bilinear", "sequential", "shared"])
def enlarging_file(
    request: pytest.FixtureRequest, shaken: Callable[[keras.Model], keras.Model], tmp_path_factory: Any
) -> Path:
    path = tmp_path_factory.mktemp("own") / "mine.keras"
    shaken(enlarging(request.param)).save(path)
    return path


@pytest.mark.parametrize("kind", ["onnx", "saved-model", "litert", pytest.param("openvino", marks=pytest.mark.slow)])
def test_what_enlarges_and_names_of_all_kinds(enlarging_file: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / {"onnx": "m.onnx", "litert": "m.tflite"}.get(kind, "m")
    assert main(["export", str(enlarging_file), "--to", kind, "-o", str(path)]) == 0


@pytest.fixture(scope="module")
def tuned_entry(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An entry that was trained a little further, and published to a folder."""
    folder = tmp_path_factory.mktemp("tuned")
    model = small("unet-skip", channels=1)
    photographs = [np.random.default_rng(i).integers(0, 256, (48, 48), np.uint8) for i in range(4)]
    zoo.fit(model, photographs, noise="gaussian:5-30", steps=2, batch=2, patch=16, progress=False)
    config = {"channels": 1, "widths": [4, 6, 8], "depth": 1}
    facts: dict[str, Any] = {"noise": "gaussian:5-30", "recipe": {}, "training_data": {}}
    export.publish(model, folder / "tuned", architecture="unet-skip", config=config, **facts)
    return folder / "tuned"


@pytest.mark.parametrize("kind", export_command.FORMATS)
@pytest.mark.parametrize("whose", ["own_file", "tuned_entry"])
def test_models_of_ones_own(request: pytest.FixtureRequest, tmp_path: Path, kind: str, whose: str) -> None:
    """Fine-tuned entries and .keras files go through every format that the command has."""
    source = request.getfixturevalue(whose)
    options = ["--runtime", str(request.getfixturevalue("web_runtime"))] if kind == "web" else []
    options += ["--accept-loss", "100"] if "accept_loss" in export_command.FORMATS[kind].options else []
    path = tmp_path / {"onnx": "m.onnx", "litert": "m.tflite"}.get(kind.partition("-")[0], "m")
    assert main(["export", str(source), "--to", kind, "-o", str(path), *options]) == 0
    report = path / "parity.json" if path.is_dir() else tmp_path / f"{path.name}.json"
    limit = {"onnx-fp16": 0.02, "onnx-int8": 0.5, "litert-int8": 0.5}.get(kind, 1e-5)
    found = json.loads(report.read_text())
    # The ways that give 8 bits round.
    assert found["max_abs"] <= limit and found["change_rms"] > 0.01 and [1, 1, 1] in found["sizes"]


# ---- the pages' programs ---------------------------------------------------------------------------------------------


PROGRAMS = ["onnx", "onnx nchw", "onnx uint8", "onnx nchw uint8", "saved-model", "litert", "openvino"]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize(("channels", "takes_sigma"), [(1, True), (3, False)])
def test_the_program_of_the_page_runs(
    small: Small, tmp_path: Path, name: str, channels: int, takes_sigma: bool
) -> None:
    """Copied from the page, in a process without the project, it gives what Keras gives, to a step of 8 bits."""
    function, ending, arguments, _ = FORMATS[name]
    model = small("unet-skip", channels=channels, takes_sigma=takes_sigma)
    path = tmp_path / f"model{ending}"
    getattr(export, function)(model, path, **arguments)
    page = (path / "README.md" if path.is_dir() else tmp_path / f"{path.name}.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(program.splitlines()) <= 24
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), np.uint8)[..., : 3 if channels == 3 else 1]
    file = image.squeeze(-1) if channels == 1 else image
    exif = Image.Exif()
    if name != "saved-model":  # as a camera that was held upright has it
        file, exif[ExifTags.Base.Orientation] = np.rot90(file), 6
    Image.fromarray(file).save(tmp_path / "in.png", exif=exif)
    blocked = 'import sys; sys.modules["zoo"] = sys.modules["export"] = None\n'
    subprocess.run(
        [sys.executable, "-c", blocked + program, tmp_path / "in.png", tmp_path / "out.png"],
        cwd=path if path.is_dir() else tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    inputs = [image[None] / np.float32(255), *([np.array([[25 / 255]], np.float32)] if takes_sigma else [])]
    expected = 255 * np.clip(model(inputs if takes_sigma else inputs[0], training=False).numpy()[0], 0, 1)
    found = np.asarray(Image.open(tmp_path / "out.png")).reshape(image.shape)
    assert np.abs(found - expected).max() <= 0.51
    if name != "saved-model" and channels == 1:  # Pillow would make white of 16 bits
        Image.fromarray(np.full((9, 9), 30000, np.uint16)).save(tmp_path / "in.png")
        command = [sys.executable, "-c", blocked + program, tmp_path / "in.png", tmp_path / "deep.png"]
        done = subprocess.run(command, cwd=path if path.is_dir() else tmp_path, capture_output=True, text=True)
        assert done.returncode and "expected a picture of 8 bits" in done.stderr


# ---- each format -----------------------------------------------------------------------------------------------------


def test_triton_understands_the_repository(small: Small, tmp_path: Path) -> None:
    """Read by Triton's own schema, and compared with the model in it."""
    from tritonclient.grpc import model_config_pb2

    model = small("resnet", channels=3, takes_sigma=True)
    export.to_triton(model, tmp_path / "models", io="uint8", metadata={"name": "mine"})
    folder = tmp_path / "models" / "mine"
    config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    graph = onnx.load(folder / "1" / config.default_model_filename).graph
    assert (config.name, config.backend, config.max_batch_size) == ("mine", "onnxruntime", 8)
    assert config.HasField("dynamic_batching") and len(config.model_warmup) == 1
    kinds = {onnx.TensorProto.UINT8: model_config_pb2.TYPE_UINT8, onnx.TensorProto.FLOAT: model_config_pb2.TYPE_FP32}
    for theirs, ours in ((config.input, graph.input), (config.output, graph.output)):
        for part, tensor in zip(theirs, ours, strict=True):
            kind = tensor.type.tensor_type
            assert (part.name, part.data_type) == (tensor.name, kinds[kind.elem_type])
            assert list(part.dims) == [dim.dim_value or -1 for dim in kind.shape.dim][1:]
    warm = config.model_warmup[0].inputs
    assert {name: warm[name].data_type for name in warm} == {part.name: part.data_type for part in config.input}
    with pytest.raises(UsageError, match="model name 'a b'"):
        export.to_triton(model, tmp_path / "other", metadata={"name": "a b"})
    export.to_triton(model, tmp_path / "models", metadata={"name": "mine"})  # again
    with pytest.raises(UsageError, match="holds mine, which would be lost"):
        export.to_triton(model, tmp_path / "models", metadata={"name": "another"})
    assert [place.parent.name for place in (tmp_path / "models").glob("*/config.pbtxt")] == ["mine"]
    with (folder / "config.pbtxt").open("a") as file:
        file.write("instance_group [ { count: 2 } ]\n")
    with pytest.raises(UsageError, match=r"holds mine/config.pbtxt \(edited\), which would be lost"):
        export.to_triton(model, tmp_path / "models", metadata={"name": "mine"})
    assert "instance_group" in (folder / "config.pbtxt").read_text()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_graphs_are_clean(small: Small, tmp_path: Path, architecture: str) -> None:
    """Nothing but the network, one transposition on either side, two nodes for padding, and one for cropping."""
    plain = small(architecture, channels=3)
    export.to_onnx(plain, tmp_path / "m.onnx")
    count = Counter(node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node)
    layers = Counter(type(layer).__name__ for layer in plain.layers)
    assert count["Conv"] == layers["Conv2D"] and count["Relu"] == layers["ReLU"]
    assert count["DepthToSpace"] == layers["DepthToSpace"]
    assert (count["Transpose"], count["Shape"], count["Pad"], count["Slice"]) == (2, 1, 2, 1)
    assert not count.keys() & {"Gather", "Cast", "Reshape", "BatchNormalization", "Resize", "Tile", "Identity"}
    # One before each sum with what depth-to-space gave.
    assert count["MaxPool"] == sum(layer.name.endswith("_skip") for layer in plain.layers)
    # Rescaling: a product and a sum each; padding: nine on the size.
    assert sum(count.values()) == (
        layers["Conv2D"] + layers["ReLU"] + layers["DepthToSpace"] + layers["Add"] + layers["Subtract"]
        + 2 * layers["Rescaling"] + 2 + 4 + 9 + count["MaxPool"]
    )  # fmt: skip


def test_residual_chains_are_no_passes_of_their_own(small: Small, tmp_path: Path) -> None:
    """ONNX Runtime adds shortcuts inside its convolutions, and leaves their layout for depth-to-space alone."""
    model = small("resnet", channels=3, widths=(16, 32))
    export.to_onnx(model, tmp_path / "m.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(tmp_path / "optimized.onnx").graph.node
    count = Counter(node.op_type for node in nodes)
    if not count["ReorderInput"]:
        pytest.skip("a processor for which it has no such layout")
    assert (count["ReorderInput"], count["ReorderOutput"]) == (1, count["DepthToSpace"])
    sums = [node for node in nodes if node.op_type == "Conv" and len(node.input) == 4]
    assert len(sums) == sum(isinstance(layer, keras.layers.Add) for layer in model.layers) - 1  # that with the skip
    export.to_onnx(small("resnet", channels=3, impulses=True), tmp_path / "impulses.onnx")
    written = Counter(node.op_type for node in onnx.load(tmp_path / "impulses.onnx").graph.node)
    assert (written["MaxPool"], written["DepthToSpace"]) == (1, 2)  # none before products


def test_int8_leaves_layers_in_float_until_little_is_lost(tmp_path: Path) -> None:
    model = zoo.load_keras("shallow-gaussian-gray")
    with pytest.raises(ParityError, match="expected at most 1e-09"):
        export.to_onnx_int8(model, tmp_path / "m.onnx", limit=1e-9, progress=False)
    assert not os.listdir(tmp_path)
    export.to_onnx_int8(model, tmp_path / "m.onnx", progress=False)
    report = json.loads((tmp_path / "m.onnx.json").read_text())
    assert [row["noise"] for row in report["loss"]] == ["gaussian:15", "gaussian:25", "gaussian:50"]
    assert max(row["db"] for row in report["loss"]) <= 0.1
    graph = onnx.load(tmp_path / "m.onnx").graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    makers = {output: node.op_type for node in graph.node for output in node.output}
    in_float = [node.name for node in convolutions if makers[node.input[0]] != "DequantizeLinear"]
    assert sorted(in_float) == sorted(report["in_float"]) and len(in_float) < len(convolutions)


def test_a_picture_that_comes_out_unchanged_is_no_loss() -> None:
    """Of rare noise, some pictures have none: their PSNR is infinite, before and after."""
    photographs = Photographs(None, 1, noise_from_name("blocks:0.01?"))
    (loss,) = photographs.losses(lambda noisy, _: noisy, lambda noisy, _: noisy)
    assert loss.db == 0 and np.isfinite(loss.float32)


def test_in_8_bits_the_sums_of_a_stream_are_not_rounded(small: Small, tmp_path: Path) -> None:
    model = small("resnet", channels=1)
    export.to_onnx_int8(model, tmp_path / "m.onnx", limit=None, progress=False)
    graph = onnx.load(tmp_path / "m.onnx").graph
    made = {output: node for node in graph.node for output in node.output}
    rounded, exact = 0, 0
    for add in (node for node in graph.node if node.op_type == "Add"):
        for maker in (made[name] for name in add.input if name in made):
            if maker.op_type == "DequantizeLinear":  # what a convolution of 8 bits gave
                assert made[made[maker.input[0]].input[0]].op_type in ("Conv", "Relu")
                rounded += 1
            exact += maker.op_type == "Add"
    assert rounded and exact


def test_with_bytes_8_bits_are_calibrated_on_the_same_pictures(tmp_path: Path) -> None:
    """And measured on them: the same figures but for what rounding to bytes, and little noise's cut, cost."""
    model, lost = zoo.load_keras("resnet-gaussian-gray-tiny"), {}
    for io in ("float32", "uint8"):
        export.to_onnx_int8(model, tmp_path / f"{io}.onnx", io=io, limit=None, progress=False)
        lost[io] = json.loads((tmp_path / f"{io}.onnx.json").read_text())["loss"]
    one, other = (next(row for row in rows if row["noise"] == "gaussian:15") for rows in lost.values())
    assert other["float32"] == pytest.approx(one["float32"], abs=0.2) and one["float32"] > 30
    assert other["int8"] == pytest.approx(one["int8"], abs=0.2)


def test_in_8_bits_two_products_fit_in_16_bits(small: Small, tmp_path: Path) -> None:
    """Else processors without VNNI, which add two at a time, give another picture; most that test this have it."""
    export.to_onnx_int8(small("resnet", channels=1), tmp_path / "m.onnx", limit=None, progress=False)
    graph = onnx.load(tmp_path / "m.onnx").graph
    made = {output: node for node in graph.node for output in node.output}
    numbers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = [numbers[made[node.input[1]].input[0]] for node in graph.node if node.op_type == "Conv"]
    assert weights and all(array.dtype == np.int8 for array in weights)
    assert max(int(np.abs(array.astype(int)).max()) for array in weights) * 255 * 2 <= np.iinfo(np.int16).max


def test_in_8_bits_what_stays_in_float_is_read_and_given_in_float(small: Small, tmp_path: Path) -> None:
    model = small("resnet", channels=1)
    proto = onnx_model(model, layout="nhwc", io="float32", metadata={}, opset=18)
    photographs = Photographs(None, 1, zoo.Gaussian((0, 55)))
    in_float = ["encoder_stem_conv", "encoder_0_0_b_conv"]
    quantizer = _Quantizer(proto, tmp_path, photographs, {})
    assert set(in_float) < set(quantizer.convs)
    graph = quantizer.quantized(in_float).graph
    made = {output: node for node in graph.node for output in node.output}
    exact = [node for node in graph.node if node.op_type == "Conv" and node.name in in_float]
    for node in exact:
        # Its input is rounded only where a convolution of 8 bits gave it.
        maker = made[node.input[0]]
        if maker.op_type == "DequantizeLinear":
            assert made[made[maker.input[0]].input[0]].op_type in ("Conv", "Relu")
        readers = [reader for reader in graph.node if node.output[0] in reader.input]
        assert {reader.op_type for reader in readers} <= {"Relu", "Add"}


def test_own_pictures_calibrate(small: Small, tmp_path: Path) -> None:
    model = small("shallow", channels=3)
    (tmp_path / "photos").mkdir()
    for i, side in enumerate((300, 20)):
        pixels = np.random.default_rng(i).integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
    options: dict[str, Any] = {"limit": None, "progress": False}
    export.to_onnx_int8(model, tmp_path / "m.onnx", calibration=tmp_path / "photos", **options)
    (tmp_path / "photos" / "0.png").unlink()
    for folder in ("photos", "nowhere"):
        with pytest.raises(Exception, match="no (colour )?pictures"):
            export.to_onnx_int8(model, tmp_path / "n.onnx", calibration=tmp_path / folder, **options)
    assert not (tmp_path / "n.onnx").exists()


def test_calibration_holds_what_it_needs_and_no_whole_pictures(tmp_path: Path) -> None:
    from export.loss import GATE_SIDE, Photographs

    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (400, 900, 3), np.uint8)).save(tmp_path / f"{i}.png")
    photographs = Photographs(tmp_path, 3, zoo.noise_from_name("gaussian:25"))
    arrays = [array for array, _ in photographs.calibration] + [row[-1] for row in photographs._gate]
    assert len(arrays) == 3 * 6 + 3
    assert all(array.base is None or array.base.size <= GATE_SIDE**2 * 3 for array in arrays)


def test_litert_and_openvino_take_any_size(small: Small, tmp_path: Path) -> None:
    model = small("deep", channels=1)
    export.to_litert(model, tmp_path / "m.tflite")
    export.to_openvino(model, tmp_path / "ov")
    for artifact in (tmp_path / "m.tflite", tmp_path / "ov"):
        (runner,) = runners(artifact).values()
        for shape in ((1, 1, 1, 1), (2, 3, 200, 1), (1, 200, 3, 1)):
            image = np.random.default_rng(0).random(shape, np.float32)
            np.testing.assert_allclose(runner.run([image]), model(image, training=False).numpy(), atol=1e-5)


def test_litert_in_8_bits_loses_little(tmp_path: Path) -> None:
    model = zoo.load_keras("shallow-gaussian-gray")
    with pytest.raises(ParityError, match="expected at most 1e-09"):
        export.to_litert_int8(model, tmp_path / "m.tflite", limit=1e-9)
    assert not os.listdir(tmp_path)
    export.to_litert_int8(model, tmp_path / "m.tflite")
    assert max(row["db"] for row in json.loads((tmp_path / "m.tflite.json").read_text())["loss"]) <= 0.1
    export.to_litert(model, tmp_path / "whole.tflite")
    assert (tmp_path / "m.tflite").stat().st_size < 0.5 * (tmp_path / "whole.tflite").stat().st_size
