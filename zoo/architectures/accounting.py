"""What a model costs and sees: per layer the block's shape, (Ni, No, d, s, p), receptive field, parameters and MACs.

Keras is imported when a model is accounted for, not here: :func:`layer_table` serves the base install.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoo.architectures.geometry import Geometry, Number, check_operation, geometry_of
from zoo.architectures.receptive_field import Extent, merged
from zoo.errors import UsageError

if TYPE_CHECKING:
    import keras

# What a tensor sees along height and width; None for one that no image reaches, such as the noise level.
Extents = tuple[Extent, Extent] | None


@dataclass(frozen=True)
class LayerRow:
    """One use of a layer. Field names are the keys of an entry's ``layers``.

    Attributes:
        name, kind: The layer's name ("model/layer" in a nested model) and its class.
        shape: (height, width, features) of its output, for an image of :attr:`Accounting.size`.
        relative: The same for an image of H×W, such as "H/4×W/4×128".
        Ni, No: Features in and out.
        d, s, p: Diameter of the kernel, dilation included; stride, "1/2" where the layer doubles the size; padding,
            "0/1" where it differs before and behind, as TensorFlow pads strided layers. Each is a number, a text such
            as "3×1" where height and width differ, or None where the layer has none.
        receptive_field: Diameter, in pixels of the image, of what an output position sees; 0 if no image reaches it.
        parameters, non_trainable: All weights, and those not trained. Counted where a shared layer is first used, so
            that the rows add up to the model.
        macs: Multiply-accumulates of convolutions and dense layers at that size; biases are not counted.
        macs_per_pixel: The same per pixel of a large image.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    relative: str
    Ni: int
    No: int
    d: Number
    s: Number
    p: Number
    receptive_field: int
    parameters: int
    non_trainable: int
    macs: int
    macs_per_pixel: float


@dataclass(frozen=True)
class Accounting:
    """What :func:`account` finds.

    Attributes:
        layers: One row per layer, each behind those that it reads.
        size: (height, width) of the image for which shapes and ``macs`` are stated.
        num_params, macs, macs_per_pixel: Totals of the rows.
        receptive_field: Diameter in pixels of what an output pixel sees, for the one that sees most.
        halo: Distance from an output pixel to the furthest pixel that it sees. With so much context on every side, a
            tile that begins and ends at multiples of ``multiple_of`` (so round outwards), or at the image's edge, has
            in its core exactly the values of the whole image.
        multiple_of: The multiple to which tiles must be aligned, in pixels.
        takes_multiples_of: What the sides of an image must be multiples of; 1 for a model that pads them itself.
    """

    layers: tuple[LayerRow, ...]
    size: tuple[int, int]
    num_params: int
    macs: int
    macs_per_pixel: float
    receptive_field: int
    halo: int
    multiple_of: int
    takes_multiples_of: int

    def rows_json(self) -> list[dict[str, Any]]:
        """The layers as plain dicts, ready for JSON; :func:`layer_table` reads them."""
        return [{**asdict(row), "shape": list(row.shape)} for row in self.layers]

    def table(self) -> str:
        """The layers as aligned text, and the totals below."""
        return (
            f"{layer_table(self.rows_json())}\n\n"
            f"{self.num_params:,} parameters, {self.macs_per_pixel:,.0f} MACs per pixel "
            f"({self.macs:,} at {self.size[0]}×{self.size[1]}), receptive field {self.receptive_field} pixels, "
            f"halo {self.halo}, tiles at multiples of {self.multiple_of}"
        )

    __str__ = table


