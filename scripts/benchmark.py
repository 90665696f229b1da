"""Quality against time: the shipped entries, their peers and classical methods, side by side in one run.

    python scripts/benchmark.py [NAME ...] [--data DATA] [--threads 2] [--size 512] [--rounds 7] [--readme README.md]

DATA holds ``peers/*.onnx`` (default: $DENOISE_ZOO_DATA; without it, the entries alone). Each round runs every network
once, in turn, so that whatever else the machine does falls on all of them, and so does a product of large matrices,
whose rate is a measure of the machine (wide convolutions exceed it); the figures are medians of the rounds. Compare
only within one run. With DATA, the classical methods of baselines.py are timed as well, at the settings that they got
there, and the README's table and picture (benchmark.png) are made. Quality is that of the entries' scores and of
baselines.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
from errors import errors_in_one_line
from onnx import TensorProto, helper
from readme import README, around, write_between
from skimage import data

import zoo
from export.card import decibels, table
from zoo.atomic import file_beside
from zoo.cli.options import add_data
from zoo.inference.onnx_file import OnnxFile
from zoo.inference.onnx_runtime import onnxruntime, session_options
from zoo.inference.pictures import as_float

PICTURE = Path(__file__).with_suffix(".png")
BASELINES = {1: ("dncnn_gray25", "ffdnet_gray"), 3: ("dncnn_color_blind", "ffdnet_color")}
NOISE, SETS = "gaussian:25", {1: "BSD68", 3: "CBSD68"}
# What a processor computes with, widest first: what is fast on one need not be on another.
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}
MATRIX = 1536  # rows and columns of the product


class Timed:
    """A session of ONNX Runtime and its input; how long each run took."""

    def __init__(self, session: onnxruntime.InferenceSession, feeds: dict[str, np.ndarray]) -> None:
        self.session, self.feeds, self.seconds = session, feeds, list[float]()

    def run(self) -> None:
        time.sleep(0.1)  # the threads of the session before wait for work by spinning, on the same cores
        began = time.perf_counter()
        self.session.run(None, self.feeds)
        self.seconds.append(time.perf_counter() - began)


class Contestant(Timed):
    """A network, and a picture of size×size."""

    def __init__(self, name: str, path: Path, threads: int, size: int) -> None:
        file = OnnxFile(path, threads=threads)
        self.name, self.path, self.threads, self.size, self.channels = name, path, threads, size, file.channels
        image = np.random.default_rng(0).random((size, size, file.channels), dtype=np.float32)
        super().__init__(file.session, file.feeds(image, 25))

    @property
    def milliseconds(self) -> float:
        """Per megapixel."""
        return statistics.median(self.seconds) * 1e9 / self.size**2


class Product(Timed):
    """Large matrices multiplied by ONNX Runtime: what the machine can do."""

    def __init__(self, threads: int) -> None:
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (MATRIX, MATRIX)) for name in "abc"]
        graph = helper.make_graph([helper.make_node("MatMul", ["a", "b"], ["c"])], "product", ends[:2], ends[2:])
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        options = session_options(threads)
        values = np.random.default_rng(0).random((2, MATRIX, MATRIX), np.float32)
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
        super().__init__(session, {"a": values[0], "b": values[1]})

    @property
    def rate(self) -> float:
        """Multiply-accumulates per second."""
        return MATRIX**3 / statistics.median(self.seconds)


def race(contestants: Sequence[Timed], rounds: int) -> None:
    """One round to warm up, then the ones that count."""
    for _ in range(rounds + 1):
        for contestant in contestants:
            contestant.run()
    for contestant in contestants:
        del contestant.seconds[0]


def work(contestant: Contestant) -> float:
    """Multiply-accumulates per pixel of the convolutions of a file of others, at the size of the race."""
    proto = onnx.load(contestant.path)
    for value in proto.graph.input:
        for dimension, size in zip(value.type.tensor_type.shape.dim, contestant.feeds[value.name].shape, strict=True):
            dimension.dim_value = size
    graph = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.value_info, *graph.output)}
    kernels = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    total = 0.0
    for node in (node for node in graph.node if node.op_type == "Conv"):
        total += np.prod(kernels[node.input[1]], dtype=float) * np.prod(shapes[node.output[0]][2:], dtype=float)
    return total / contestant.size**2


def where_time_goes(contestant: Contestant) -> str:
    """The kinds of nodes that take most of the time, after ONNX Runtime's own fusions."""
    with tempfile.TemporaryDirectory() as folder:
        options = session_options(contestant.threads)
        options.enable_profiling, options.profile_file_prefix = True, str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(str(contestant.path), options)
        for _ in range(3):
            session.run(None, contestant.feeds)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    spent: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"].replace("Fused", "")] += event["dur"]
    return ", ".join(f"{kind} {100 * time / spent.total():.0f} %" for kind, time in spent.most_common(3))


