"""What is done to a graph that tf2onnx has made: fewer nodes around the network, and names that can be read.

Padding and cropping take a node each (and five that compute their sizes) instead of sixty, because the chains of
integers that stand for them in TensorFlow's graph hide the network, and not every runtime takes them. Names and the
order of nodes are made anew from the Keras layers: tf2onnx numbers them by all that its process has converted before,
and two exports of a model would differ. None of this is trusted: the file is compared with Keras before it is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

import numpy as np
import onnx
import onnx.parser
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper
from tf2onnx.graph import GraphUtil

IMAGE, SIGMA, OUTPUT = "image", "sigma", "denoised"
OPSET = 18

# In the network's own layout, channels first: the transpositions cancel against those that are there already.
PAD = """
pad (float[n, height, width, c] image) => (float[n, padded_height, padded_width, c] padded)
<int64[1] step = {{{step}}}, int64[1] less = {{{less}}}, int64[2] none = {{0, 0}}, int64[2] sides = {{2, 3}}>
{{
    size = Shape <start = 1, end = 3> (image)
    beyond = Add (size, less)
    cells = Div (beyond, step)
    whole = Mul (cells, step)
    missing = Sub (whole, size)
    pads = Concat <axis = 0> (none, missing)
    first = Transpose <perm = [0, 3, 1, 2]> (image)
    wide = Pad <mode = "edge"> (first, pads, , sides)
    padded = Transpose <perm = [0, 2, 3, 1]> (wide)
}}
"""
CROP = """
crop (float[n, height, width, c] image, float[n, i, j, k] x) => (float[n, l, m, o] cropped)
<int64[2] corner = {{0, 0}}, int64[2] sides = {{{sides}}}>
{{
    size = Shape <start = 1, end = 3> (image)
    cropped = Slice (x, corner, size, sides)
}}
"""


def simplify(model: ModelProto, *, multiple_of: int, layers: Collection[str]) -> ModelProto:
    """The same graph with fewer nodes, readable names, and an order that depends on nothing but the graph.

    Args:
        model: From tf2onnx; the first input is the image (n, height, width, C), a second one sigma. Changed.
        multiple_of: What the model pads its image to; 1 if it does not pad.
        layers: The names of the Keras layers, by which nodes are named.
    """
    graph = model.graph
    if multiple_of > 1:
        _one_pad(graph, multiple_of)
        _one_crop(graph)
    _rank_one(graph)
    # Moves transpositions through the graph until they cancel, and merges what is there twice.
    model = GraphUtil.optimize_model_proto(model, catch_errors=False)
    _sort(model.graph)
    _rename(model.graph, set(layers))
    del model.opset_import[:], model.graph.value_info[:]
    model.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    return model


def _one_pad(graph: GraphProto, multiple_of: int) -> None:
    """Gathering rows, then columns, by clamped indices → one Pad that repeats the edge."""
    image = graph.input[0].name
    for rows in _consumers(graph, "Gather", image):
        for columns in _consumers(graph, "Gather", rows.output[0]):
            text = PAD.format(step=multiple_of, less=multiple_of - 1)
            _insert(graph, text, {"image": image, "padded": columns.output[0]}, instead_of=columns)
            return


def _one_crop(graph: GraphProto) -> None:
    """A slice from the first pixel on, by an end that is computed → one Slice by the image's size."""
    constants = _constants(graph)
    for node in list(graph.node):
        if node.op_type != "Slice" or len(node.input) < 4 or node.input[2] in constants:
            continue
        start, axes = constants.get(node.input[1]), constants.get(node.input[3])
        if start is None or axes is None or start.any() or len(axes) != 4:
            continue
        text = CROP.format(sides=", ".join(str(axis) for axis in axes[1:3]))
        names = {"image": graph.input[0].name, "x": node.input[0], "cropped": node.output[0]}
        _insert(graph, text, names, instead_of=node)
        return


def _rank_one(graph: GraphProto) -> None:
    """Numbers of an addition or product as vectors of one: tf2onnx gives up moving transpositions past the others."""
    for constant in graph.initializer:
        used = [node.op_type for node in graph.node if constant.name in node.input]
        if not constant.dims and constant.data_type == onnx.TensorProto.FLOAT and set(used) <= {"Add", "Sub", "Mul"}:
            constant.dims.append(1)