def account(model: keras.Model, size: int | tuple[int, int] | None = None) -> Accounting:
    """Account for a model of layers, branch by branch, nested models included.

    Args:
        model: A functional or Sequential Keras model. Its inputs (n, height, width, C) are images; others, such as the
            noise level (n, 1), are not.
        size: Side, or (height, width), of the image for which shapes and MACs are stated. Default: the model's own
            size where it has one, else 32, rounded up to a multiple of ``multiple_of``.

    A layer must be known, for what is not could mix pixels: those of Keras that denoisers are made of, and any layer
    with a method ``geometry()`` that returns a :class:`~zoo.architectures.geometry.Geometry`. Receptive field and halo
    hold for images whose sides are multiples of ``multiple_of``: PadToMultiple makes them so.

    Raises:
        UsageError: A model that is not functional; a layer that is unknown, looks at the whole image, or joins tensors
            of different size (the message names it); padding that does not fit the strides; a size that is too small.
    """
    steps: list[_Step] = []
    outputs = _flatten(model, "", None, steps)
    multiple_of = _see(steps)
    pads = any(step.geometry.multiple > 1 for step in steps)
    sides = _sides(steps, size, multiple_of)
    _measure(steps, sides)
    counted: set[int] = set()
    rows = tuple(_row(step, counted) for step in steps)
    ends = [extent for step in outputs for extent in step.extents or ()]
    return Accounting(
        layers=rows,
        size=sides,
        num_params=sum(row.parameters for row in rows),
        macs=sum(row.macs for row in rows),
        macs_per_pixel=math.fsum(row.macs_per_pixel for row in rows),
        receptive_field=max((extent.size for extent in ends), default=0),
        halo=max((extent.halo for extent in ends), default=0),
        multiple_of=multiple_of,
        takes_multiples_of=1 if pads else multiple_of,
    )