# ---- the table and the picture ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line: a network or a method."""

    name: str
    kind: str  # "entry", "peer" or "classical"
    channels: int
    milliseconds: float  # per megapixel
    macs: float | None = None  # per pixel
    share: float | None = None  # of the rate of the product
    time: str = ""

    def quality(self, known: dict[tuple[str, str], float]) -> float | None:
        return known.get((self.name, SETS[self.channels]))


def known_quality() -> dict[tuple[str, str], float]:
    """PSNR by name and set."""
    found = {
        (entry.name, score["set"]): score["psnr"]
        for entry in map(zoo.describe, zoo.list_pretrained())
        for score in entry.scores
        if score["noise"] == NOISE
    }
    kept = Path(__file__).with_name("baselines.json")
    lines = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else []
    return found | {(line["method"], line["set"]): line["psnr"] for line in lines if line["noise"] == NOISE}


def classical(size: int) -> list[Row]:
    """The classical methods, one run each (they are slow enough to be timed so), on one thread or as they like."""
    from baselines import KEPT, METHODS, made

    lines = json.loads(KEPT.read_text(encoding="utf-8"))
    settings = {(x["method"], x["channels"]): x.get("setting") for x in lines if x["noise"] == NOISE}
    rows = []
    for channels in SETS:
        # How long blocks take to match is a matter of the picture.
        photograph = as_float(data.astronaut()[:size, :size])
        clean = photograph if channels == 3 else photograph.mean(axis=-1, keepdims=True)
        _, picture = made(clean, zoo.noise_from_name(NOISE), np.random.default_rng(1))
        _, small = made(clean[:64, :64], zoo.noise_from_name(NOISE), np.random.default_rng(1))
        for title, (method, _) in METHODS["gaussian"].items():
            if (title, channels) in settings:
                method(small, settings[title, channels])  # what is imported and prepared once is not counted
                began = time.perf_counter()
                method(picture, settings[title, channels])
                pixels = clean.shape[0] * clean.shape[1]
                rows.append(Row(title, "classical", channels, (time.perf_counter() - began) * 1e9 / pixels))
    return rows


def text(rows: list[Row], note: str) -> str:
    """The tables, gray and colour."""
    known, parts = known_quality(), []
    for channels, folder in SETS.items():
        own = sorted((row for row in rows if row.channels == channels), key=lambda row: row.milliseconds)
        times = {row.name: row.milliseconds for row in own}
        against = [name for name in BASELINES[channels] if name in times]
        lines = []
        for row in own:
            cells = [f"`{row.name}`" if row.kind == "entry" else row.name]
            cells += [f"{row.macs / 1000:.1f}" if row.macs else "", f"{row.milliseconds:.0f}"]
            cells += [f"{times[name] / row.milliseconds:.2f}" for name in against]
            quality = row.quality(known)
            cells += ["" if quality is None else decibels(quality), f"{row.share:.0%}" if row.share else "", row.time]
            lines.append(cells)
        head = ["", "kMAC/pixel", "ms/megapixel", *(f"× {name}" for name in against), f"{folder}, dB", "of a product"]
        parts.append(table([*head, "time goes to"], lines, left=1))
    return "\n\n".join([*parts, note])


