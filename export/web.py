"""``to_web``: a folder to serve as it is: a page that denoises the visitor's own pictures, in the browser."""

from __future__ import annotations

import html
import json
import os
import shutil
import string
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from export.deliver import deliver_folder
from export.guide import Facts, page
from export.onnx_file import onnx_model, save
from export.parity import Parity
from export.sizes import check_colors
from zoo.architectures.accounting import account
from zoo.errors import InputError

if TYPE_CHECKING:
    import keras

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"  # which the suite runs with; others may hold other files
# WebAssembly, for every browser, and WebGPU, for those that have it.
RUNTIME = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
PAGE = ("index.html", "page.js", "worker.js")
LICENSE_NOTE = "The files in runtime/ are those of the npm package onnxruntime-web (MIT licence).\n"


def to_web(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    runtime: str | os.PathLike[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Parity:
    """Write a folder with a page, the model as ONNX, and ONNX Runtime for browsers; it needs nothing from elsewhere.

    The page takes a picture that is dropped, pasted or chosen, denoises it in tiles by WebGPU or WebAssembly, and shows
    before and after under a slider. The picture stays in the browser.

    Args:
        model: As for :func:`export.to_onnx`.
        path: The folder; an empty one is replaced, and an earlier export.
        runtime: The folder of the npm package onnxruntime-web, or its ``dist``; without it, ``npm pack`` fetches the
            package.
        metadata: Facts on the model; its "name" is the title.

    Raises:
        InputError: No such runtime, or no npm. Others as of :func:`export.to_onnx`.
    """
    check_colors(model)
    proto, facts, account_ = onnx_model(model, metadata=metadata), Facts.of(model, metadata), account(model)
    told = {
        "name": facts.name,
        "channels": facts.channels,
        "takes_sigma": facts.takes_sigma,
        "halo": account_.halo,
        "multiple_of": account_.multiple_of,
    }

    def write(folder: Path) -> None:
        save(proto, folder / "model.onnx")
        source = Path(__file__).parent / "web_page"
        for name in PAGE:
            text = (source / name).read_text(encoding="utf-8")
            if name == "index.html":
                described = json.dumps(told).replace("<", "\\u003c")  # whatever the name is, it ends no script
                text = string.Template(text).substitute(name=html.escape(facts.name), facts=described)
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "runtime").mkdir()
        with _runtime(None if runtime is None else Path(runtime)) as found:
            for name in RUNTIME:
                shutil.copyfile(found / name, folder / "runtime" / name)

    guide = page(
        facts,
        "a page for the browser",
        ("Serve it", "sh", "python -m http.server  # and open http://localhost:8000\n"),
        note="Any web server will do. One that sends the headers `Cross-Origin-Opener-Policy: same-origin` and "
        "`Cross-Origin-Embedder-Policy: require-corp` lets WebAssembly use all cores. Pictures are read as browsers "
        "give them: in 8 bits per channel, and with colours rounded where they are nearly transparent. " + LICENSE_NOTE,
    )
    return deliver_folder(model, path, write, guide=guide, facts={"format": "web"})


@contextmanager
def _runtime(given: Path | None) -> Iterator[Path]:
    """A folder with the files of ONNX Runtime for browsers."""
    if given is not None:
        yield _with_files(given)
        return
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"no npm here to fetch {PACKAGE}; install npm, or give the package's folder (--runtime PATH)")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            fetch = [npm, "pack", f"{PACKAGE}@{VERSION}"]
            run = subprocess.run(fetch, cwd=scratch, capture_output=True, text=True, check=False, timeout=600)
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"npm could not fetch {PACKAGE} in {error.timeout:.0f} s; give the package's folder (--runtime PATH)"
            ) from error
        archives = list(Path(scratch).glob("*.tgz"))
        if run.returncode or not archives:
            reason = (run.stderr.strip().splitlines() or ["it gave nothing"])[-1]
            raise InputError(f"npm could not fetch {PACKAGE} ({reason}); give the package's folder (--runtime PATH)")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(scratch, filter="data")
        yield _with_files(Path(scratch) / "package")


def _with_files(package: Path) -> Path:
    """The folder of the package's files. Raises InputError: it does not have them all."""
    for folder in (package, package / "dist"):
        if all((folder / name).is_file() for name in RUNTIME):
            return folder
    raise InputError(
        f"no {RUNTIME[0]} and {len(RUNTIME) - 1} more in {str(package)!r}; expected the npm package {PACKAGE} {VERSION}"
    )
