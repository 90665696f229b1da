"""The page that denoises in the browser, in a real one."""

from __future__ import annotations

import functools
import io
import os
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
from PIL import Image
from skimage import data

import zoo
from export import to_web
from export.web import RUNTIME
from zoo.errors import InputError

Small = Callable[..., keras.Model]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    """``served(folder)``: its address on this machine."""
    servers = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def give(browser, picture: Path) -> tuple[str, str]:
    """Choose a picture, and wait for the end: the page's state, and what it says."""
    from selenium.webdriver.support.ui import WebDriverWait

    body = browser.find_element("tag name", "body")
    browser.find_element("id", "file").send_keys(str(picture))
    WebDriverWait(browser, 120).until(lambda b: body.get_attribute("data-state") not in ("ready", "busy"))
    return body.get_attribute("data-state"), browser.find_element("id", "message").text


def saved(browser) -> np.ndarray:
    """The file that the page offers."""
    content = browser.execute_async_script(
        "const done = arguments[0]; fetch(document.getElementById('download').href).then((r) => r.arrayBuffer())"
        ".then((b) => done(Array.from(new Uint8Array(b))))"
    )
    return np.asarray(Image.open(io.BytesIO(bytes(content))).convert("RGB"))


def denoise(browser, picture: Path) -> np.ndarray:
    """The page's result for a picture, as the file that it offers."""
    state, said = give(browser, picture)
    assert state == "done", said
    return saved(browser)


def stub(folder: Path, run: str) -> None:
    """A runtime for a page for gray that is told the level: the body of ``run(feeds)``, and ``ran``, how often."""
    text = (
        "export const env = { wasm: {} };\nexport class Tensor { constructor(kind, data) { this.data = data; } }\n"
        "let ran = 0;\nexport const InferenceSession = { create: async () => ({ run: async (feeds) => {\n"
        f"ran += 1;\n{run}\n}} }}) }};\n"
    )
    for name in ("ort.wasm.min.mjs", "ort.webgpu.min.mjs"):
        (folder / "runtime" / name).write_text(text)


