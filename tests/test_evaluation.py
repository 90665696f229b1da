"""Measured on models whose result is known beforehand: the input itself, the level that it is told, and the like."""

from __future__ import annotations

import json
import math
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx.parser
import pytest
import tifffile
from PIL import Image
from skimage import data
from skimage.metrics import structural_similarity

from zoo.errors import InputError, UsageError, ZooError, ZooWarning
from zoo.evaluation import Score, evaluate, evaluate_each, psnr, ssim
from zoo.inference.denoiser import load
from zoo.noise import Gaussian
from zoo.pretrained import Pretrained, sha256

PEERS = Path(os.environ.get("DENOISE_ZOO_DATA", "")) / "peers"
LEVEL = "shape = Constant <value_ints = [-1, 1, 1, 1]> () level = Reshape (sigma, shape)"


def onnx_file(path: Path, inputs: str, output: str, body: str) -> Path:
    text = f'<ir_version: 9, opset_import: ["" : 18]> g ({inputs}) => ({output}) {{ {body} }}'
    path.write_bytes(onnx.parser.parse_model(text).SerializeToString())
    return path


def ours(folder: Path, body: str = "denoised = Identity (image)", *, channels: int = 1, sigma: bool = False) -> Path:
    """An .onnx file of our form."""
    image = f"float[n, height, width, {channels}]"
    level = ", float[n, 1] sigma" if sigma else ""
    return onnx_file(
        folder / f"ours-{channels}{level and '-aware'}.onnx", f"{image} image{level}", f"{image} denoised", body
    )


@pytest.fixture
def gray() -> np.ndarray:
    return data.camera()[100:170, 150:230]


@pytest.fixture
def folder(tmp_path: Path, gray: np.ndarray) -> Path:
    """Three gray pictures, one of them in a folder of its own, and a file that is none."""
    images = tmp_path / "images"
    (images / "more").mkdir(parents=True)
    Image.fromarray(gray).save(images / "b.png")
    Image.fromarray(gray[::-1]).save(images / "a.png")
    Image.fromarray(gray[:, ::-1]).save(images / "more" / "c.png")
    (images / "notes.txt").write_text("none")
    return images


# ---- measures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", [data.camera()[100:171, 150:213, None], data.astronaut()[:90, 100:177]])
def test_ssim_is_that_of_wang(picture: np.ndarray) -> None:
    clean = picture / 255
    noisy = clean + np.random.default_rng(0).normal(0, 0.1, clean.shape)
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    wanted = structural_similarity(clean, noisy, channel_axis=2, **options)
    assert 0.1 < wanted < 0.6
    assert ssim(clean, noisy) == pytest.approx(wanted, abs=1e-9)
    assert ssim(clean, clean) == pytest.approx(1)


def test_psnr_by_hand() -> None:
    clean = np.zeros((20, 30, 1), np.float32)
    assert psnr(clean, clean + np.float32(0.1)) == pytest.approx(20, abs=1e-5)
    assert psnr(clean, clean) == math.inf


def test_row_is_json() -> None:
    row = Score(30.123456, 0.91234567, 3, math.inf, 1.0).row()
    assert json.loads(json.dumps(row, allow_nan=False)) == {
        "psnr": 30.1235,
        "ssim": 0.9123,
        "count": 3,
        "noisy_psnr": None,
        "noisy_ssim": 1.0,
    }


# ---- images and noise ------------------------------------------------------------------------------------------------


def test_noise_is_not_clipped_and_the_output_is(tmp_path: Path, gray: np.ndarray) -> None:
    """The identity's output is the noisy image, clipped, which is better than the noisy image itself."""
    score = evaluate(ours(tmp_path), [gray], "gaussian:50", seed=3)
    clean = gray[..., None].astype(np.float32) / np.float32(255)
    noisy = Gaussian(50).sample(clean, np.random.default_rng([3, 0]))
    assert score == Score(
        psnr(clean, noisy.clip(0, 1)), ssim(clean, noisy.clip(0, 1)), 1, psnr(clean, noisy), ssim(clean, noisy)
    )
    assert score.noisy_psnr == pytest.approx(20 * math.log10(255 / 50), abs=0.2)
    assert score.psnr > score.noisy_psnr + 0.3


