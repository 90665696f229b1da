"""Keras layers as ONNX nodes: a function per layer, and the walk over a functional model.

Written by hand rather than left to tf2onnx: a network of twenty convolutions comes out as its twenty convolutions, in
their own names, with padding and cropping as one node each; the same weights always give the same bytes; and no Keras
backend is needed for it, TensorFlow or other. The price is that a new kind of layer needs a function here (a few
lines), as it needs one in the accounting. None of it is trusted: the file is compared with Keras before it is kept.

Inside, tensors are channels first, as ONNX has them: one transposition in, one out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from zoo.errors import UsageError

if TYPE_CHECKING:
    import keras


class Graph:
    """Nodes and weights as they come, each named after its Keras layer; ``taken`` names are left to the interface."""

    def __init__(self, taken: Collection[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}
        self.made_by: dict[str, NodeProto] = {}
        self.shared: set[str] = set()  # tensors that several layers read
        self._taken = set(taken)
        self._sizes: dict[str, str] = {}

    def node(self, name: str, operation: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; returns the name of its result, which is ``name`` where that is free."""
        name = self._free(name)
        node = helper.make_node(operation, inputs, [name], name, **attributes)
        self.nodes.append(node)
        self.made_by[name] = node
        return name

    def weight(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """Add a constant; returns its name."""
        name = self._free(name)
        self.weights[name] = np.ascontiguousarray(np.asarray(values, dtype))
        return name

    def whole(self, name: str, *values: int) -> str:
        """Add a constant vector of whole numbers."""
        return self.weight(name, values, np.int64)

    def size(self, tensor: str) -> str:
        """Height and width of a tensor, asked for once."""
        if tensor not in self._sizes:
            self._sizes[tensor] = self.node(f"{tensor}/size", "Shape", tensor, start=2, end=4)
        return self._sizes[tensor]

    def _free(self, name: str) -> str:
        # A layer can be called like an input or output, and stand in several places.
        free, count = name, 1
        while free in self._taken:
            count += 1
            free = f"{name}_{count}"
        self._taken.add(free)
        return free


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
    for node in nodes:
        layer, kind = node.operation, type(node.operation).__name__
        if kind == "InputLayer":
            continue
        write: Callable[..., str] | None = _walk_nested if hasattr(layer, "layers") else LAYERS.get(kind)
        if write is None and hasattr(layer, "onnx_nodes"):  # of somebody's own architecture
            write = _own_nodes
        if write is None:
            raise UsageError(
                f"layer {layer.name!r} is a {kind}, which is not known as ONNX nodes; expected one of "
                f"{', '.join(LAYERS)}, or a layer with a method onnx_nodes(graph, *inputs)"
            )
        (result,) = node.outputs
        names[id(result)] = write(graph, layer, *(names[id(tensor)] for tensor in node.input_tensors))
        if readers[id(result)] > 1:
            graph.shared.add(names[id(result)])
    return names[id(model.outputs[0])]


def _own_nodes(graph: Graph, layer: Any, *inputs: str) -> str:
    return layer.onnx_nodes(graph, *inputs)


def _walk_nested(graph: Graph, model: Any, *inputs: str) -> str:
    return _walk(graph, model, inputs)


def conv(graph: Graph, layer: Any, x: str) -> str:
    kernel = np.asarray(layer.get_weights()[0]).transpose(3, 2, 0, 1)
    return _convolution(graph, layer, x, kernel, layer.groups)


def depthwise_conv(graph: Graph, layer: Any, x: str) -> str:
    kernel = np.asarray(layer.get_weights()[0]).transpose(2, 3, 0, 1)
    kernel = kernel.reshape(-1, 1, *kernel.shape[2:])
    return _convolution(graph, layer, x, kernel, len(kernel) // layer.depth_multiplier)


def _convolution(graph: Graph, layer: Any, x: str, kernel: np.ndarray, groups: int) -> str:
    # Always with a bias: batch normalization may be folded into it, and it costs nothing.
    bias = layer.get_weights()[1] if layer.use_bias else np.zeros(len(kernel))
    inputs = x, graph.weight(f"{layer.name}/kernel", kernel), graph.weight(f"{layer.name}/bias", bias)
    attributes = {
        "kernel_shape": kernel.shape[2:],
        "strides": layer.strides,
        "dilations": layer.dilation_rate,
        "group": groups,
        **_padding(layer, kernel.shape[2:], layer.dilation_rate),
    }
    return _activated(graph, layer, graph.node(layer.name, "Conv", *inputs, **attributes), f"{layer.name}/activation")


def _padding(layer: Any, shape: tuple[int, ...], dilation: tuple[int, ...] = (1, 1)) -> dict[str, Any]:
    if layer.padding == "valid":
        return {}
    if layer.padding != "same" or layer.data_format != "channels_last":
        raise UsageError(
            f"layer {layer.name!r} has padding={layer.padding!r} and data_format={layer.data_format!r}; "
            "expected 'same' or 'valid', and 'channels_last'"
        )
    if any(stride > 1 for stride in layer.strides):
        return {"auto_pad": "SAME_UPPER"}  # how much depends on the size
    total = [(side - 1) * step for side, step in zip(shape, dilation, strict=True)]
    return {"pads": [t // 2 for t in total] + [t - t // 2 for t in total]}


ACTIVATIONS = {"linear": None, "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


def activation(graph: Graph, layer: Any, x: str) -> str:
    return _activated(graph, layer, x, layer.name)


def _activated(graph: Graph, layer: Any, x: str, own: str) -> str:
    """Behind the activation function of a layer."""
    name = getattr(layer.activation, "__name__", str(layer.activation))
    if name not in ACTIVATIONS:
        raise UsageError(f"layer {layer.name!r} has activation {name!r}; expected one of {', '.join(ACTIVATIONS)}")
    operation = ACTIVATIONS[name]
    return graph.node(own, operation, x) if operation else x


def batch_norm(graph: Graph, layer: Any, x: str) -> str:
    """Into the kernel and bias of the convolution in front, where nothing else reads that."""
    if layer.axis not in (-1, 3):
        raise UsageError(f"layer {layer.name!r} has axis={layer.axis}; expected the channels (-1)")
    *learned, mean, variance = (np.asarray(values, np.float64) for values in layer.get_weights())
    factor = (learned.pop(0) if layer.scale else 1) / np.sqrt(variance + layer.epsilon)
    shift = (learned.pop(0) if layer.center else 0) - mean * factor
    before = graph.made_by.get(x)
    if before is not None and before.op_type == "Conv" and x not in graph.shared:
        kernel, bias = before.input[1:3]
        graph.weights[kernel] = (graph.weights[kernel] * factor[:, None, None, None]).astype(np.float32)
        graph.weights[bias] = (graph.weights[bias] * factor + shift).astype(np.float32)
        return x
    return _affine(graph, layer.name, x, factor[:, None, None], shift[:, None, None])


def rescaling(graph: Graph, layer: Any, x: str) -> str:
    # A number, or one per channel.
    scale, offset = (np.asarray(v, np.float64).reshape(-1, 1, 1) for v in (layer.scale, layer.offset))
    return _affine(graph, layer.name, x, scale, offset)


def _affine(graph: Graph, name: str, x: str, scale: np.ndarray, offset: np.ndarray) -> str:
    x = graph.node(f"{name}/scaled", "Mul", x, graph.weight(f"{name}/scale", scale))
    return graph.node(name, "Add", x, graph.weight(f"{name}/offset", offset))


def relu(graph: Graph, layer: Any, x: str) -> str:
    if layer.max_value is not None or layer.threshold or layer.negative_slope:
        raise UsageError(f"layer {layer.name!r} has a maximum, threshold or slope; expected a plain ReLU")
    return graph.node(layer.name, "Relu", x)


def leaky_relu(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "LeakyRelu", x, alpha=float(layer.negative_slope))


def merge(operation: str) -> Callable[..., str]:
    def write(graph: Graph, layer: Any, *inputs: str) -> str:
        # ONNX adds, subtracts and multiplies two at a time.
        x = inputs[0]
        for i, other in enumerate(inputs[1:], 2):
            name = layer.name if i == len(inputs) else f"{layer.name}/{i - 1}"
            x = graph.node(name, operation, x, other)
        return x

    return write


def concatenate(graph: Graph, layer: Any, *inputs: str) -> str:
    if layer.axis not in (-1, 3):
        raise UsageError(f"layer {layer.name!r} has axis={layer.axis}; expected the channels (-1)")
    return graph.node(layer.name, "Concat", *inputs, axis=1)


def pooling(operation: str) -> Callable[..., str]:
    def write(graph: Graph, layer: Any, x: str) -> str:
        padding = _padding(layer, layer.pool_size)
        return graph.node(layer.name, operation, x, kernel_shape=layer.pool_size, strides=layer.strides, **padding)

    return write


def depth_to_space(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "DepthToSpace", x, blocksize=layer.block, mode="DCR")


def pad_to_multiple(graph: Graph, layer: Any, x: str) -> str:
    """Edge values below and to the right, up to the next multiple."""
    name, size = layer.name, graph.size(x)
    step, less = graph.whole(f"{name}/multiple", layer.multiple), graph.whole(f"{name}/less", layer.multiple - 1)
    cells = graph.node(f"{name}/cells", "Div", graph.node(f"{name}/beyond", "Add", size, less), step)
    missing = graph.node(f"{name}/missing", "Sub", graph.node(f"{name}/padded", "Mul", cells, step), size)
    # For all axes: given some of them, ONNX Runtime (1.31) moves a transposition across and mixes them up.
    pads = graph.node(f"{name}/pads", "Concat", graph.whole(f"{name}/before", 0, 0, 0, 0, 0, 0), missing, axis=0)
    return graph.node(name, "Pad", x, pads, mode="edge")


def crop_like(graph: Graph, layer: Any, x: str, like: str) -> str:
    corner, sides = graph.whole(f"{layer.name}/corner", 0, 0), graph.whole(f"{layer.name}/sides", 2, 3)
    return graph.node(layer.name, "Slice", x, corner, graph.size(like), sides)


def sigma_map(graph: Graph, layer: Any, x: str, sigma: str) -> str:
    """One more channel, everywhere the scaled noise level."""
    name = layer.name
    level = graph.node(f"{name}/scaled", "Mul", sigma, graph.weight(f"{name}/scale", layer.scale))
    level = graph.node(f"{name}/level", "Reshape", level, graph.whole(f"{name}/form", -1, 1, 1, 1))
    batch = graph.node(f"{name}/batch", "Shape", x, start=0, end=1)
    shape = graph.node(f"{name}/shape", "Concat", batch, graph.whole(f"{name}/one", 1), graph.size(x), axis=0)
    level = graph.node(f"{name}/map", "Expand", level, shape)
    return graph.node(name, "Concat", x, level, axis=1)


def nothing(graph: Graph, layer: Any, x: str) -> str:
    """A layer that only acts in training, or not at all."""
    return x


LAYERS: dict[str, Callable[..., str]] = {
    "Activation": activation,
    "Add": merge("Add"),
    "AveragePooling2D": pooling("AveragePool"),
    "BatchNormalization": batch_norm,
    "Concatenate": concatenate,
    "Conv2D": conv,
    "CropLike": crop_like,
    "DepthToSpace": depth_to_space,
    "DepthwiseConv2D": depthwise_conv,
    "Dropout": nothing,
    "Identity": nothing,
    "LeakyReLU": leaky_relu,
    "MaxPooling2D": pooling("MaxPool"),
    "Multiply": merge("Mul"),
    "PadToMultiple": pad_to_multiple,
    "ReLU": relu,
    "Rescaling": rescaling,
    "SigmaMap": sigma_map,
    "SpatialDropout2D": nothing,
    "Subtract": merge("Sub"),
}
