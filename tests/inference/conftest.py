"""A toy entry: a graph of random weights with strides, padding and depth-to-space, as the real ones have them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx.helper
import onnx.numpy_helper
import onnx.parser
import onnxruntime
import pytest

from zoo.pretrained import Pretrained

TOY_MULTIPLE_OF = 4
# Counted by hand: rows p-1..p+1 (last convolution), the four rows of their cells at a quarter of the size, a cell on
# either side (1 + 3 + 4), and 1 + 2 + 1 rows more below for the strided convolutions and the first one.
TOY_HALO = 12

GRAPH = """
<ir_version: 9, opset_import: ["" : 18]>
toy (float[n, height, width, {c}] image{sigma}) => (float[n, height, width, {c}] denoised)
{{
    x = Transpose <perm = [0, 3, 1, 2]> (image)
    rows = Shape <start = 2, end = 3> (x)
    columns = Shape <start = 3, end = 4> (x)
    padded_rows = Add (rows, three)
    row_cells = Div (padded_rows, four)
    row_end = Mul (row_cells, four)
    row_end_scalar = Squeeze (row_end)
    row_numbers = Range (zero, row_end_scalar, one)
    last_row = Sub (rows, one)
    row_index = Min (row_numbers, last_row)
    padded_columns = Add (columns, three)
    column_cells = Div (padded_columns, four)
    column_end = Mul (column_cells, four)
    column_end_scalar = Squeeze (column_end)
    column_numbers = Range (zero, column_end_scalar, one)
    last_column = Sub (columns, one)
    column_index = Min (column_numbers, last_column)
    tall = Gather <axis = 2> (x, row_index)
    padded = Gather <axis = 3> (tall, column_index)
    a0 = Conv <auto_pad = "SAME_UPPER"> (padded, first)
    a = LeakyRelu (a0)
    b0 = Conv <auto_pad = "SAME_UPPER", strides = [2, 2]> (a, half)
    b = LeakyRelu (b0)
    c0 = Conv <auto_pad = "SAME_UPPER", strides = [2, 2]> (b, quarter)
    c = LeakyRelu (c0)
    d0 = Conv <auto_pad = "SAME_UPPER"> (c, wide)
    d = LeakyRelu (d0)
    e0 = Conv (d, spread)
    e = DepthToSpace <blocksize = 4, mode = "CRD"> (e0)
    f = Conv <auto_pad = "SAME_UPPER"> (e, last)
    ends = Concat <axis = 0> (rows, columns)
    cropped = Slice (f, corner, ends, axes)
    noise = Transpose <perm = [0, 2, 3, 1]> (cropped)
    {output}
}}
"""


def toy_graph(channels: int, takes_sigma: bool) -> bytes:
    """The graph, serialized. With sigma, the level itself is subtracted as well."""
    output = "denoised = Sub (image, noise)"
    if takes_sigma:
        output = "level = Reshape (sigma, flat)\n    clean = Sub (image, noise)\n    denoised = Sub (clean, level)"
    sigma = ", float[n, 1] sigma" if takes_sigma else ""
    model = onnx.parser.parse_model(GRAPH.format(c=channels, sigma=sigma, output=output))
    rng = np.random.default_rng(0)
    shapes = {
        "first": (6, channels, 3, 3),
        "half": (8, 6, 3, 3),
        "quarter": (8, 8, 3, 3),
        "wide": (8, 8, 3, 3),
        "spread": (16 * channels, 8, 1, 1),
        "last": (channels, channels, 3, 3),
    }
    weights = {k: rng.normal(0, np.prod(s[1:]) ** -0.5, s).astype(np.float32) for k, s in shapes.items()}
    numbers = {"zero": 0, "one": 1, "three": [3], "four": [4], "corner": [0, 0], "axes": [2, 3]}
    if takes_sigma:
        numbers["flat"] = [-1, 1, 1, 1]
    constants = weights | {k: np.array(v, np.int64) for k, v in numbers.items()}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(v, k) for k, v in constants.items())
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def make_entry(folder: Path, *, channels: int = 1, takes_sigma: bool = False, graph: bytes | None = None) -> Pretrained:
    """An entry in ``folder``, around the toy graph or another."""
    folder.mkdir(parents=True)
    data = toy_graph(channels, takes_sigma) if graph is None else graph
    (folder / "model.onnx").write_bytes(data)
    entry = Pretrained(
        name=folder.name,
        architecture="toy",
        config={"channels": channels},
        channels=channels,
        noise="gaussian:0-55",
        takes_sigma=takes_sigma,
        multiple_of=TOY_MULTIPLE_OF,
        halo=TOY_HALO,
        num_params=0,
        macs_per_pixel=0.0,
        layers=[],
        files={"model.onnx": hashlib.sha256(data).hexdigest()},
        scores=[],
        recipe={},
        training_data={},
        license="Apache-2.0",
        folder=folder,
    )
    (folder / "entry.json").write_text(entry.to_json(), encoding="utf-8")
    return entry


@pytest.fixture
def toy(tmp_path: Path) -> Callable[..., Pretrained]:
    """``toy(channels=1, takes_sigma=False, graph=None)``: an entry in a folder of its own."""
    made: list[Pretrained] = []

    def make(**facts: object) -> Pretrained:
        made.append(make_entry(tmp_path / f"toy-{len(made)}", **facts))  # type: ignore[arg-type]
        return made[-1]

    return make


@pytest.fixture(scope="session")
def toy_model() -> Callable[[np.ndarray], np.ndarray]:
    """The toy graph of a gray entry, as tiling sees it: (n, h, w, 1) → the same."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(toy_graph(1, False), options, providers=["CPUExecutionProvider"])
    return lambda window: np.asarray(session.run(None, {"image": np.ascontiguousarray(window)})[0])


@pytest.fixture
def halo() -> int:
    return TOY_HALO


@pytest.fixture
def multiple_of() -> int:
    return TOY_MULTIPLE_OF