def test_the_literature_s_noisy_figure(tmp_path: Path) -> None:
    score = evaluate(ours(tmp_path), [data.camera()[:256, :256]], "gaussian:25")
    assert score.noisy_psnr == pytest.approx(20.17, abs=0.05)


def test_same_figures_each_time_and_others_by_another_seed(tmp_path: Path, folder: Path) -> None:
    model = ours(tmp_path)
    first = list(evaluate_each(model, folder, "gaussian:25", seed=1))
    assert first == list(evaluate_each(model, folder, "gaussian:25", seed=1))
    assert [name for name, _ in first] == ["a.png", "b.png", os.path.join("more", "c.png")]
    other = list(evaluate_each(model, folder, "gaussian:25", seed=2))
    assert all(a[1] != b[1] for a, b in zip(first, other, strict=True))
    # Mirrored pictures under the same noise would have nearly equal figures.
    assert len({score.noisy_psnr for _, score in first}) == 3
    files = [folder / name for name, _ in first]
    assert [score for _, score in evaluate_each(model, files, "gaussian:25", seed=1)] == [score for _, score in first]


def test_means_over_the_images(tmp_path: Path, folder: Path) -> None:
    scores = [score for _, score in evaluate_each(ours(tmp_path), folder, "poisson:20+saltpepper:5")]
    mean = evaluate(ours(tmp_path), folder, "poisson:20+saltpepper:5")
    assert mean.count == 3
    assert mean.psnr == pytest.approx(sum(s.psnr for s in scores) / 3)
    assert mean.noisy_ssim == pytest.approx(sum(s.noisy_ssim for s in scores) / 3)


def test_a_picture_that_comes_out_unchanged_does_not_hide_the_others(tmp_path: Path, gray: np.ndarray) -> None:
    body = "top = Constant <value = float {0.5}> () denoised = Min (image, top)"
    dark, light = gray / np.float32(510), gray / np.float32(255)
    model = ours(tmp_path, body)
    alone = evaluate(model, [light], "gaussian:0").psnr
    assert evaluate(model, [dark], "gaussian:0").psnr == math.inf
    assert evaluate(model, [dark, light], "gaussian:0").psnr == pytest.approx((100 + alone) / 2)


def test_no_noise(tmp_path: Path, gray: np.ndarray) -> None:
    body = "half = Constant <value = float {0.5}> () less = Mul (image, half) denoised = Add (less, less)"
    score = evaluate(ours(tmp_path, body), [gray], "gaussian:0")
    assert (score.noisy_psnr, score.noisy_ssim) == (math.inf, pytest.approx(1))
    assert score.row()["noisy_psnr"] is None


