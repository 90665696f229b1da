"""Accounting: per layer its shape, (Ni, No, d, s, p), receptive field, parameters and multiply-accumulates.

The receptive field is followed exactly, by phases: a strided convolution and depth-to-space make what a pixel sees
depend on where it stands in the grid. The widest of the phases is the halo that a tile needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class LayerRow:
    """One layer. MACs are multiply-accumulates of convolutions, for one image of the size that was asked for.

    Attributes:
        name, kind: The layer's name and its class.
        height, width: Of its output, the block's shape with ``No``.
        Ni, No: Features in and out. d, s, p: kernel diameter, stride, padding on one side (at the start).
        receptive_field: Pixels of the image, in one direction, on which one value depends.
        params, macs: Weights (all of them); multiply-accumulates. macs_per_pixel: per pixel of the image.
    """

    name: str
    kind: str
    height: int
    width: int
    Ni: int
    No: int
    d: int
    s: int
    p: int
    receptive_field: int
    params: int
    macs: int
    macs_per_pixel: float


@dataclass(frozen=True)
class Accounting:
    """The table and its totals; see :class:`LayerRow`.

    Attributes:
        receptive_field: Pixels in one direction that one output pixel depends on.
        halo: The largest distance from an output pixel to an input pixel that it depends on: with as much context on
            every side, and aligned to ``multiple_of``, a tile has in its core exactly the values of the whole image.
    """

    layers: tuple[LayerRow, ...]
    num_params: int
    macs_per_pixel: float
    receptive_field: int
    halo: int
    multiple_of: int

    def rows(self) -> list[dict[str, Any]]:
        """The layers as plain dictionaries, as they stand in an entry.json."""
        return [asdict(row) for row in self.layers]

    def table(self) -> str:
        """The layers as text, and the totals below."""
        return layer_table(self.rows()) + (
            f"\n{self.num_params:,} parameters, {self.macs_per_pixel / 1000:.1f} kMAC per pixel, receptive field "
            f"{self.receptive_field} pixels, halo {self.halo}, multiple of {self.multiple_of}"
        )


def layer_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows of an entry.json (``Pretrained.layers``) as an aligned text table."""
    head = ("layer", "kind", "shape", "(Ni, No, d, s, p)", "field", "parameters", "MAC/pixel")
    cells = [head]
    for r in rows:
        shape = f"{r['height']}×{r['width']}×{r['No']}"
        numbers = f"({r['Ni']}, {r['No']}, {r['d']}, {r['s']}, {r['p']})"
        macs = f"{r['macs_per_pixel']:,.0f}" if r["macs"] else ""
        cells.append(
            (
                r["name"],
                r["kind"],
                shape,
                numbers,
                str(r["receptive_field"]),
                f"{r['params']:,}" if r["params"] else "",
                macs,
            )
        )
    wide = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return "\n".join(
        "  ".join(c.ljust(w) if i < 4 else c.rjust(w) for i, (c, w) in enumerate(zip(row, wide, strict=True))).rstrip()
        for row in cells
    )


