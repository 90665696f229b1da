"""Keras layers as ONNX nodes: a function per kind of layer, for all that the accounting knows.

Tensors are channels first, as ONNX has them. What the accounting refuses never comes here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from export.onnx_graph import Graph
from zoo.errors import UsageError


def conv(graph: Graph, layer: Any, x: str) -> str:
    kernel = np.asarray(layer.get_weights()[0]).transpose(3, 2, 0, 1)
    return _convolution(graph, layer, x, kernel, layer.groups)


def depthwise_conv(graph: Graph, layer: Any, x: str) -> str:
    kernel = np.asarray(layer.get_weights()[0]).transpose(2, 3, 0, 1)
    kernel = kernel.reshape(-1, 1, *kernel.shape[2:])
    return _convolution(graph, layer, x, kernel, len(kernel) // layer.depth_multiplier)


def separable_conv(graph: Graph, layer: Any, x: str) -> str:
    """Each channel by itself, then all of them in each position."""
    depthwise, pointwise, *bias = layer.get_weights()
    kernel = depthwise.transpose(2, 3, 0, 1).reshape(-1, 1, *depthwise.shape[:2])
    attributes = {"strides": layer.strides, "dilations": layer.dilation_rate, "group": depthwise.shape[2]}
    padding = _padding(layer, kernel.shape[2:], layer.dilation_rate)
    x = graph.node(
        f"{layer.name}/depthwise", "Conv", x, graph.weight(f"{layer.name}/depthwise_kernel", kernel),
        kernel_shape=kernel.shape[2:], **attributes, **padding,
    )  # fmt: skip
    return _pointwise_conv(graph, layer, x, pointwise[0, 0], bias)


def dense(graph: Graph, layer: Any, x: str) -> str:
    kernel, *bias = layer.get_weights()
    return _pointwise_conv(graph, layer, x, kernel, bias)


def _pointwise_conv(graph: Graph, layer: Any, x: str, kernel: np.ndarray, bias: list[np.ndarray]) -> str:
    """A matrix (Ni, No) in each position."""
    weights = graph.weight(f"{layer.name}/kernel", kernel.T[..., np.newaxis, np.newaxis])
    shift = graph.weight(f"{layer.name}/bias", bias[0] if bias else np.zeros(kernel.shape[1]))
    return _activated(graph, layer, graph.node(layer.name, "Conv", x, weights, shift), f"{layer.name}/activation")


def transposed_conv(graph: Graph, layer: Any, x: str) -> str:
    """As TensorFlow has it: s times the size if "same", and so much more as the kernel reaches beyond if "valid"."""
    kernel, *bias = layer.get_weights()  # (h, w, No, Ni)
    if getattr(layer, "groups", 1) != 1:
        raise UsageError(f"layer {layer.name!r} has groups; expected none")
    beyond = [side - step for side, step in zip(kernel.shape[:2], layer.strides, strict=True)]
    cut = [max(size, 0) if layer.padding == "same" else 0 for size in beyond]
    inputs = (
        graph.weight(f"{layer.name}/kernel", kernel.transpose(3, 2, 0, 1)),
        graph.weight(f"{layer.name}/bias", bias[0] if bias else np.zeros(kernel.shape[2])),
    )
    result = graph.node(
        layer.name, "ConvTranspose", x, *inputs, kernel_shape=kernel.shape[:2], strides=layer.strides,
        pads=[size // 2 for size in cut] + [size - size // 2 for size in cut],
        output_padding=[max(-size, 0) for size in beyond],
    )  # fmt: skip
    return _activated(graph, layer, result, f"{layer.name}/activation")


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


# Activation functions that are one node; the others are written out below.
ACTIVATIONS = {
    "linear": None,
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "elu": "Elu",
    "selu": "Selu",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "hard_silu": "HardSwish",
}


def activation(graph: Graph, layer: Any, x: str) -> str:
    return _activated(graph, layer, x, layer.name)


def _activated(graph: Graph, layer: Any, x: str, own: str) -> str:
    """Behind the activation function of a layer."""
    if hasattr(layer.activation, "get_weights"):  # a layer in place of a function
        return NODES[type(layer.activation).__name__](graph, layer.activation, x)
    name = getattr(layer.activation, "__name__", str(layer.activation))
    if name in ACTIVATIONS:
        operation = ACTIVATIONS[name]
        return graph.node(own, operation, x) if operation else x
    if name == "silu":
        return graph.node(own, "Mul", x, graph.node(f"{own}/sigmoid", "Sigmoid", x))
    if name == "leaky_relu":
        return graph.node(own, "LeakyRelu", x, alpha=0.2)  # Keras' default
    if name == "gelu":  # x/2 (1 + erf(x/√2)); as one node only from opset 20 on
        scaled = graph.node(f"{own}/scaled", "Mul", x, graph.weight(f"{own}/scale", math.sqrt(0.5)))
        share = graph.node(
            f"{own}/share", "Add", graph.node(f"{own}/erf", "Erf", scaled), graph.weight(f"{own}/one", 1)
        )
        half = graph.node(f"{own}/half", "Mul", x, graph.weight(f"{own}/two", 0.5))
        return graph.node(own, "Mul", half, share)
    if name == "relu6":
        return graph.node(own, "Clip", x, graph.weight(f"{own}/lowest", 0), graph.weight(f"{own}/highest", 6))
    if name == "hard_sigmoid":
        return graph.node(own, "HardSigmoid", x, alpha=1 / 6, beta=0.5)
    if name == "mish":
        share = graph.node(f"{own}/share", "Tanh", graph.node(f"{own}/softplus", "Softplus", x))
        return graph.node(own, "Mul", x, share)
    raise UsageError(
        f"layer {layer.name!r} has activation {name!r}; expected one of {', '.join(ACTIVATIONS)}, silu, leaky_relu, "
        "gelu, relu6, hard_sigmoid, mish"
    )


def batch_norm(graph: Graph, layer: Any, x: str) -> str:
    """Into the kernel and bias of the convolution in front, where nothing else reads that."""
    *learned, mean, variance = (np.asarray(values, np.float64) for values in layer.get_weights())
    factor = (learned.pop(0) if layer.scale else 1) / np.sqrt(variance + layer.epsilon)
    shift = (learned.pop(0) if layer.center else 0) - mean * factor
    before = graph.made_by.get(x)
    # Of a layer of somebody's own, it may have no bias, or weights that another node reads, too.
    own = [] if before is None else [name for name in before.input[1:] if name in graph.weights]
    read = [name for node in graph.nodes for name in node.input]
    folds = before is not None and before.op_type == "Conv" and len(own) == 2 and x not in graph.shared
    if folds and all(read.count(name) == 1 for name in own):
        kernel, bias = own
        graph.weights[kernel] = (graph.weights[kernel] * factor[:, None, None, None]).astype(np.float32)
        graph.weights[bias] = (graph.weights[bias] * factor + shift).astype(np.float32)
        return x
    return _affine(graph, layer.name, x, factor[:, None, None], shift[:, None, None])


def layer_norm(graph: Graph, layer: Any, x: str) -> str:
    if getattr(layer, "rms_scaling", False):
        raise UsageError(f"layer {layer.name!r} has rms_scaling; expected none")
    name, learned = layer.name, [values.reshape(-1, 1, 1) for values in layer.get_weights()]
    scale = learned.pop(0) if layer.scale else np.ones((1, 1, 1))
    axes = graph.whole(f"{name}/features", 1)
    centred = graph.node(f"{name}/centred", "Sub", x, graph.node(f"{name}/mean", "ReduceMean", x, axes))
    squares = graph.node(f"{name}/squares", "Mul", centred, centred)
    variance = graph.node(f"{name}/variance", "ReduceMean", squares, axes)
    safe = graph.node(f"{name}/safe", "Add", variance, graph.weight(f"{name}/epsilon", layer.epsilon))
    normed = graph.node(f"{name}/normed", "Div", centred, graph.node(f"{name}/deviation", "Sqrt", safe))
    return _affine(graph, name, normed, scale, learned.pop(0) if layer.center else np.zeros((1, 1, 1)))


def rescaling(graph: Graph, layer: Any, x: str) -> str:
    # A number, or one per channel.
    scale, offset = (np.asarray(v, np.float64).reshape(-1, 1, 1) for v in (layer.scale, layer.offset))
    return _affine(graph, layer.name, x, scale, offset)


def _affine(graph: Graph, name: str, x: str, scale: np.ndarray, offset: np.ndarray) -> str:
    x = graph.node(f"{name}/scaled", "Mul", x, graph.weight(f"{name}/scale", scale))
    return graph.node(name, "Add", x, graph.weight(f"{name}/offset", offset))


def relu(graph: Graph, layer: Any, x: str) -> str:
    if layer.threshold or (layer.max_value is not None and layer.negative_slope):
        raise UsageError(f"layer {layer.name!r} has a threshold, or a maximum and a slope; expected one of the latter")
    if layer.max_value is not None:
        ends = graph.weight(f"{layer.name}/lowest", 0), graph.weight(f"{layer.name}/highest", layer.max_value)
        return graph.node(layer.name, "Clip", x, *ends)
    if layer.negative_slope:
        return leaky_relu(graph, layer, x)
    return graph.node(layer.name, "Relu", x)


def leaky_relu(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "LeakyRelu", x, alpha=float(layer.negative_slope))


def prelu(graph: Graph, layer: Any, x: str) -> str:
    (slopes,) = layer.get_weights()  # (1, 1, C): the accounting wants them shared over the image
    return graph.node(layer.name, "PRelu", x, graph.weight(f"{layer.name}/slopes", slopes.reshape(-1, 1, 1)))


def elu(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "Elu", x, alpha=float(layer.alpha))


def merge(operation: str) -> Callable[..., str]:
    def write(graph: Graph, layer: Any, *inputs: str) -> str:
        # ONNX adds, subtracts and multiplies two at a time.
        x, *others = (_in_blocks(graph, name) if operation == "Add" else name for name in inputs)
        for i, other in enumerate(others, 2):
            name = layer.name if i == len(inputs) else f"{layer.name}/{i - 1}"
            x = graph.node(name, operation, x, other)
        return x

    return write


def _in_blocks(graph: Graph, x: str) -> str:
    """The same features, laid out in blocks as ONNX Runtime's convolutions read and write them on a CPU.

    It goes into that layout for a convolution or pooling alone, and stays there as long as all that follows can. Behind
    a sum with what depth-to-space gave, it would not: each further sum of a residual chain is a pass of its own then,
    with a conversion before and after. With maxima over single pixels, which change nothing, convolutions add the
    shortcut to what they compute: 3 % of the time of the everyday entries on one thread of a CPU with AVX2.
    """
    before = graph.made_by.get(x)
    if before is None or before.op_type != "DepthToSpace":
        return x
    return graph.node(f"{x}/in_blocks", "MaxPool", x, kernel_shape=[1, 1])


def merge_all(operation: str) -> Callable[..., str]:
    def write(graph: Graph, layer: Any, *inputs: str) -> str:
        return graph.node(layer.name, operation, *inputs)

    return write


def concatenate(graph: Graph, layer: Any, *inputs: str) -> str:
    return graph.node(layer.name, "Concat", *inputs, axis=1)


def softmax(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "Softmax", x, axis=1)


def pooling(operation: str) -> Callable[..., str]:
    def write(graph: Graph, layer: Any, x: str) -> str:
        padding = _padding(layer, layer.pool_size)
        return graph.node(layer.name, operation, x, kernel_shape=layer.pool_size, strides=layer.strides, **padding)

    return write


def upsampling(graph: Graph, layer: Any, x: str) -> str:
    kinds: dict[str, dict[str, str]] = {
        "nearest": {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
        "bilinear": {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
    }
    scales = graph.weight(f"{layer.name}/scales", (1, 1, *layer.size))
    return graph.node(layer.name, "Resize", x, "", scales, **kinds[layer.interpolation])


def depth_to_space(graph: Graph, layer: Any, x: str) -> str:
    return graph.node(layer.name, "DepthToSpace", x, blocksize=layer.block, mode="DCR")


def zero_padding(graph: Graph, layer: Any, x: str) -> str:
    (top, bottom), (left, right) = layer.padding
    return graph.node(layer.name, "Pad", x, graph.whole(f"{layer.name}/pads", 0, 0, top, left, 0, 0, bottom, right))


def cropping(graph: Graph, layer: Any, x: str) -> str:
    (top, bottom), (left, right) = layer.cropping
    name, last = layer.name, np.iinfo(np.int64).max
    begin = graph.whole(f"{name}/begin", top, left)
    end = graph.whole(f"{name}/end", -bottom or last, -right or last)
    return graph.node(name, "Slice", x, begin, end, graph.whole(f"{name}/sides", 2, 3))


def pad_to_multiple(graph: Graph, layer: Any, x: str) -> str:
    """Mirrored below and to the right, up to the next multiple; a side shorter than one has its end repeated."""
    name, size = layer.name, graph.size(x)
    step, less = graph.whole(f"{name}/multiple", layer.multiple), graph.whole(f"{name}/less", layer.multiple - 1)
    cells = graph.node(f"{name}/cells", "Div", graph.node(f"{name}/beyond", "Add", size, less), step)
    missing = graph.node(f"{name}/missing", "Sub", graph.node(f"{name}/padded", "Mul", cells, step), size)
    short = graph.node(f"{name}/below_one", "Sub", step, size)
    short = graph.node(f"{name}/short", "Max", short, graph.whole(f"{name}/none", 0))
    others = graph.whole(f"{name}/before", 0, 0, 0, 0, 0, 0)
    # For all axes: given some of them, ONNX Runtime (1.31) moves a transposition across and mixes them up.
    pads = graph.node(f"{name}/to_one", "Concat", others, short, axis=0)
    x = graph.node(f"{name}/one", "Pad", x, pads, mode="edge")
    rest = graph.node(f"{name}/rest", "Sub", missing, short)
    pads = graph.node(f"{name}/pads", "Concat", others, rest, axis=0)
    return graph.node(name, "Pad", x, pads, mode="reflect")


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


NODES: dict[str, Callable[..., str]] = {
    "Activation": activation,
    "Add": merge("Add"),
    "Average": merge_all("Mean"),
    "AveragePooling2D": pooling("AveragePool"),
    "BatchNormalization": batch_norm,
    "Concatenate": concatenate,
    "Conv2D": conv,
    "Conv2DTranspose": transposed_conv,
    "CropLike": crop_like,
    "Cropping2D": cropping,
    "Dense": dense,
    "DepthToSpace": depth_to_space,
    "DepthwiseConv2D": depthwise_conv,
    "Dropout": nothing,
    "ELU": elu,
    "GaussianDropout": nothing,
    "GaussianNoise": nothing,
    "Identity": nothing,
    "LayerNormalization": layer_norm,
    "LeakyReLU": leaky_relu,
    "Maximum": merge_all("Max"),
    "MaxPooling2D": pooling("MaxPool"),
    "Minimum": merge_all("Min"),
    "Multiply": merge("Mul"),
    "PReLU": prelu,
    "PadToMultiple": pad_to_multiple,
    "ReLU": relu,
    "Rescaling": rescaling,
    "SeparableConv2D": separable_conv,
    "SigmaMap": sigma_map,
    "Softmax": softmax,
    "SpatialDropout2D": nothing,
    "Subtract": merge("Sub"),
    "UpSampling2D": upsampling,
    "ZeroPadding2D": zero_padding,
}