def test_progress_goes_to_standard_error(tmp_path: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    evaluate(ours(tmp_path), folder, "gaussian:25", progress=True)
    assert capfd.readouterr().out == ""


def test_color_becomes_gray_by_luma(tmp_path: Path) -> None:
    color = data.astronaut()[:40, 150:200]
    luma = np.rint(color @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    alpha = np.dstack([color, np.full((40, 50), 7, np.uint8)])
    wanted = evaluate(ours(tmp_path), [luma], "gaussian:25")
    assert evaluate(ours(tmp_path), [color], "gaussian:25") == wanted
    assert evaluate(ours(tmp_path), [alpha], "gaussian:25") == wanted
    assert evaluate(ours(tmp_path, channels=3), [color], "gaussian:25") != wanted


def test_gray_for_a_color_model_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: gray image"):
        evaluate(ours(tmp_path, channels=3), folder, "gaussian:25")


@pytest.mark.parametrize("images", [[], "nowhere", "empty"])
def test_no_images(tmp_path: Path, images: Any) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="expected"):
        evaluate(ours(tmp_path), images if isinstance(images, list) else tmp_path / images, "gaussian:25")


def test_brighter_than_white_is_not_clean(tmp_path: Path, gray: np.ndarray) -> None:
    bright = gray.astype(np.float32) / 128
    with pytest.raises(InputError, match=r"^image 0: clean image from 0\S* to 1\.9\S*; expected values in \[0, 1\]"):
        evaluate("resnet-gaussian-gray-tiny", [bright], "gaussian:25")


def test_too_small_for_ssim(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="11×11"):
        evaluate(ours(tmp_path), [np.zeros((10, 40), np.uint8)], "gaussian:25")


# ---- models ----------------------------------------------------------------------------------------------------------


def test_told_level_arrives_on_the_image_s_scale(tmp_path: Path) -> None:
    """On black, a model that subtracts sigma from a clean image is off by sigma/255."""
    body = f"{LEVEL} z = Sub (image, image) denoised = Add (z, level)"
    model = ours(tmp_path, body, sigma=True)
    black = [np.zeros((16, 16), np.uint8)]
    for noise in ("gaussian:51", "gaussian:51+bits:8"):
        assert evaluate(model, black, noise).psnr == pytest.approx(20 * math.log10(5), abs=1e-4)
    # From a range each image draws its own level, and the model is told that.
    levels = [score.psnr for _, score in evaluate_each(model, black * 3, "gaussian:10-100")]
    assert len(set(levels)) == 3 and all(20 * math.log10(2.55) < level < 20 * math.log10(25.5) for level in levels)
    with pytest.raises(UsageError, match="gaussian:25"):
        evaluate(model, black, "poisson:10")


@pytest.mark.parametrize("size", [(16, 16), (17, 12), (15, 13)])
def test_peers_form(tmp_path: Path, size: tuple[int, int]) -> None:
    """Channels first, and a map of levels at half the size, which must fit a picture made even."""
    body = (
        'scales = Constant <value = float[4] {1, 1, 2, 2}> () map = Resize <mode = "nearest"> (smap, , scales)'
        " z = Sub (x, x) y = Add (z, map)"
    )
    inputs = "float[n, 3, h, w] x, float[n, 1, h2, w2] smap"
    model = onnx_file(tmp_path / "peer.onnx", inputs, "float[n, 3, h, w] y", body)
    score = evaluate(model, [np.zeros((*size, 3), np.uint8)], "gaussian:51")
    assert score.psnr == pytest.approx(20 * math.log10(5), abs=1e-4)


def test_channels_first_is_turned(tmp_path: Path) -> None:
    color = data.astronaut()[:40, 150:201]
    first = onnx_file(tmp_path / "f.onnx", "float[n, 3, h, w] x", "float[n, 3, h, w] y", "y = Identity (x)")
    assert evaluate(first, [color], "gaussian:25") == evaluate(ours(tmp_path, channels=3), [color], "gaussian:25")


def test_pairs_are_measured_as_they_are(folder: Path, gray: np.ndarray, tmp_path: Path) -> None:
    """By folders, files or arrays; noise may lead beyond white, and what takes its level is told an estimate."""
    noisy = {name: np.float32(image) + 51 for name, image in zip("bac", (gray, gray[::-1], gray[:, ::-1]), strict=True)}
    (tmp_path / "noisy" / "more").mkdir(parents=True)
    for name, image in noisy.items():
        place = tmp_path / "noisy" / ("more" if name == "c" else "") / f"{name}.tif"
        tifffile.imwrite(place, image / np.float32(255))
    model = ours(tmp_path)
    score = evaluate(model, (tmp_path / "noisy", folder))
    assert (score.count, score.noisy_psnr) == (3, pytest.approx(20 * math.log10(5), abs=1e-3))
    assert score.psnr >= score.noisy_psnr  # what is cut at white
    files = [sorted(path.rglob("*.*")) for path in (tmp_path / "noisy", folder)]
    files[1] = [path for path in files[1] if path.suffix == ".png"]
    assert evaluate(model, tuple(files), None) == score
    arrays = ([noisy[name] / 255 for name in "abc"], [gray[::-1], gray, gray[:, ::-1]])
    assert evaluate(model, arrays).psnr == pytest.approx(score.psnr, abs=1e-4)
    flat = np.full((64, 64), 0.5, np.float32)
    rough = flat + 0.1 * np.random.default_rng(0).standard_normal(flat.shape, dtype=np.float32)
    told = ours(tmp_path, f"{LEVEL} black = Sub (image, image) denoised = Add (black, level)", sigma=True)
    assert evaluate(told, ([rough], [flat])).psnr == pytest.approx(-20 * math.log10(0.4), abs=0.4)


def test_pairs_that_do_not_fit_are_told(folder: Path, gray: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    Image.fromarray(gray).save(tmp_path / "few" / "a.png")
    wrong: list[tuple[Any, str]] = [
        ((tmp_path / "few", folder), "'b' is only in one of"),
        (([gray], [gray, gray]), "1 noisy and 2 clean images"),
        (([gray], [gray[:40]]), "image 0: noisy of 70×80 pixels, clean of 40×80"),
        (folder, f"no noise for .*{folder.name}.*expected one, such as gaussian:25, or a pair"),
        ([gray] * 3, "^no noise for a list of images; expected one, such as gaussian:25, or a pair"),
        (
            [gray] * 2,
            r"^no noise for two images; expected one, such as gaussian:25, or a pair \(\[noisy\], \[clean\]\)$",
        ),
    ]
    for images, message in wrong:
        with pytest.raises(ZooError, match=message):
            evaluate(ours(tmp_path), images)


class Brighter(keras.layers.Layer):
    """A noise of one's own."""

    def call(self, clean: Any) -> Any:
        return clean + 0.2


def test_noise_by_a_layer_is_measured_too(tmp_path: Path) -> None:
    score = evaluate(ours(tmp_path), [np.zeros((16, 16), np.uint8)], Brighter())
    assert score.psnr == pytest.approx(20 * math.log10(5), abs=1e-4)


def test_what_takes_bytes_gets_bytes(tmp_path: Path, gray: np.ndarray) -> None:
    """The noisy picture as a file of 8 bits has it; white is 255."""
    image = "uint8[n, h, w, 1]"
    model = onnx_file(tmp_path / "bytes.onnx", f"{image} x", f"{image} y", "y = Identity (x)")
    in_a_file = evaluate(ours(tmp_path), [gray], "gaussian:25+bits:8")
    assert evaluate(model, [gray], "gaussian:25").psnr == pytest.approx(in_a_file.psnr, abs=1e-6)
    body = "s = Cast <to = 2> (sigma) shape = Constant <value_ints = [-1, 1, 1, 1]> () level = Reshape (s, shape)"
    body += " black = Sub (x, x) y = Add (black, level)"
    told = onnx_file(tmp_path / "told.onnx", f"{image} x, float[n, 1] sigma", f"{image} y", body)
    score = evaluate(told, [np.zeros((16, 16), np.uint8)], "gaussian:51")  # on the bytes' scale
    assert score.psnr == pytest.approx(20 * math.log10(5), abs=1e-4)


def test_what_takes_half_floats_gets_them(tmp_path: Path) -> None:
    """The level too."""
    image = "float16[n, h, w, 1]"
    body = f"black = Sub (image, image) {LEVEL} y = Add (black, level)"
    model = onnx_file(tmp_path / "half.onnx", f"{image} image, float16[n, 1] sigma", f"{image} y", body)
    score = evaluate(model, [np.zeros((16, 16), np.uint8)], "gaussian:51")
    assert score.psnr == pytest.approx(20 * math.log10(5), abs=0.02)


def test_an_entry_by_folder_and_as_a_denoiser(tmp_path: Path, gray: np.ndarray) -> None:
    entry_folder = tmp_path / "mine"
    entry_folder.mkdir()
    body = f"{LEVEL} denoised = Sub (image, level)"
    ours(tmp_path, body, sigma=True).rename(entry_folder / "model.onnx")
    facts: dict[str, Any] = {"architecture": "toy", "config": {}, "num_params": 0, "macs_per_pixel": 0.0, "layers": []}
    entry = Pretrained(
        name="mine",
        channels=1,
        noise="gaussian:0-55",
        takes_sigma=True,
        multiple_of=1,
        halo=0,
        files={"model.onnx": sha256(entry_folder / "model.onnx")},
        scores=[],
        recipe={},
        training_data={},
        license="Apache-2.0",
        folder=entry_folder,
        **facts,
    )
    (entry_folder / "entry.json").write_text(entry.to_json(), encoding="utf-8")
    wanted = evaluate(entry_folder / "model.onnx", [gray], "gaussian:25")
    assert evaluate(entry_folder, [gray], "gaussian:25") == wanted
    assert evaluate(str(entry_folder), [gray], Gaussian(25)) == wanted
    assert evaluate(load(entry_folder), [gray], "gaussian:25") == wanted


@pytest.mark.parametrize("size", [(40, 56), (33, 47)])
def test_of_several_orientations(tmp_path: Path, gray: np.ndarray, size: tuple[int, int]) -> None:
    """A model that takes its upper neighbours' mean: turned, it takes the others'."""
    import keras

    clean = gray[: size[0], : size[1]].astype(np.float32)[..., None] / np.float32(255)
    noisy = Gaussian(25).sample(clean, np.random.default_rng([0, 0]))

    class Upward(keras.layers.Layer):
        def call(self, image: Any) -> Any:
            return (image + keras.ops.roll(image, 1, axis=1)) / 2

    image = keras.Input((None, None, 1))
    model = keras.Model(image, Upward()(image))
    neighbors = [noisy, np.roll(noisy, 1, 0), np.roll(noisy, -1, 0), np.roll(noisy, 1, 1), np.roll(noisy, -1, 1)]
    for ensemble, weights in {1: (2, 2, 0, 0, 0), 2: (2, 1, 1, 0, 0), 8: (2, 0.5, 0.5, 0.5, 0.5)}.items():
        wanted = sum(w * x for w, x in zip(weights, neighbors, strict=True)) / 4
        score = evaluate(model, [clean[..., 0]], "gaussian:25", ensemble=ensemble)
        assert score.psnr == pytest.approx(psnr(clean, np.clip(wanted, 0, 1)), abs=1e-4)
    with pytest.raises(UsageError, match="ensemble=3"):
        evaluate(model, [clean[..., 0]], "gaussian:25", ensemble=3)


def test_arrays_in_files_are_pictures(tmp_path: Path, gray: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", gray)
    found = evaluate("shallow-gaussian-gray", tmp_path, "gaussian:25")
    assert found == evaluate("shallow-gaussian-gray", [gray], "gaussian:25")


def test_keras_models_and_files(tmp_path: Path, gray: np.ndarray) -> None:
    import keras

    import zoo
    from export import to_onnx

    keras.utils.set_random_seed(0)
    model = zoo.build("shallow", widths=(4, 8), takes_sigma=True)
    model.save(tmp_path / "model.keras")
    to_onnx(model, tmp_path / "model.onnx")
    found = evaluate(model, [gray], "gaussian:25")
    assert evaluate(tmp_path / "model.keras", [gray], "gaussian:25") == found
    exported = evaluate(tmp_path / "model.onnx", [gray], "gaussian:25")
    assert exported.psnr == pytest.approx(found.psnr, abs=1e-3) and exported.ssim == pytest.approx(found.ssim, abs=1e-4)
    assert abs(found.psnr - found.noisy_psnr) > 1


def test_endings_in_capitals(tmp_path: Path, gray: np.ndarray) -> None:
    """What an export may be called is read by that name."""
    import zoo
    from export import check_parity, to_onnx

    model = zoo.build("shallow", widths=(4, 8))
    to_onnx(model, tmp_path / "M.ONNX")
    wanted = evaluate(model, [gray], "gaussian:25")
    assert evaluate(tmp_path / "M.ONNX", [gray], "gaussian:25").psnr == pytest.approx(wanted.psnr, abs=1e-3)
    assert check_parity(model, tmp_path / "M.ONNX").max_abs < 1e-5


def test_a_scale_that_is_unlikely_is_told(gray: np.ndarray) -> None:
    dark = gray.astype(np.uint16)
    with pytest.warns(ZooWarning, match="hardly anything above 255, where white is 65535: .*, say which"):
        evaluate("shallow-gaussian-gray", [dark], "gaussian:5")


def test_levels_that_were_measured_are_not_doubted(gray: np.ndarray) -> None:
    """A level below 1 that somebody gives may be on another scale; this one was found."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ZooWarning)
        evaluate("resnet-gaussian-gray-aware", [gray[:64, :64]], "gaussian:0.5")


def test_threads_that_measure_leave_warnings_as_they_are(gray: np.ndarray) -> None:
    """They are one for all threads of a process."""
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        some = [pool.submit(evaluate, "resnet-gaussian-gray-tiny", [gray[:16, :16]], "gaussian:25") for _ in range(40)]
        changed = [list(warnings.filters) != before for _ in iter(lambda: all(one.done() for one in some), True)]
    assert not any(changed) and list(warnings.filters) == before
    assert len({one.result() for one in some}) == 1


def test_keras_models_that_do_not_fit(gray: np.ndarray) -> None:
    import keras

    for size in ((64, 64, 1), (None, None, 2)):
        image = keras.Input(size)
        with pytest.raises(UsageError, match="expected one"):
            evaluate(keras.Model(image, keras.layers.Conv2D(size[-1], 3, padding="same")(image)), [gray], "gaussian:25")
    with pytest.raises(UsageError, match="expected one that is built"):
        evaluate(keras.Sequential([keras.layers.Conv2D(1, 3)]), [gray], "gaussian:25")


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ("no-such-entry", UsageError, "unknown entry"),
        ("missing.onnx", InputError, "no such file"),
        ("missing.keras", InputError, "no such file"),
        ("text.onnx", InputError, "expected an ONNX model"),
        ("text.keras", InputError, "expected a model saved by Keras"),
        (3, UsageError, "a int to evaluate"),
    ],
)
def test_models_that_are_none(tmp_path: Path, gray: np.ndarray, model: Any, error: type, message: str) -> None:
    for name in ("text.onnx", "text.keras"):
        (tmp_path / name).write_text("text")
    if isinstance(model, str) and "." in model:
        model = tmp_path / model
    with pytest.raises(error, match=message):
        evaluate(model, [gray], "gaussian:25")


def test_onnx_of_another_form(tmp_path: Path, gray: np.ndarray) -> None:
    classifier = onnx_file(tmp_path / "c.onnx", "float[n, 10] x", "float[n, 10] y", "y = Identity (x)")
    with pytest.raises(InputError, match=r"takes x \['n', 10\]"):
        evaluate(classifier, [gray], "gaussian:25")
    image = "double[n, h, w, 1]"
    doubles = onnx_file(tmp_path / "d.onnx", f"{image} x", f"{image} y", "y = Identity (x)")
    with pytest.raises(InputError, match=r"takes x as tensor\(double\); expected float, float16 or uint8"):
        evaluate(doubles, [gray], "gaussian:25")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("denoised = Log (image)", "% of them finite"),
        ("e = Constant <value_ints = [1, 1, 1, 2]> () denoised = Tile (image, e)", r"shape \(70, 80, 2\)"),
    ],
)
def test_output_that_is_no_image(tmp_path: Path, gray: np.ndarray, body: str, message: str) -> None:
    model = onnx_file(tmp_path / "m.onnx", "float[n, h, w, 1] image", "float[n, h, w, c] denoised", body)
    with pytest.raises(ZooError, match=message):
        evaluate(model, [gray], "gaussian:50")


@pytest.mark.skipif(not (PEERS / "ffdnet_gray.onnx").is_file(), reason="the peers are not in $DENOISE_ZOO_DATA")
def test_a_peer_reaches_its_published_figure() -> None:
    """FFDNet on Set12 at sigma 25: 30.43 dB (Zhang et al. 2018, table II)."""
    score = evaluate(PEERS / "ffdnet_gray.onnx", PEERS.parent / "test" / "Set12", "gaussian:25")
    assert score.psnr == pytest.approx(30.43, abs=0.05)


def test_values_of_another_kind_are_told(tmp_path: Path) -> None:
    image = np.zeros((16, 16), np.uint8)
    wrong: list[tuple[Any, Any, Any, str]] = [
        ([image], 25, 0, "noise=25; expected a name"),
        ([image], "gaussian:25", -1, "seed=-1"),
        (5, "gaussian:25", 0, "images=5; expected a folder"),
        ([None], "gaussian:25", 0, "a NoneType among the images; expected paths of files, or arrays"),
    ]
    for images, noise, seed, message in wrong:
        with pytest.raises(UsageError, match=message):
            evaluate("resnet-gaussian-gray-tiny", images, noise, seed)
    with pytest.raises(InputError, match="image 1: image of 5×16 pixels; SSIM"):
        evaluate("resnet-gaussian-gray-tiny", [image, image[:5]], "gaussian:25")
