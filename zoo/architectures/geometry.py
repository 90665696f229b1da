"""What each kind of layer reads from its input, and at what cost: one rule per kind. Nothing here imports Keras."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from zoo.architectures.receptive_field import Reads
from zoo.errors import UsageError

Number = int | str | None


@dataclass(frozen=True)
class Geometry:
    """What a layer does to the geometry of an image. The defaults describe a layer that works pixel by pixel.

    Attributes:
        height, width: What an output position reads, along each axis.
        d, s, p: Diameter of the kernel, stride and padding, as the table shows them.
        macs: Multiply-accumulates per position of the output, or of the input with ``macs_at_input``.
        multiple: The layer pads its input to multiples of this.
        only_first: Of several inputs only the first one's values matter; of the others, their sizes.
    """

    height: Reads = Reads()
    width: Reads = Reads()
    d: Number = None
    s: Number = None
    p: Number = None
    macs: int = 0
    macs_at_input: bool = False
    multiple: int = 1
    only_first: bool = False


def geometry_of(layer: Any) -> Geometry:
    """The geometry of a layer: what its own method ``geometry()`` says, or the rule for its kind.

    Raises:
        UsageError: A layer whose output can depend on the whole image, or one that is not known.
    """
    kind = type(layer).__name__
    if hasattr(layer, "geometry"):
        return layer.geometry()
    # Not the subclasses: what they override could read other pixels.
    known = type(layer).__module__.partition(".")[0] in ("keras", "zoo")
    if known and (kind.startswith(("Global", "Adaptive")) or kind in _WHOLE_IMAGE):
        raise UsageError(f"{_named(layer)} looks at the whole image, so tiles could not equal the whole; remove it")
    if not known or kind not in _RULES:
        raise UsageError(
            f"{_named(layer)} is not known, and could mix pixels; use a layer of Keras such as Conv2D, or give the "
            "layer a method geometry() that returns a zoo.architectures.geometry.Geometry"
        )
    if getattr(layer, "data_format", "channels_last") == "channels_first":
        raise UsageError(f"{_named(layer)} has data_format 'channels_first'; expected 'channels_last'")
    _check_activation(layer)
    return _RULES[kind](layer)


def _check_activation(layer: Any) -> None:
    """A function that is none of Keras' could look anywhere; a layer in its place has a rule of its own."""
    function = getattr(layer, "activation", None)
    if type(function).__name__ in ("ReLU", "LeakyReLU", "ELU", "Softmax"):  # those that learn nothing
        geometry_of(function)
    elif function is not None and (
        hasattr(function, "get_weights") or getattr(function, "__module__", "").partition(".")[0] != "keras"
    ):
        raise UsageError(
            f"{_named(layer)} has an activation that is not known, and could mix pixels; use one of keras.activations, "
            "or a layer behind it"
        )


# What ``image - noise`` and its like make of symbolic tensors: no layers, though they are named as some.
_OPERATIONS = ("Add", "Subtract", "Multiply", "Maximum", "Minimum", "Concatenate")


def check_operation(operation: Any, tensors: int) -> None:
    """Refuse an operation of Keras, of so many tensors, that is not what the layer of its name is. Raises UsageError.

    Numbers among its arguments, as in ``image * 0.5``, would be lost.
    """
    if not hasattr(operation, "get_weights") and (type(operation).__name__ not in _OPERATIONS or tensors < 2):
        raise UsageError(
            f"operation {operation.name!r} ({type(operation).__name__}) of {tensors} tensor{'s' * (tensors != 1)}; "
            f"expected one of {', '.join(_OPERATIONS)} of two, or a layer: keras.layers.Rescaling, Activation"
        )


def _named(layer: Any) -> str:
    return f"layer {layer.name!r} ({type(layer).__name__})"


def _pair(a: Any, b: Any) -> Number:
    """Height's and width's figure as one."""
    return a if a == b else f"{a}×{b}"


def _sides(before: int, after: int) -> int | str:
    return before if before == after else f"{before}/{after}"


def _window(layer: Any, size: tuple[int, int], dilation: int | tuple[int, int] = 1, macs: int = 0) -> Geometry:
    """A window of ``size`` taps that slides over the input, at the layer's ``strides`` and ``padding``."""
    axes, d, p = [], [], []
    dilations = (dilation, dilation) if isinstance(dilation, int) else dilation
    for taps, stride, gap in zip(size, layer.strides, dilations, strict=True):
        span = (taps - 1) * gap + 1
        # On sides that are multiples of the stride, TensorFlow's "same" adds span − stride, the odd one behind.
        spare = max(span - stride, 0)
        before = spare // 2 if layer.padding == "same" else 0
        axes.append(
            Reads(
                down=stride,
                first=-before,
                last=span - 1 - before,
                shift=Fraction(0 if layer.padding == "same" else spare // 2),
            )
        )
        d.append(span)
        p.append(_sides(before, spare - before) if layer.padding == "same" else 0)
    return Geometry(*axes, d=_pair(*d), s=_pair(*layer.strides), p=_pair(*p), macs=macs)


def _convolution(layer: Any) -> Geometry:
    return _window(layer, layer.kernel_size, layer.dilation_rate, math.prod(layer.kernel.shape))


def _separable(layer: Any) -> Geometry:
    macs = math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape)
    return _window(layer, layer.kernel_size, layer.dilation_rate, macs)