def _insert(graph: GraphProto, text: str, names: dict[str, str], *, instead_of: NodeProto) -> None:
    """The nodes of ``text`` in place of a node; those whose results nobody needs then go when the graph is sorted."""
    part = onnx.parser.parse_graph(text)
    place = [node.name for node in graph.node].index(instead_of.name)
    for constant in part.initializer:
        constant.name = names.setdefault(constant.name, f"{part.name}/{constant.name}")
    for node in part.node:
        node.name = f"{part.name}/{node.output[0]}"
        node.input[:] = [name and names.setdefault(name, f"{part.name}/{name}") for name in node.input]
        node.output[:] = [names.setdefault(name, f"{part.name}/{name}") for name in node.output]
    graph.initializer.extend(part.initializer)
    nodes = list(graph.node)
    nodes[place : place + 1] = part.node
    del graph.node[:]
    graph.node.extend(nodes)


def _sort(graph: GraphProto) -> None:
    """Nodes in the order in which the output asks for them, without those that it does not need."""
    made_by = {name: node for node in graph.node for name in node.output}
    order: dict[str, NodeProto] = {}
    # By hand, since a network can be deeper than Python's recursion: each node once before and once after its inputs.
    waiting = [(made_by[output.name], False) for output in reversed(graph.output)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            order.setdefault(node.output[0], node)
        elif node.output[0] not in order:
            waiting.append((node, True))
            waiting.extend((made_by[name], False) for name in reversed(node.input) if name in made_by)
    nodes = list(order.values())
    del graph.node[:]
    graph.node.extend(nodes)
    constants = {constant.name: constant for constant in graph.initializer}
    used = list(dict.fromkeys(name for node in nodes for name in node.input if name in constants))
    del graph.initializer[:]
    graph.initializer.extend(constants[name] for name in used)


def _rename(graph: GraphProto, layers: set[str]) -> None:
    """Inputs and outputs by our names; a node as LAYER/OPERATION, its result likewise, its weights as LAYER/kernel."""
    names = {graph.output[0].name: OUTPUT}
    for tensor, name in zip(graph.input, (IMAGE, SIGMA), strict=False):
        names[tensor.name] = name
    constants, taken = {constant.name for constant in graph.initializer}, Counter[str]()

    def fresh(name: str) -> str:
        taken[name] += 1
        return name if taken[name] == 1 else f"{name}_{taken[name]}"

    for node in graph.node:
        layer = _layer(node.name, layers)
        node.name = fresh(f"{layer}/{node.op_type.lower()}")
        for i, name in enumerate(node.input):
            if name in constants and name not in names:
                part = {1: "kernel", 2: "bias"}.get(i, "constant") if node.op_type == "Conv" else "constant"
                names[name] = fresh(f"{layer}/{part}")
        for i, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}:{i}" if i else node.name)
    for node in graph.node:
        node.input[:] = [name and names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in (*graph.initializer, *graph.input, *graph.output):
        tensor.name = names[tensor.name]
    graph.name = "denoiser"
    for tensor, dims in ((graph.input[0], ("n", "height", "width")), (graph.output[0], ("n", "height", "width"))):
        for dimension, name in zip(tensor.type.tensor_type.shape.dim, dims, strict=False):
            dimension.dim_param = name
    for tensor in graph.input[1:]:
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"


def _layer(node: str, layers: set[str]) -> str:
    """The Keras layer of a node that tf2onnx calls MODEL_1/LAYER_1/operation; "graph" for those that it has made up."""
    for part in node.split("/"):
        # TensorFlow's name scopes count on from the first time that the model was called.
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return name
    return "graph"


def _consumers(graph: GraphProto, operation: str, data: str) -> Iterator[NodeProto]:
    """Nodes of a kind whose first input is ``data``."""
    return (node for node in list(graph.node) if node.op_type == operation and node.input[0] == data)


def _constants(graph: GraphProto) -> dict[str, np.ndarray]:
    return {constant.name: numpy_helper.to_array(constant) for constant in graph.initializer}
