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


def denoise(browser, picture: Path) -> np.ndarray:
    """The page's result for a picture, as the file that it offers."""
    from selenium.webdriver.support.ui import WebDriverWait

    body, wait = browser.find_element("tag name", "body"), WebDriverWait(browser, 120)
    browser.find_element("id", "file").send_keys(str(picture))
    wait.until(lambda b: body.get_attribute("data-state") not in ("ready", "busy"))
    assert body.get_attribute("data-state") == "done", browser.find_element("id", "message").text
    wait.until(lambda b: (b.find_element("id", "download").get_attribute("href") or "").startswith("blob:"))
    content = browser.execute_async_script(
        "const done = arguments[0]; fetch(document.getElementById('download').href).then((r) => r.arrayBuffer())"
        ".then((b) => done(Array.from(new Uint8Array(b))))"
    )
    return np.asarray(Image.open(io.BytesIO(bytes(content))).convert("RGB"))


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
    browser.find_element("id", "file").send_keys(str(tmp_path / "text.png"))
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 10).until(lambda b: "no picture" in b.find_element("id", "message").text)


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