def draw(rows: list[Row], path: Path) -> None:
    """PSNR against time, and against work."""
    import matplotlib.pyplot as plt
    from adjustText import adjust_text

    known, placing = known_quality(), []
    figure, axes = plt.subplots(2, 2, figsize=(12, 10), sharey="row")
    colors = {"entry": "tab:blue", "peer": "tab:orange", "classical": "tab:gray"}
    for line, (channels, folder) in zip(axes, SETS.items(), strict=True):
        for axis, what in zip(line, ("milliseconds", "macs"), strict=True):
            found = [(getattr(row, what), row.quality(known), row) for row in rows if row.channels == channels]
            shown = [(x if what == "milliseconds" else x / 1000, y, row) for x, y, row in found if x and y]
            points = [(x, quality) for x, quality, _ in shown]
            axis.set_xscale("log")
            axis.set_xlabel("milliseconds per megapixel" if what == "milliseconds" else "kMAC per pixel")
            axis.grid(alpha=0.3)
            axis.margins(0.15, 0.12)
            if not points:
                continue
            axis.scatter(*zip(*points, strict=True), color=[colors[row.kind] for _, _, row in shown])
            names = [axis.text(x, quality, row.name, fontsize=8) for x, quality, row in shown]
            for name, point in zip(names, points, strict=True):
                # Of points that all but coincide, one name starts below: they would be moved as one.
                if any(0 < other[1] - point[1] < 0.1 and 0.9 < other[0] / point[0] < 1.1 for other in points):
                    name.set_verticalalignment("top")
            placing.append((names, points, axis))
        line[0].set_ylabel(f"PSNR on {folder}, σ = 25, dB")
    figure.tight_layout()
    for names, points, axis in placing:  # when the axes have their sizes
        pointer = {"arrowstyle": "-", "color": "tab:gray"}
        adjust_text(names, *zip(*points, strict=True), ax=axis, iter_lim=1000, arrowprops=pointer)
    figure.savefig(path, dpi=75, format="png")
    plt.close(figure)


def processor() -> tuple[str, frozenset[str]]:
    """The processor's name, and what it can do (none where the system does not tell)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine(), frozenset()
    facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    named = {name.strip(): value.strip() for name, value in facts.items()}
    return named.get("model name", platform.machine()), frozenset(named.get("flags", "").split())


@errors_in_one_line
def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="entries or their folders (default: the Gaussian ones)"
    )
    add_data(parser, "peers", optional=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512, help="side of the picture in pixels, even (512)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--readme", type=Path, default=README)
    args = parser.parse_args()
    if min(args.threads, args.rounds) < 1 or args.size < 2 or args.size % 2:
        parser.error("expected at least 1 thread and 1 round, and an even size")
    peers = sorted((args.data / "peers").glob("*.onnx")) if args.data else []
    whole = bool(peers) and not args.names
    if whole and find_spec("bm3d") is None:  # before time is spent
        parser.error("bm3d is missing, which is compared with; pip install '.[benchmark]'")
    if whole:
        around(args.readme, "benchmark")
    entries = [zoo.describe(name) for name in args.names or zoo.list_pretrained(noise="gaussian:0-55")]
    networks = [Contestant(e.name, e.file("model.onnx"), args.threads, args.size) for e in entries]
    networks += [Contestant(path.stem, path, args.threads, args.size) for path in peers]
    product = Product(args.threads)
    race([*networks, product], args.rounds)
    rows = []
    for i, one in enumerate(networks):
        kind = "entry" if i < len(entries) else "peer"
        macs = entries[i].macs_per_pixel if kind == "entry" else work(one)
        share = macs * 1e9 / one.milliseconds / product.rate
        rows.append(Row(one.name, kind, one.channels, one.milliseconds, macs, share, where_time_goes(one)))
    rows += classical(args.size) if whole else []
    name, flags = processor()
    widest = next((f" ({label})" for flag, label in VECTORS.items() if flag in flags), "")
    note = (
        f"{name}{widest}, ONNX Runtime {onnxruntime.__version__}, {args.threads} threads, "
        f"{args.size}×{args.size} pixels, median of {args.rounds} rounds in turn "
        "(classical methods: one run each, on 512×512 at most and as many threads as they take by themselves); "
        f"a product of matrices of {MATRIX}×{MATRIX}: "
        f"{2 * product.rate / 1e9:.0f} GFLOP/s. PSNR at σ = 25. Measured by "
        "`python scripts/benchmark.py`, which writes these tables; compare times within them only."
    )
    print(text(rows, note))
    if whole:
        write_between(args.readme, "benchmark", text(rows, note))
        with file_beside(PICTURE) as temporary:
            draw(rows, temporary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