def layer_table(layers: Sequence[dict[str, Any]]) -> str:
    """The rows of :meth:`Accounting.rows_json`, as in an entry's ``layers``, as aligned text. Needs no Keras."""
    lines = [
        ["layer", "kind", "block", "at size", "Ni", "No", "d", "s", "p", "sees", "parameters", "MACs", "MACs/pixel"]
    ]
    for row in layers:
        counts = [row["receptive_field"], row["parameters"], row["macs"], round(row["macs_per_pixel"], 1)]
        lines.append(
            [
                *(row["name"], row["kind"], row["relative"], "×".join(map(str, row["shape"]))),
                *("" if row[key] is None else str(row[key]) for key in ("Ni", "No", "d", "s", "p")),
                *(f"{count:,}" if count else "" for count in counts),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = [str.ljust] * 4 + [str.rjust] * (len(widths) - 4)
    return "\n".join(
        "  ".join(align(cell, width) for align, cell, width in zip(sides, line, widths, strict=True)).rstrip()
        for line in lines
    )


@dataclass
class _Step:
    """One use of a layer, and what is found out about its output."""

    name: str
    layer: Any
    inputs: list[_Step]
    arguments: Any  # of the call, as Keras keeps them
    output: Any  # the symbolic tensor
    geometry: Geometry
    extents: Extents = None
    measured: Any = None  # the symbolic tensor at the size in question

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.measured.shape[1:])


def _flatten(model: Any, prefix: str, inputs: list[_Step] | None, steps: list[_Step]) -> list[_Step]:
    """Append the layers of ``model`` to ``steps``, each behind those that it reads; returns those of its outputs."""
    import keras

    graph = getattr(model, "_functional", None) or model  # a Sequential keeps its graph there
    # Keras has no public name for the nodes of a graph, only for its layers, and a layer may be used more than once.
    if not hasattr(graph, "_nodes_by_depth"):
        raise UsageError(
            f"model {model.name!r} ({type(model).__name__}) has no graph of layers; expected a functional model, or a "
            "Sequential one that begins with keras.Input"
        )
    made: dict[int, _Step] = {}
    if inputs is not None:
        made = {id(tensor): step for tensor, step in zip(graph.inputs, inputs, strict=True)}
    for node in (node for _, level in sorted(graph._nodes_by_depth.items(), reverse=True) for node in level):
        if node.is_input and inputs is not None:
            continue
        layer, reads = node.operation, [made[id(tensor)] for tensor in node.input_tensors]
        if isinstance(layer, keras.Model):
            results = _flatten(layer, f"{prefix}{layer.name}/", reads, steps)
        else:
            check_operation(layer, len(reads))
            step = _Step(prefix + layer.name, layer, reads, node.arguments, node.outputs[0], geometry_of(layer))
            steps.append(step)
            results = [step]
        made.update((id(tensor), step) for tensor, step in zip(node.outputs, results, strict=True))
    return [made[id(tensor)] for tensor in graph.outputs]


def _see(steps: list[_Step]) -> int:
    """Find each step's extents; returns the multiple of pixels to which tiles must be aligned."""
    padded, needed = 1, 1
    for step in steps:
        geometry = step.geometry
        sources = step.inputs[:1] if geometry.only_first else step.inputs
        seen = [source.extents for source in sources if source.extents]
        if not step.inputs and len(step.output.shape) == 4:
            seen = [(Extent(), Extent())]
        if not seen:
            continue
        try:
            height, width = (merged(axis) for axis in zip(*seen, strict=True))
        except ValueError as error:
            sizes = " and ".join(_relative(extents) for extents in seen)
            raise UsageError(f"layer {step.name!r} joins tensors of {sizes}; expected equal sizes") from error
        step.extents = (height.behind(geometry.height), width.behind(geometry.width))
        padded = math.lcm(padded, *((geometry.multiple * extent.pitch).numerator for extent in (height, width)))
        needed = math.lcm(needed, *(extent.pitch.numerator for extent in step.extents))
    if not any(step.extents for step in steps):
        raise UsageError("the model has no image among its inputs; expected one of shape (None, None, channels)")
    if padded % needed and any(step.geometry.multiple > 1 for step in steps):
        raise UsageError(
            f"the model pads images to multiples of {padded} but shrinks them by {needed}, so tiles could not equal "
            f"the whole; use PadToMultiple({needed})"
        )
    return math.lcm(padded, needed)


def _sides(steps: list[_Step], size: int | tuple[int, int] | None, multiple_of: int) -> tuple[int, int]:
    if size is None:
        own = next(step.output.shape[1:3] for step in steps if step.extents)
        height, width = (side or math.ceil(32 / multiple_of) * multiple_of for side in own)
    else:
        height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise UsageError(f"size={size!r}; expected whole numbers of at least 1, such as 32 or (32, 48)")
    return height, width


def _measure(steps: list[_Step], sides: tuple[int, int]) -> None:
    """Find the shape of each step's output for an image of ``sides``, as Keras computes it."""
    import keras

    for step in steps:
        if not step.inputs:
            shape = (1, *sides, step.output.shape[-1]) if step.extents else (1, *step.output.shape[1:])
            step.measured = keras.KerasTensor(shape, step.output.dtype)
            continue
        sources = iter([source.measured for source in step.inputs])

        def measured(argument: Any, sources: Any = sources) -> Any:
            return next(sources) if isinstance(argument, keras.KerasTensor) else argument

        args, kwargs = step.arguments.convert(measured)
        try:
            step.measured = step.layer.compute_output_spec(*args, **kwargs)
        except ValueError as error:
            raise UsageError(
                f"layer {step.name!r} cannot take an image of {sides[0]}×{sides[1]}; expected a larger size, or one "
                "that all branches divide alike"
            ) from error


def _row(step: _Step, counted: set[int]) -> LayerRow:
    geometry, layer, source = step.geometry, step.layer, (step.inputs or [step])[0]
    kinds = (getattr(layer, name, []) for name in ("weights", "non_trainable_weights"))  # operations have none
    weights, frozen = ([] if id(layer) in counted else some for some in kinds)
    counted.add(id(layer))
    at = source if geometry.macs_at_input else step
    area = at.extents[0].pitch * at.extents[1].pitch if at.extents else None
    return LayerRow(
        name=step.name,
        kind=type(layer).__name__,
        shape=step.shape,
        relative=_relative(step.extents, step.shape[-1]),
        Ni=source.shape[-1],
        No=step.shape[-1],
        d=geometry.d,
        s=geometry.s,
        p=geometry.p,
        receptive_field=max((extent.size for extent in step.extents or ()), default=0),
        parameters=sum(math.prod(weight.shape) for weight in weights),
        non_trainable=sum(math.prod(weight.shape) for weight in frozen),
        macs=geometry.macs * math.prod(at.shape[:-1]),
        macs_per_pixel=float(geometry.macs / area) if area else 0.0,
    )


def _relative(extents: Extents, *features: int) -> str:
    """What a tensor measures when the image measures H×W: "H/4×W/4×128"."""
    sides = []
    for letter, extent in zip("HW", extents or (), strict=False):
        times, by = extent.pitch.denominator, extent.pitch.numerator
        sides.append(f"{'' if times == 1 else times}{letter}{'' if by == 1 else f'/{by}'}")
    return "×".join([*sides, *map(str, features)])