def _pooling(layer: Any) -> Geometry:
    return _window(layer, layer.pool_size)


def _transposed(layer: Any) -> Geometry:
    """The gradient of a convolution: input position i is spread over d output positions from i·s − p on."""
    if layer.output_padding is not None or set(layer.dilation_rate) != {1}:
        raise UsageError(f"{_named(layer)} has output_padding or dilation; expected neither")
    axes, p = [], []
    for taps, stride in zip(layer.kernel_size, layer.strides, strict=True):
        spare = max(taps - stride, 0)
        before = spare // 2 if layer.padding == "same" else 0
        axes.append(
            Reads(
                up=stride,
                # Kernels smaller than the stride leave gaps; they still know whether they lie inside the image.
                first=min(before - taps + stride, 0),
                last=before,
                shift=Fraction(0 if layer.padding == "same" else -(spare // 2), stride),
            )
        )
        p.append(_sides(before, spare - before) if layer.padding == "same" else 0)
    return Geometry(
        *axes,
        d=_pair(*layer.kernel_size),
        s=_pair(*(_inverse(stride) for stride in layer.strides)),
        p=_pair(*p),
        macs=math.prod(layer.kernel.shape),
        macs_at_input=True,
    )


def _inverse(factor: int) -> int | str:
    return 1 if factor == 1 else f"1/{factor}"


def _upsampling(layer: Any) -> Geometry:
    s = _pair(*(_inverse(factor) for factor in layer.size))
    if layer.interpolation == "nearest":
        return Geometry(*(Reads(up=factor) for factor in layer.size), d=1, s=s, p=0)
    if layer.interpolation == "bilinear":
        # Output position o lies at (2o + 1 − f) / 2f, between the two input positions that it mixes.
        return Geometry(*(Reads(down=2, up=2 * f, first=1 - f, last=f) for f in layer.size), d=2, s=s, p=0)
    raise UsageError(f"{_named(layer)} has interpolation {layer.interpolation!r}; expected 'nearest' or 'bilinear'")


def _depth_to_space(layer: Any) -> Geometry:
    reads = Reads(up=layer.block)
    return Geometry(reads, reads, d=1, s=_inverse(layer.block), p=0)


def _cropping(layer: Any) -> Geometry:
    (top, _), (left, _) = layer.cropping
    return Geometry(_moved(top), _moved(left))


def _zero_padding(layer: Any) -> Geometry:
    (top, bottom), (left, right) = layer.padding
    return Geometry(_moved(-top), _moved(-left), p=_pair(_sides(top, bottom), _sides(left, right)))


def _moved(by: int) -> Reads:
    return Reads(first=by, last=by, shift=Fraction(by))


def _dense(layer: Any) -> Geometry:
    return Geometry(d=1, s=1, p=0, macs=math.prod(layer.kernel.shape))


def _pad_to_multiple(layer: Any) -> Geometry:
    return Geometry(multiple=layer.multiple)


def _crop_like(layer: Any) -> Geometry:
    return Geometry(only_first=True)


def _pointwise(layer: Any) -> Geometry:
    return Geometry()


def _along_features(layer: Any) -> Geometry:
    """Layers that work along an axis, which must be that of the features."""
    axes = layer.axis if isinstance(layer.axis, (list, tuple)) else [layer.axis]
    if any(axis not in (-1, 3) for axis in axes):
        raise UsageError(f"{_named(layer)} works along axis {layer.axis}; expected the features, axis=-1")
    return Geometry()


def _prelu(layer: Any) -> Geometry:
    if set(layer.shared_axes or ()) != {1, 2}:
        raise UsageError(f"{_named(layer)} has slopes that vary over the image; expected shared_axes=[1, 2]")
    return Geometry()


_WHOLE_IMAGE = {
    *("Flatten", "GroupNormalization"),
    *("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"),
}

_POINTWISE = [
    *("InputLayer", "Identity", "Rescaling", "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout", "SpatialDropout2D"),
    *("GaussianNoise", "GaussianDropout", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "SigmaMap"),
]

_RULES: dict[str, Callable[[Any], Geometry]] = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D"), _convolution),
    "SeparableConv2D": _separable,
    "Conv2DTranspose": _transposed,
    "Dense": _dense,
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), _pooling),
    "UpSampling2D": _upsampling,
    "DepthToSpace": _depth_to_space,
    "PadToMultiple": _pad_to_multiple,
    "CropLike": _crop_like,
    "Cropping2D": _cropping,
    "ZeroPadding2D": _zero_padding,
    **dict.fromkeys(("BatchNormalization", "LayerNormalization", "Softmax", "Concatenate"), _along_features),
    "PReLU": _prelu,
    **dict.fromkeys(_POINTWISE, _pointwise),
}
