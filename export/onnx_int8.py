"""``to_onnx_int8``: features of 8 bits and weights of 7, for CPUs with VNNI; what that costs is measured."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import track

from export.deliver import check_file, deliver_file
from export.guide import Facts, onnx_page
from export.loss import LIMIT, Denoise, Loss, Photographs, worst
from export.onnx_file import ENDING, OPSET, Layout, onnx_model, parity_facts, save, with_facts
from export.parity import Parity
from export.runtimes import IO
from export.sizes import check_colors
from zoo.architectures.accounting import account
from zoo.errors import ParityError
from zoo.inference.onnx_file import OnnxFile
from zoo.noise import Noise, noise_from_name

if TYPE_CHECKING:
    import keras
    import onnx

# Layers that keep to their scale from one to the next; additions stay in float, where rounding would add up.
QUANTIZED = ["Conv", "Relu"]
# The rarest values are cut off: at the full range, the steps would be too wide for all others.
PERCENTILE = 99.995


def to_onnx_int8(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    noise: str | Noise = "gaussian:0-55",
    calibration: str | os.PathLike[str] | None = None,
    limit: float | None = LIMIT,
    layout: Layout = "nhwc",
    io: IO = "float32",
    metadata: Mapping[str, str] | None = None,
    opset: int = OPSET,
    progress: bool = True,
) -> Parity:
    """Write a model as an ONNX file of 8 bits inside: static quantization, QDQ, weights per channel.

    Weights take 7 of their 8 bits. Processors without VNNI add two products of weight and feature in 16 bits, where
    weights of 8 would overflow: 1 to 2 dB were lost that way, unseen by who had exported on another processor. The
    bit costs 0.02 to 0.2 dB, before layers are left in float, and the picture is the same on all of them.

    The ranges of the features come from noisy cuts of photographs. If the loss on (other) cuts is more than ``limit``,
    convolutions are left in float, those first whose 8 bits cost most quality for the work that they are, until it is
    not.

    Args:
        noise: What the model is for; the loss is measured at sigma 15, 25 and 50 if it is Gaussian.
        calibration: A folder of clean pictures; the photographs that scikit-image ships by default.
        limit: The most that may be lost at any of the levels, in dB; None for whatever it is.
        progress: Show a progress bar while layers are tried one by one.
        model, path, layout, io, metadata, opset: As for :func:`export.to_onnx`.

    Returns:
        What the comparison with Keras found. The report beside the file has the losses, and the layers left in float.

    Raises:
        ParityError: More than ``limit`` is lost even with half of the convolutions in float; nothing is written.
        InputError: Pictures that cannot be used. UsageError, MissingExtraError: As for :func:`export.to_onnx`.
    """
    check_file(path, ENDING)
    noise = noise_from_name(noise) if isinstance(noise, str) else noise
    check_colors(model)
    proto = onnx_model(model, layout=layout, io=io, metadata=dict(metadata or {}) | {"precision": "int8"}, opset=opset)
    photographs = Photographs(calibration, model.inputs[0].shape[-1], noise)
    with tempfile.TemporaryDirectory() as folder:
        work = {row.name: row.macs_per_pixel for row in account(model).layers}
        quantizer = _Quantizer(proto, Path(folder), photographs, work)
        in_float, losses = _fit(quantizer, limit, progress)
        found = quantizer.quantized(in_float)
    facts = {
        "format": "onnx-int8",
        "layout": layout,
        "io": io,
        "opset": opset,
        "calibration": photographs.source,
        "loss": [loss.to_json() for loss in losses],
        "in_float": in_float,
        "convolutions": len(quantizer.convs),
    }
    lost = ", ".join(f"{loss.noise}: {loss.db:.3f}" for loss in losses)
    return deliver_file(
        model,
        path,
        lambda place: save(found, place),
        ending=ENDING,
        guide=onnx_page(Facts.of(model, metadata, io=io, layout=layout), "ONNX, 8 bits", Path(path).name),
        tolerance=None,
        facts=facts,
        finish=lambda place, parity: save(
            with_facts(found, parity_facts(parity) | {"int8_loss_db": lost, "in_float": ", ".join(in_float)}), place
        ),
    )


def _fit(quantizer: _Quantizer, limit: float | None, progress: bool) -> tuple[list[str], list[Loss]]:
    """The fewest convolutions to leave in float for the loss to be within the limit, and the losses then."""
    losses = quantizer.losses([])
    if limit is None or worst(losses) <= limit:
        return [], losses
    convs = quantizer.convs
    tried = track(convs, "layers by themselves", disable=not progress)
    alone = {conv: worst(quantizer.losses([other for other in convs if other != conv])) for conv in tried}
    order = sorted(convs, key=lambda conv: -alone[conv] / quantizer.work.get(conv, 1.0))
    # Loss is not quite a sum, but nearly: half of them in float is far more than any sound model needs.
    low, high = 1, len(convs) // 2
    best = order[:high], quantizer.losses(order[:high])
    if not worst(best[1]) <= limit:
        raise ParityError(
            f"with 8 bits {worst(best[1]):.2f} dB are lost even where {high} of {len(convs)} convolutions stay in "
            f"float; expected at most {limit:g}: accept more, or calibrate on pictures like those to be denoised"
        )
    while low < high:
        middle = (low + high) // 2
        losses = quantizer.losses(order[:middle])
        if worst(losses) <= limit:
            high, best = middle, (order[:middle], losses)
        else:
            low = middle + 1
    return best


class _Quantizer:
    """A model, the ranges of its features, and photographs to see what is lost."""

    def __init__(
        self, proto: onnx.ModelProto, folder: Path, photographs: Photographs, work: Mapping[str, float]
    ) -> None:
        self.folder, self.photographs, self.work = folder, photographs, work  # work: MACs per pixel, by layer
        self.convs = [node.name for node in proto.graph.node if node.op_type == "Conv"]
        save(proto, folder / "float.onnx")
        self._exact = OnnxFile(folder / "float.onnx")

    def quantized(self, in_float: Sequence[str]) -> onnx.ModelProto:
        """The model in 8 bits, but for some convolutions."""
        import onnx
        from onnxruntime import quantization

        class Reader(quantization.CalibrationDataReader):
            def __init__(self, feeds: Iterable[dict[str, np.ndarray]]) -> None:
                self._feeds = iter(feeds)

            def get_next(self) -> Any:
                return next(self._feeds, None)

        target = self.folder / "int8.onnx"
        with _quiet():
            quantization.quantize_static(
                str(self.folder / "float.onnx"),
                str(target),
                Reader(self._exact.feeds(noisy[0], level) for noisy, level in self.photographs.calibration),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=QUANTIZED,
                per_channel=True,
                activation_type=quantization.QuantType.QUInt8,  # of QInt8, the CPU has no fast convolution
                weight_type=quantization.QuantType.QInt8,
                reduce_range=True,  # of the weights alone
                nodes_to_exclude=list(in_float),
                calibrate_method=quantization.CalibrationMethod.Percentile,
                extra_options={"WeightSymmetric": True, "CalibPercentile": PERCENTILE},
                calibration_cache_path=self.folder / "ranges.json",
            )
        return _with_exact_sums(onnx.load(target))

    def losses(self, in_float: Sequence[str]) -> list[Loss]:
        """What is lost at each level."""
        save(self.quantized(in_float), self.folder / "tried.onnx")
        return self.photographs.losses(_denoise(self._exact), _denoise(OnnxFile(self.folder / "tried.onnx")))


def _denoise(file: OnnxFile) -> Denoise:
    return lambda noisy, level: file(noisy[0], level)[np.newaxis]


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's quantizer prints what it does, and advises to optimize a graph that needs none of it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(before)


def _with_exact_sums(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Let what is computed in float be read in float, where it is rounded only for the next convolution of 8 bits.

    ONNX Runtime's quantizer gives all readers of a feature its rounded form. Along a residual stream the rounding would
    add up, block by block: it was half of all that 8 bits cost.
    """
    made = {output: node for node in proto.graph.node for output in node.output}

    def is_made_by(name: str, kind: str) -> bool:
        return name in made and made[name].op_type == kind

    def in_8_bits(node: onnx.NodeProto | None) -> bool:
        if node is None or node.op_type not in QUANTIZED:
            return False
        return (
            is_made_by(node.input[1], "DequantizeLinear")
            if node.op_type == "Conv"
            else in_8_bits(made.get(node.input[0]))
        )

    for node in proto.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") or in_8_bits(node):
            continue
        for i, name in enumerate(node.input):
            if not is_made_by(name, "DequantizeLinear") or not is_made_by(made[name].input[0], "QuantizeLinear"):
                continue  # exact, or a constant
            exact = made[made[name].input[0]].input[0]
            if not in_8_bits(made.get(exact)):
                node.input[i] = exact
    return proto