@dataclass(frozen=True)
class Grid:
    """Where the positions of a tensor lie on the image, in one direction.

    The value at position x depends on the pixels from jump·x + low[x mod n] to jump·x + high[x mod n], with n phases.
    """

    jump: int = 1
    low: tuple[int, ...] = (0,)
    high: tuple[int, ...] = (0,)

    def window(self, d: int, s: int, p: int, dilation: int = 1) -> Grid:
        """Behind a window of d values at stride s, that begins p values before s·x."""
        phases = len(self.low) // math.gcd(len(self.low), s)
        low, high = [], []
        for x in range(phases):
            at = [s * x - p + dilation * t for t in range(d)]
            low.append(min(self.jump * i + self.low[i % len(self.low)] for i in at) - self.jump * s * x)
            high.append(max(self.jump * i + self.high[i % len(self.high)] for i in at) - self.jump * s * x)
        return Grid(self.jump * s, tuple(low), tuple(high))

    def enlarged(self, block: int) -> Grid:
        """Behind depth-to-space or repetition: position x comes from position x // block."""
        if self.jump % block:
            raise UsageError(
                f"the output has a finer grid than the image (jump {self.jump}/{block}); expected a denoiser"
            )
        jump, phases = self.jump // block, len(self.low) * block
        start = [self.jump * (x // block) - jump * x for x in range(phases)]
        low = tuple(start[x] + self.low[x // block] for x in range(phases))
        return Grid(jump, low, tuple(start[x] + self.high[x // block] for x in range(phases)))

    def merged(self, other: Grid) -> Grid:
        """Behind a sum or concatenation of both."""
        if self.jump != other.jump:
            raise UsageError(
                f"a merge of tensors at 1/{self.jump} and 1/{other.jump} of the size; expected equal sizes"
            )
        phases = math.lcm(len(self.low), len(other.low))
        low = tuple(min(self.low[x % len(self.low)], other.low[x % len(other.low)]) for x in range(phases))
        high = tuple(max(self.high[x % len(self.high)], other.high[x % len(other.high)]) for x in range(phases))
        return Grid(self.jump, low, high)

    @property
    def field(self) -> int:
        return max(h - lo + 1 for lo, h in zip(self.low, self.high, strict=True))

    @property
    def reach(self) -> int:
        return max(max(-lo for lo in self.low), max(self.high), 0)


POINTWISE = {
    "Activation", "BatchNormalization", "CropLike", "Dropout", "Identity", "InputLayer", "LeakyReLU", "PadToMultiple",
    "PReLU", "ReLU", "Rescaling", "SigmaMap", "SpatialDropout2D",
}  # fmt: skip
MERGES = {"Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"}


def account(model: keras.Model, size: tuple[int, int] = (64, 64)) -> Accounting:
    """The accounting of a functional model, for an image of ``size`` (height, width).

    Raises:
        UsageError: A layer of unknown reach, such as pooling over the whole image, with which tiles could not equal
            the whole; or a size that is no multiple of what the model pads to.
    """
    multiple = math.lcm(*(layer.multiple for layer in model.layers if type(layer).__name__ == "PadToMultiple"))
    if any(s < 1 or s % multiple for s in size):
        raise UsageError(f"size={size!r}; expected multiples of {multiple}")
    grids: dict[int, Grid] = {}
    rows = []
    for layer in model.layers:
        node = _node(layer, model)
        grid, (d, s, p) = _follow(layer, [grids.get(id(t)) for t in node.input_tensors])
        for tensor in node.outputs:
            grids[id(tensor)] = grid
        if type(layer).__name__ != "InputLayer":
            rows.append(_row(layer, node, grid, (d, s, p), size))
    out = grids[id(model.outputs[0])]
    if out.jump != 1:
        raise UsageError(
            f"the output is at 1/{out.jump} of the size; expected a denoiser: an image of the input's size"
        )
    return Accounting(
        layers=tuple(rows),
        num_params=model.count_params(),
        macs_per_pixel=sum(row.macs for row in rows) / (size[0] * size[1]),
        receptive_field=out.field,
        halo=out.reach,
        multiple_of=multiple,
    )


def _node(layer: Any, model: keras.Model) -> Any:
    """The layer's place in the graph of this model: layers may be shared with other models (an encoder, say)."""
    nodes = [node for depth in model._nodes_by_depth.values() for node in depth if node.operation is layer]
    if len(nodes) != 1:
        raise UsageError(f"layer {layer.name!r} stands in {len(nodes)} places of the model; expected one")
    return nodes[0]


def _follow(layer: Any, grids: list[Grid | None]) -> tuple[Grid, tuple[int, int, int]]:
    """The grid behind a layer, and its (d, s, p)."""
    kind = type(layer).__name__
    known = [grid for grid in grids if grid is not None]
    grid = known[0] if known else Grid()
    if kind in POINTWISE:
        return grid, (1, 1, 0)
    if kind in MERGES:
        for other in known[1:]:
            grid = grid.merged(other)
        return grid, (1, 1, 0)
    if kind in ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D"):
        shape, strides = getattr(layer, "kernel_size", None) or layer.pool_size, layer.strides
        dilation = getattr(layer, "dilation_rate", (1, 1))
        if len({shape, strides, dilation} | {x[::-1] for x in (shape, strides, dilation)}) > 3 or shape[0] != shape[1]:
            raise UsageError(
                f"layer {layer.name!r} is not square; expected equal kernels and strides in both directions"
            )
        d, s, reach = shape[0], strides[0], (shape[0] - 1) * dilation[0] + 1
        # TensorFlow's "same": as much padding as needed, the smaller half in front.
        p = max(reach - s, 0) // 2 if layer.padding == "same" else 0
        return grid.window(d, s, p, dilation[0]), (d, s, p)
    if kind == "DepthToSpace":
        return grid.enlarged(layer.block), (1, 1, 0)
    if kind == "UpSampling2D" and layer.interpolation == "nearest" and layer.size[0] == layer.size[1]:
        return grid.enlarged(layer.size[0]), (1, 1, 0)
    raise UsageError(
        f"layer {layer.name!r} is a {kind}, of which it is not known how far it sees; expected convolutions, pooling of "
        "fixed windows, activations and merges (nothing that looks at the whole image, or tiles would differ from it)"
    )


def _row(layer: Any, node: Any, grid: Grid, numbers: tuple[int, int, int], size: tuple[int, int]) -> LayerRow:
    d, s, p = numbers
    before, after = node.input_tensors[0].shape[-1], node.outputs[0].shape[-1]
    height, width = size[0] // grid.jump, size[1] // grid.jump
    macs = 0
    if type(layer).__name__ == "Conv2D":
        macs = height * width * d * d * before // layer.groups * after
    elif type(layer).__name__ == "DepthwiseConv2D":
        macs = height * width * d * d * after
    return LayerRow(
        name=layer.name,
        kind=type(layer).__name__,
        height=height,
        width=width,
        Ni=before,
        No=after,
        d=d,
        s=s,
        p=p,
        receptive_field=grid.field,
        params=layer.count_params(),
        macs=macs,
        macs_per_pixel=macs / (size[0] * size[1]),
    )
