"""A functional Keras model as an ONNX graph: the walk over its layers, each written by its function (onnx_nodes.py).

Written by hand rather than left to tf2onnx: a network of twenty convolutions comes out as its twenty convolutions, in
their own names, with padding and cropping as one node each; the same weights always give the same bytes; and no Keras
backend is needed for it, TensorFlow or other. The price is that a new kind of layer needs a function (a few lines),
as it needs one in the accounting. None of it is trusted: the file is compared with Keras before it is kept.

Inside, tensors are channels first, as ONNX has them: one transposition in, one out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from onnx import TensorProto, helper

from export.onnx_graph import Graph
from export.onnx_nodes import NODES
from zoo.errors import UsageError

if TYPE_CHECKING:
    import keras


def convert(
    model: keras.Model, *, image: str, sigma: str, output: str, channels_last: bool = True, eight_bits: bool = False
) -> Graph:
    """A functional model as a graph: ``image`` [, ``sigma`` (n, 1)] → ``output``.

    Args:
        image, sigma, output: Their names.
        channels_last: Images are (n, height, width, C); otherwise (n, C, height, width).
        eight_bits: Images are uint8, and the noise level is on their scale; otherwise float32 in [0, 1].

    Raises:
        UsageError: A layer without a function here, or one that is set to what its function does not do.
    """
    graph = Graph(taken=(image, sigma, output))
    x, level = image, sigma
    if channels_last:
        x = graph.node(f"{image}/channels_first", "Transpose", x, perm=[0, 3, 1, 2])
    if eight_bits:
        x = graph.node(f"{image}/float", "Cast", x, to=TensorProto.FLOAT)
        x = graph.node(f"{image}/scaled", "Mul", x, graph.weight(f"{image}/scale", 1 / 255))
        if len(model.inputs) > 1:
            level = graph.node(f"{sigma}/scaled", "Mul", sigma, graph.weight(f"{sigma}/scale", 1 / 255))
    x = _walk(graph, model, [x, level])
    if eight_bits:
        x = graph.node(f"{output}/scaled", "Mul", x, graph.weight(f"{output}/scale", 255))
        ends = graph.weight(f"{output}/black", 0), graph.weight(f"{output}/white", 255)
        x = graph.node(f"{output}/clipped", "Clip", graph.node(f"{output}/rounded", "Round", x), *ends)
        x = graph.node(f"{output}/eight_bits", "Cast", x, to=TensorProto.UINT8)
    if channels_last:
        last = helper.make_node("Transpose", [x], [output], f"{output}/channels_last", perm=[0, 2, 3, 1])
    else:
        last = helper.make_node("Identity", [x], [output], f"{output}/last")
    graph.nodes.append(last)
    return graph


def _walk(graph: Graph, model: Any, inputs: Sequence[str]) -> str:
    """Write the layers of a model, each behind those that it reads; returns its output."""
    model = getattr(model, "_functional", None) or model  # a Sequential keeps a functional one
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    readers = Counter(id(tensor) for node in nodes for tensor in node.input_tensors)
    names = {id(tensor): name for tensor, name in zip(model.inputs, inputs, strict=False)}
    graph.shared.update(names[id(tensor)] for tensor in model.inputs if readers[id(tensor)] > 1)
    for node in nodes:
        layer, kind = node.operation, type(node.operation).__name__
        if kind == "InputLayer":
            continue
        write: Callable[..., str] | None
        if hasattr(layer, "onnx_nodes"):  # of somebody's own architecture
            write = _own_nodes
        elif hasattr(layer, "_nodes_by_depth") or hasattr(layer, "_functional"):
            write = _walk_nested
        else:
            write = NODES.get(kind)
        if write is None:
            raise UsageError(
                f"layer {layer.name!r} is a {kind}, which is not known as ONNX nodes; expected one of "
                f"{', '.join(NODES)}, or a layer with a method onnx_nodes(graph, *inputs)"
            )
        if write is not _own_nodes and write is not _walk_nested and kind != "SigmaMap":
            _expect_images(layer, kind, node.input_tensors)
        if len(node.outputs) != 1:
            raise UsageError(f"layer {layer.name!r} gives {len(node.outputs)} outputs; expected one")
        (result,) = node.outputs
        names[id(result)] = write(graph, layer, *(names[id(tensor)] for tensor in node.input_tensors))
        if readers[id(result)] > 1:
            graph.shared.add(names[id(result)])
    return names[id(model.outputs[0])]


def _expect_images(layer: Any, kind: str, tensors: Sequence[Any]) -> None:
    """Refuse what nodes would take for an image: the last axis of a level (n, 1) is none of features to them."""
    if wrong := [tuple(tensor.shape) for tensor in tensors if len(tensor.shape) != 4]:
        raise UsageError(
            f"layer {layer.name!r} ({kind}) takes a tensor of shape {wrong[0]}; expected images (n, h, w, features): "
            "bring the noise level in as a map (zoo.architectures.layers.SigmaMap)"
        )


def _own_nodes(graph: Graph, layer: Any, *inputs: str) -> str:
    return layer.onnx_nodes(graph, *inputs)


def _walk_nested(graph: Graph, model: Any, *inputs: str) -> str:
    return _walk(graph, model, inputs)
