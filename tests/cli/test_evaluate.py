"""``zoo evaluate``: the figures of the library, as a table or JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from zoo.errors import InputError
from zoo.evaluation import evaluate, psnr
from zoo.noise import noise_from_name


@pytest.fixture
def images(gray, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(2):
        Image.fromarray(np.roll(gray, 40 * i)).save(folder / f"{i}.png")
    return folder


def test_a_row_per_noise(zoo, blur, images):
    model = blur(1)
    result = zoo("evaluate", model, images, "--noise", "gaussian:25", "--noise", "poisson:30", "--seed", "7")
    head, *rows = result.out.splitlines()
    assert (result.status, result.err) == (0, "")
    assert head.split() == ["set", "noise", "images", "noisy", "dB", "dB", "noisy", "SSIM", "SSIM"]
    for row, noise in zip(rows, ("gaussian:25", "poisson:30"), strict=True):
        s = evaluate(model, images, noise, seed=7)
        figures = [f"{s.noisy_psnr:.2f}", f"{s.psnr:.2f}", f"{s.noisy_ssim:.4f}", f"{s.ssim:.4f}"]
        assert row.split() == [str(images), noise, "2", *figures]


def test_json_is_the_same_for_a_file(zoo, blur, images):
    model = blur(1)
    rows = [
        json.loads(zoo("evaluate", name, images, "--noise", "gaussian:25", "--json").out)
        for name in (model, model / "model.onnx")
    ]
    assert (
        rows[0]
        == rows[1]
        == [{"set": str(images), "noise": "gaussian:25", **evaluate(model, images, "gaussian:25").row()}]
    )


def test_pairs_are_measured(zoo, blur, images, tmp_path):
    noisy = tmp_path / "noisy"
    noisy.mkdir()
    for path in images.iterdir():
        Image.fromarray(np.asarray(Image.open(path)) // 2).save(noisy / path.name)
    model = blur(1)
    result = zoo("evaluate", model, images, "--noisy", noisy, "--json")
    score = evaluate(model, (noisy, images))
    assert json.loads(result.out) == [{"set": str(images), "noise": str(noisy), **score.row()}]
    refused = zoo("evaluate", model, images, "--noisy", noisy, "--noise", "gaussian:25")
    assert refused.status == 2 and "not allowed with argument" in refused.err


def test_the_pages_of_a_stack_by_the_white_that_is_given(zoo, blur, gray, tmp_path):
    (tmp_path / "stacks").mkdir()
    tifffile.imwrite(tmp_path / "stacks" / "a.tif", np.stack([gray, gray[::-1]]).astype(np.uint16) * 16)
    result = zoo(
        "evaluate", blur(1), tmp_path / "stacks", "--noise", "gaussian:25", "--white", 255 * 16, "--seed", "5", "--json"
    )
    (row,) = json.loads(result.out)
    rng, scores = np.random.default_rng([5, 0]), []
    for page in (gray, gray[::-1]):
        clean = page[..., np.newaxis].astype(np.float32) / 255
        scores.append(psnr(clean, noise_from_name("gaussian:25").sample(clean, rng)))
    assert (row["count"], result.err) == (2, "")
    assert row["noisy_psnr"] == pytest.approx(np.mean(scores), abs=1e-3)


def test_stacks_as_pairs_have_as_many_pages(zoo, blur, gray, tmp_path):
    for folder, pages in (("noisy", 2), ("clean", 2), ("fewer", 1)):
        (tmp_path / folder).mkdir()
        tifffile.imwrite(tmp_path / folder / "a.tif", np.stack([gray // 2] * pages), photometric="minisblack")
    model = blur(1)
    (row,) = json.loads(zoo("evaluate", model, tmp_path / "clean", "--noisy", tmp_path / "noisy", "--json").out)
    assert row["count"] == 2
    for noisy, clean, fewer in (("fewer", "clean", "noisy"), ("clean", "fewer", "clean")):
        refused = zoo("evaluate", model, tmp_path / clean, "--noisy", tmp_path / noisy)
        assert refused.status == 1 and f"a.tif: the {fewer} file has fewer pages" in refused.err


def test_one_broken_picture_does_not_hide_the_others(zoo, blur, images):
    model = blur(1)
    (images / "00.png").write_bytes(b"no picture")
    result = zoo("evaluate", model, images, "--noise", "gaussian:25", "--noise", "gaussian:50", "--json")
    assert (result.status, [row["count"] for row in json.loads(result.out)]) == (1, [2, 2])
    assert result.err.count("zoo: error: ") == result.err.count("00.png") == 1
    with pytest.raises(InputError, match=r"00\.png"):
        evaluate(model, images, "gaussian:25")


def test_without_noise_the_baseline_is_infinite(zoo, blur, images):
    result = zoo("evaluate", blur(1), images, "--noise", "gaussian:0")
    assert result.out.splitlines()[1].split()[3] == "inf"


def test_what_cannot_be_measured_is_refused(zoo, blur, images, tmp_path):
    model = blur(1)
    (images.parent / "empty").mkdir()
    (images.parent / "broken").mkdir()
    (images.parent / "broken" / "text.png").write_text("no picture")
    for name, folder, status in [
        (model, images.parent / "nowhere", 1),
        (model, images.parent / "empty", 1),
        (model, images.parent / "broken", 1),
        ("nonsense", images, 2),
        (tmp_path / "missing.onnx", images, 1),
        (images.parent / "broken" / "text.png", images, 2),
    ]:
        result = zoo("evaluate", name, folder, "--noise", "gaussian:25")
        assert (result.status, result.out) == (status, "")
        assert result.err.startswith("zoo: error: ")
        assert result.err.count("\n") == 1
    assert zoo("evaluate", model, images, "--noise", "gaussian:25").status == 0