def test_a_photograph_in_the_browser(browser, served, tmp_path: Path, web_runtime: Path) -> None:
    """Several tiles, odd sizes: as ONNX Runtime does it in Python, to a step of 8 bits."""
    to_web(zoo.load_keras("resnet-gaussian-color"), tmp_path / "page", runtime=web_runtime)
    noisy = data.astronaut()[:301] + np.random.default_rng(0).normal(0, 25, (301, 512, 3))
    noisy = np.clip(np.rint(np.concatenate([noisy, noisy[:, :90]], axis=1)), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    browser.get(served(tmp_path / "page"))
    found = denoise(browser, tmp_path / "noisy.png")
    session = onnxruntime.InferenceSession(tmp_path / "page" / "model.onnx")
    expected = session.run(None, {"image": noisy[None] / np.float32(255)})[0][0]
    expected = np.rint(np.clip(expected, 0, 1) * 255)
    assert found.shape == noisy.shape
    assert np.abs(found.astype(float) - expected).max() <= 1
    assert np.abs(found.astype(float) - noisy).mean() > 5
    browser.find_element("id", "slider").send_keys("\ue014")
    assert browser.execute_script("return document.getElementById('pair').style.getPropertyValue('--at')") == "50.1%"
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    # The line stands where the pictures meet.
    before, line, pair = (browser.find_element("id", name).rect for name in ("before", "line", "pair"))
    assert (pair["x"], pair["width"]) == (before["x"], before["width"])
    assert abs(line["x"] + 1 - (before["x"] + 0.501 * before["width"])) < 1
    if folder := os.environ.get("DENOISE_ZOO_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / "web.png"))


def test_gray_with_the_noise_level(browser, served, tmp_path: Path, small: Small, web_runtime: Path) -> None:
    model = small("unet-skip", takes_sigma=True)
    to_web(model, tmp_path / "page", runtime=web_runtime / "dist", metadata={"name": "</script><b>&"})
    pixels = data.chelsea()[:50, :71]
    Image.fromarray(pixels).save(tmp_path / "in.png")
    browser.get(served(tmp_path / "page"))
    assert browser.title == "</script><b>&"
    found = denoise(browser, tmp_path / "in.png")
    gray = np.asarray(Image.fromarray(pixels).convert("L"))[None, :, :, None] / np.float32(255)
    expected = model([gray, np.array([[25 / 255]], np.float32)], training=False).numpy()[0]
    assert np.abs(found - np.rint(np.clip(expected, 0, 1) * 255)).max() <= 1
    (tmp_path / "text.png").write_text("no picture")
    browser.execute_script("document.body.dataset.state = 'ready'")
    assert "no picture" in give(browser, tmp_path / "text.png")[1]
    assert not browser.find_element("id", "save").is_displayed()


def test_what_ends_a_picture_ends_no_other(browser, served, tmp_path: Path, small: Small, web_runtime: Path) -> None:
    """One too large for a canvas, an error that is none of JavaScript's, a level that is no longer asked for."""
    from selenium.webdriver.support.ui import WebDriverWait

    folder = tmp_path / "page"
    to_web(small("unet-skip", takes_sigma=True), folder, runtime=web_runtime)
    answer = (
        "await new Promise((go) => setTimeout(go, 300));\nif (feeds.image.data[0] === 1) throw 43345352;\n"
        "return { denoised: { getData: async () => feeds.image.data.map(() => ran / 255), dispose() {} } };"
    )
    stub(folder, answer)
    for name, shape, value in (("wide", (2, 70000), 9), ("white", (20, 30), 255), ("good", (20, 30), 9)):
        Image.fromarray(np.full(shape, value, np.uint8)).save(tmp_path / f"{name}.png")
    browser.get(served(folder))
    assert (denoise(browser, tmp_path / "good.png") == 1).all()
    for name, said in (("wide", "70000×2 pixels, is too large for this browser"), ("white", "(43345352)")):
        browser.execute_script("document.body.dataset.state = 'ready'")
        state, message = give(browser, tmp_path / f"{name}.png")
        assert state == "error" and said in message
        assert not browser.find_element("id", "save").is_displayed()
        browser.execute_script("document.body.dataset.state = 'ready'")
        found = denoise(browser, tmp_path / "good.png")
        assert found.shape == (20, 30, 3) and (found == found[0, 0]).all()
    before = int(found[0, 0, 0])
    level = browser.find_element("id", "sigma")
    for _ in range(20):
        level.send_keys("\ue014")
    body = browser.find_element("tag name", "body")
    WebDriverWait(browser, 30).until(lambda b: body.get_attribute("data-state") == "done")
    after = int(saved(browser)[0, 0, 0])
    assert browser.find_element("id", "shown").text == "45"
    assert before < after < before + 15


def test_a_page_that_is_not_whole_says_so(browser, served, tmp_path: Path, small: Small, web_runtime: Path) -> None:
    to_web(small("unet-skip"), tmp_path / "page", runtime=web_runtime)
    for name in ("one.png", "two.png"):
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / name)
    browser.get((tmp_path / "page" / "index.html").as_uri())
    assert "opened as a file" in browser.find_element("id", "message").text
    (tmp_path / "page" / "worker.js").unlink()
    browser.get(served(tmp_path / "page"))
    for name in ("one.png", "two.png"):
        state, message = give(browser, tmp_path / name)
        assert state == "error" and "served with all of its files" in message
        browser.execute_script("document.body.dataset.state = 'ready'")


def test_nothing_is_fetched_from_elsewhere(served, tmp_path: Path, tiny: keras.Model, web_runtime: Path) -> None:
    to_web(tiny, tmp_path / "page", runtime=web_runtime)
    address = served(tmp_path / "page")
    for name in ("", "page.js", "worker.js"):
        text = urllib.request.urlopen(f"{address}/{name}").read().decode()
        assert not re.findall(r"""["'(](?:https?:)?//[a-z]""", text)
    assert sorted(os.listdir(tmp_path / "page" / "runtime")) == sorted(RUNTIME)


def test_no_runtime(tiny: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="onnxruntime-web"):
        to_web(tiny, tmp_path / "page", runtime=tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(InputError, match="--runtime PATH"):
        to_web(tiny, tmp_path / "page")
    assert not os.listdir(tmp_path)
