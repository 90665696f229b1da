"""``to_onnx_int8``: weights and features of 8 bits, for CPUs with VNNI; what that costs is measured."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.progress import track

from export.deliver import deliver_file
from export.guide import Facts, onnx_page
from export.onnx_file import OPSET, Layout, onnx_model, parity_facts, save, with_facts
from export.parity import Parity
from export.runtimes import IO
from zoo.architectures.accounting import account
from zoo.errors import InputError, MissingExtraError, ParityError
from zoo.evaluation import psnr
from zoo.inference.files import read_image
from zoo.inference.onnx_file import OnnxFile
from zoo.inference.pictures import as_float, is_picture
from zoo.noise import Gaussian, Noise, ends, noise_from_name

if TYPE_CHECKING:
    import keras
    import onnx

LIMIT = 0.10  # dB
LEVELS = (15.0, 25.0, 50.0)
# Layers that keep to their scale from one to the next; additions stay in float, where rounding would add up.
QUANTIZED = ["Conv", "Relu"]
# The rarest values are cut off: at the full range, the steps would be too wide for all others.
PERCENTILE = 99.995
CALIBRATION_SIDE, GATE_SIDE = 128, 256


@dataclass(frozen=True)
class Loss:
    """What 8 bits cost under one noise: PSNR in dB, on average, in float32 and in int8."""

    noise: str
    float32: float
    int8: float

    @property
    def db(self) -> float:
        return self.float32 - self.int8


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
    noise = noise_from_name(noise) if isinstance(noise, str) else noise
    proto = onnx_model(model, layout=layout, io=io, metadata=dict(metadata or {}) | {"precision": "int8"}, opset=opset)
    pictures = _pictures(calibration, model.inputs[0].shape[-1])
    with tempfile.TemporaryDirectory() as folder:
        work = {row.name: row.macs_per_pixel for row in account(model).layers}
        quantizer = _Quantizer(proto, Path(folder), pictures, noise, work)
        in_float, losses = _fit(quantizer, limit, progress)
        found = quantizer.quantized(in_float)
    facts = {
        "format": "onnx-int8",
        "layout": layout,
        "io": io,
        "opset": opset,
        "calibration": "scikit-image's photographs" if calibration is None else os.fspath(calibration),
        "loss": [asdict(loss) | {"db": loss.db} for loss in losses],
        "in_float": in_float,
    }
    lost = ", ".join(f"{loss.noise}: {loss.db:.3f}" for loss in losses)
    return deliver_file(
        model,
        path,
        lambda place: save(found, place),
        ending=".onnx",
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
    if limit is None or _worst(losses) <= limit:
        return [], losses
    convs = quantizer.convs
    tried = track(convs, "layers by themselves", disable=not progress)
    alone = {conv: _worst(quantizer.losses([other for other in convs if other != conv])) for conv in tried}
    order = sorted(convs, key=lambda conv: -alone[conv] / quantizer.work.get(conv, 1.0))
    # Loss is not quite a sum, but nearly: half of them in float is far more than any sound model needs.
    low, high = 1, len(convs) // 2
    best = order[:high], quantizer.losses(order[:high])
    if not _worst(best[1]) <= limit:
        raise ParityError(
            f"with 8 bits {_worst(best[1]):.2f} dB are lost even where {high} of {len(convs)} convolutions stay in "
            f"float; expected at most {limit:g}: accept more, or calibrate on pictures like those to be denoised"
        )
    while low < high:
        middle = (low + high) // 2
        losses = quantizer.losses(order[:middle])
        if _worst(losses) <= limit:
            high, best = middle, (order[:middle], losses)
        else:
            low = middle + 1
    return best


def _worst(losses: Sequence[Loss]) -> float:
    return max(loss.db for loss in losses)


class _Quantizer:
    """A model, the ranges of its features, and noisy pictures to see what is lost."""

    def __init__(
        self,
        proto: onnx.ModelProto,
        folder: Path,
        pictures: list[np.ndarray],
        noise: Noise,
        work: Mapping[str, float],
    ) -> None:
        self.folder, self.work = folder, work  # MACs per pixel, by layer
        self.convs = [node.name for node in proto.graph.node if node.op_type == "Conv"]
        save(proto, folder / "float.onnx")
        self.exact = OnnxFile(folder / "float.onnx")
        self._eight_bits = "uint8" in self.exact.session.get_inputs()[0].type
        rng = np.random.default_rng(0)
        low, high = ends(noise.sigma) if isinstance(noise, Gaussian) else (0.0, 0.0)
        levels = np.linspace(low, high, 6) if high else [None] * 6
        self._calibration = [
            self._feeds(cut, noise if level is None else Gaussian(float(level)), rng)[0]
            for picture in pictures
            for level, cut in zip(levels, _cuts(picture, CALIBRATION_SIDE, len(levels), rng), strict=True)
        ]
        kinds = [noise] if not high else [Gaussian(level) for level in LEVELS if low <= level <= high] or [noise]
        self._gate = [(kind.name, *self._feeds(_centre(p, GATE_SIDE), kind, rng)) for kind in kinds for p in pictures]
        self._before = [self._psnr(self.exact, feeds, clean) for _, feeds, clean in self._gate]

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
        quantization.quantize_static(
            str(self.folder / "float.onnx"),
            str(target),
            Reader(self._calibration),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=QUANTIZED,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,  # of QInt8, the CPU has no fast convolution
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=list(in_float),
            calibrate_method=quantization.CalibrationMethod.Percentile,
            extra_options={"WeightSymmetric": True, "CalibPercentile": PERCENTILE},
            calibration_cache_path=self.folder / "ranges.json",
        )
        return onnx.load(target)

    def losses(self, in_float: Sequence[str]) -> list[Loss]:
        """What is lost at each level."""
        save(self.quantized(in_float), self.folder / "tried.onnx")
        tried = OnnxFile(self.folder / "tried.onnx")
        after = [self._psnr(tried, feeds, clean) for _, feeds, clean in self._gate]
        kinds = list(dict.fromkeys(name for name, *_ in self._gate))
        rows = list(zip((name for name, *_ in self._gate), self._before, after, strict=True))
        return [
            Loss(
                kind,
                float(np.mean([before for name, before, _ in rows if name == kind])),
                float(np.mean([now for name, _, now in rows if name == kind])),
            )
            for kind in kinds
        ]

    def _feeds(
        self, clean: np.ndarray, noise: Noise, rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        drawn = noise.draw(rng)
        noisy = drawn.apply(clean, rng).astype(np.float32)
        level = float(drawn.sigma) if isinstance(drawn, Gaussian) and not isinstance(drawn.sigma, tuple) else 25.0
        if self._eight_bits:
            feeds = self.exact.feeds(np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8), level * 255)
        else:
            feeds = self.exact.feeds(noisy, level)
        return feeds, clean

    def _psnr(self, file: OnnxFile, feeds: dict[str, np.ndarray], clean: np.ndarray) -> float:
        output = np.asarray(file.session.run(None, feeds)[0])[0]
        if output.shape != clean.shape:
            output = output.transpose(1, 2, 0)
        return psnr(clean, output / np.float32(255) if self._eight_bits else output)


def _pictures(folder: str | os.PathLike[str] | None, channels: int) -> list[np.ndarray]:
    """Clean pictures, float32 (h, w, channels), of at least GATE_SIDE pixels either way."""
    found = list(_photographs() if folder is None else _read(Path(folder)))
    usable = [p for p in found if min(p.shape[:2]) >= GATE_SIDE and (p.shape[2] == 3 or channels == 1)]
    if not usable:
        kind = "colour pictures" if channels == 3 else "pictures"
        raise InputError(f"no {kind} of at least {GATE_SIDE}×{GATE_SIDE} pixels in {os.fspath(folder or '')!r}")
    return [p if p.shape[2] == channels else p.mean(axis=-1, keepdims=True) for p in usable]


def _photographs() -> Iterator[np.ndarray]:
    try:
        from skimage import data
    except ModuleNotFoundError as error:
        raise MissingExtraError("calibration on scikit-image's photographs", "export") from error
    for photograph in (data.astronaut, data.coffee, data.chelsea, data.rocket):
        yield as_float(photograph())


def _read(folder: Path) -> Iterator[np.ndarray]:
    paths = sorted(path for path in folder.glob("*") if is_picture(path)) if folder.is_dir() else []
    if not paths:
        raise InputError(f"no pictures in {str(folder)!r}; expected a folder of clean ones")
    for path in paths[:50]:
        image = as_float(read_image(path)[0])
        image = image[..., np.newaxis] if image.ndim == 2 else image
        yield image[..., :1] if image.shape[2] < 3 else image[..., :3]  # without alpha


def _cuts(picture: np.ndarray, side: int, count: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(count):
        top, left = (int(rng.integers(0, size - side + 1)) for size in picture.shape[:2])
        yield picture[top : top + side, left : left + side]


def _centre(picture: np.ndarray, side: int) -> np.ndarray:
    top, left = ((size - side) // 2 for size in picture.shape[:2])
    return picture[top : top + side, left : left + side]
