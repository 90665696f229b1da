from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from zoo.errors import EntryError, InputError, UsageError, ZooWarning
from zoo.inference.denoiser import Denoiser, load
from zoo.inference.noise_level import noise_level
from zoo.pretrained import Pretrained

ROOT = Path(__file__).parents[2]
Toy = Callable[..., Pretrained]


def reference(entry: Pretrained, image: np.ndarray, **inputs: np.ndarray) -> np.ndarray:
    """What the graph gives for float32 (h, w, c), asked without the zoo."""
    session = onnxruntime.InferenceSession(entry.folder / "model.onnx", providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"image": image[np.newaxis], **inputs})[0])[0]


@pytest.mark.parametrize(("channels", "shape"), [(1, (1, 1)), (1, (37, 51)), (1, (37, 51, 1)), (3, (40, 33, 3))])
def test_result_is_that_of_the_graph(toy: Toy, channels: int, shape: tuple[int, ...]) -> None:
    entry = toy(channels=channels)
    image = np.random.default_rng(1).normal(0.5, 0.4, shape).astype(np.float32)
    before = image.copy()
    wanted = reference(entry, image.reshape(*shape[:2], channels)).reshape(shape)
    found = load(entry.folder, threads=1)(image)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(image, before)
    if min(shape[:2]) > 1:
        assert np.abs(found - image).max() > 0.01


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_numbers_are_rounded_and_clipped_and_alpha_stays(toy: Toy, dtype: type) -> None:
    entry, white = toy(channels=3), np.iinfo(dtype).max
    image = np.random.default_rng(1).integers(0, white, (20, 30, 4), dtype=dtype, endpoint=True)
    exact = reference(entry, (image[..., :3] / white).astype(np.float32)) * white
    found = Denoiser(entry, threads=1)(image)
    assert found.dtype == dtype and found.shape == image.shape
    np.testing.assert_allclose(found[..., :3], np.clip(exact, 0, white), rtol=0, atol=0.5 + white * 1e-6)
    assert exact.min() < -1 and exact.max() > white + 1  # there was something to clip
    np.testing.assert_array_equal(found[..., 3], image[..., 3])


@pytest.mark.parametrize("tile", [8, 20, "auto"])
def test_tiled_equals_whole(toy: Toy, tile: Any) -> None:
    denoise = Denoiser(toy(channels=3, takes_sigma=True), threads=1)
    image = np.random.default_rng(2).random((45, 67, 3))
    whole = denoise(image, sigma=25, tile=None)
    assert whole.dtype == np.float64
    np.testing.assert_allclose(denoise(image, sigma=25, tile=tile), whole, rtol=0, atol=1e-5)


def test_sigma_is_on_the_0_to_255_scale(toy: Toy) -> None:
    """The toy subtracts the level that its graph receives, on the image's scale."""
    denoise = Denoiser(toy(takes_sigma=True), threads=1)
    image = np.full((8, 8), 0.5, np.float32)
    np.testing.assert_allclose(denoise(image, sigma=0) - denoise(image, sigma=51), 0.2, rtol=0, atol=1e-6)
    levels: list[Any] = [25, 25.0, np.float32(25), np.int64(25)]
    for level in levels:
        np.testing.assert_array_equal(denoise(image, sigma=level), denoise(image, sigma=25))


@pytest.mark.parametrize("sigma", [None, "25", -1, 256, float("nan"), float("inf"), True, [25]])
def test_sigma_that_does_not_fit(toy: Toy, sigma: Any) -> None:
    denoise = Denoiser(toy(takes_sigma=True), threads=1)
    with pytest.raises(UsageError, match="such as 25"):
        denoise(np.zeros((4, 4), np.uint8), sigma=sigma)


def test_auto_is_the_estimated_level(toy: Toy) -> None:
    denoise = Denoiser(toy(takes_sigma=True), threads=1)
    batch = np.stack([noisy_ramp(sigma)[..., np.newaxis] for sigma in (5, 40)])
    for image in batch:
        np.testing.assert_array_equal(denoise(image, sigma="auto"), denoise(image, sigma=noise_level(image)))
    told: list[tuple[int, int]] = []
    together = denoise(batch, sigma="auto", progress=lambda *done: told.append(done))
    np.testing.assert_array_equal(together, [denoise(image, sigma="auto") for image in batch])
    assert told == [(10_000, 20_000), (20_000, 20_000)]
    out = np.empty_like(batch)
    assert denoise(batch, sigma="auto", out=out) is out
    np.testing.assert_array_equal(out, together)


def noisy_ramp(sigma: float) -> np.ndarray:
    ramp = np.add.outer(np.linspace(0.2, 0.7, 100), np.linspace(0, 0.2, 100))
    return (ramp + np.random.default_rng(0).normal(0, sigma / 255, ramp.shape)).astype(np.float32)


def test_sigma_on_the_scale_of_the_image_is_warned_of(toy: Toy) -> None:
    denoise = Denoiser(toy(takes_sigma=True), threads=1)
    image = np.zeros((4, 4), np.uint8)
    with pytest.warns(
        UserWarning, match=r"sigma=0.1 is hardly any noise on the 0–255 scale; .* pass sigma=25.5"
    ) as told:
        denoise(image, sigma=0.1)
    assert told[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        denoise(image, sigma=0)
        denoise(image, sigma=1)


def test_sigma_is_refused_where_none_is_taken(toy: Toy) -> None:
    with pytest.raises(UsageError, match="leave it out"):
        Denoiser(toy(), threads=1)(np.zeros((4, 4), np.uint8), sigma=25)


def test_wrong_image_and_wrong_tile(toy: Toy) -> None:
    denoise = Denoiser(toy(), threads=1)
    with pytest.raises(InputError, match="colour image"):
        denoise(np.zeros((4, 4, 3), np.uint8))
    wrong: list[Any] = [0, np.array([8, 8]), "all"]
    for tile in wrong:
        with pytest.raises(UsageError, match="tile="):
            denoise(np.zeros((4, 4), np.uint8), tile=tile)
    with pytest.raises(InputError, match=r"masked.*\.filled"):
        denoise(np.ma.masked_invalid(np.array([[0.5, np.nan]])))


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_matrix_is_an_array(toy: Toy) -> None:
    denoise, image = Denoiser(toy(), threads=1), np.random.default_rng(1).random((20, 30))
    np.testing.assert_array_equal(denoise(np.asmatrix(image)), denoise(image))


@pytest.mark.parametrize(("channels", "planes"), [(1, 1), (1, 2), (3, 3), (3, 4)])
@pytest.mark.parametrize("tile", ["auto", 12, None])
def test_a_batch_is_its_images(toy: Toy, channels: int, planes: int, tile: Any) -> None:
    denoise = Denoiser(toy(channels=channels, takes_sigma=True), threads=1)
    batch = np.random.default_rng(3).integers(0, 256, (4, 30, 21, planes), np.uint8)
    found = denoise(batch, sigma=10, tile=tile)
    assert found.shape == batch.shape
    for single, result in zip(batch, found, strict=True):
        np.testing.assert_allclose(result.astype(int), denoise(single, sigma=10), atol=1)


def test_strength_blends(toy: Toy) -> None:
    denoise = Denoiser(toy(), threads=1)
    image = np.random.default_rng(1).random((20, 30), np.float32)
    full = denoise(image)
    np.testing.assert_allclose(denoise(image, strength=0), image, atol=1e-6)
    np.testing.assert_allclose(denoise(image, strength=0.25), 0.75 * image + 0.25 * full, atol=1e-6)
    for wrong in (-0.1, 1.1, float("nan"), "half", True, None):
        with pytest.raises(UsageError, match="strength="):
            denoise(image, strength=wrong)


def test_the_result_goes_where_it_is_wanted(toy: Toy, tmp_path: Path) -> None:
    """Memory maps in and out: never the whole picture in memory."""
    denoise = Denoiser(toy(), threads=1)
    image = np.random.default_rng(1).integers(0, 256, (90, 70), np.uint8)
    np.save(tmp_path / "in.npy", image)
    mapped = np.load(tmp_path / "in.npy", mmap_mode="r")
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.uint8, (90, 70))
    assert denoise(mapped, tile=16, out=out) is out
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), denoise(image))
    frozen = np.empty_like(image)
    frozen.flags.writeable = False
    for wrong in (image, image[::-1], np.empty((90, 71), np.uint8), np.empty((90, 70)), [], frozen):
        with pytest.raises(UsageError, match="out "):
            denoise(image, out=wrong)
    with pytest.raises(UsageError, match="shares memory"):
        denoise(mapped, out=np.load(tmp_path / "in.npy", mmap_mode="r+"))  # the same file, by another map
    (tmp_path / "in.npy").unlink()
    np.testing.assert_array_equal(denoise(mapped, out=out), denoise(image))
    both = np.stack([image, image], axis=-1)
    np.testing.assert_array_equal(denoise(both[..., 0], out=both[..., 1]), denoise(image))  # between each other's


def test_progress_is_told(toy: Toy) -> None:
    told: list[tuple[int, int]] = []
    Denoiser(toy(), threads=1)(np.zeros((40, 50), np.uint8), tile=16, progress=lambda *done: told.append(done))
    assert len(told) > 4 and told[-1] == (2000, 2000)


def test_a_stream_is_fetched_as_it_is_needed(toy: Toy) -> None:
    denoise = Denoiser(toy(takes_sigma=True), threads=1)
    fetched: list[int] = []

    def camera() -> Any:
        for i in range(10**9):
            fetched.append(i)
            yield np.full((8 + i, 9), i, np.uint8)

    stream = denoise.stream(camera(), sigma=5)
    for i in range(3):
        np.testing.assert_array_equal(next(stream), denoise(np.full((8 + i, 9), i, np.uint8), sigma=5))
    stream.close()
    assert len(fetched) <= 4
    assert list(denoise.stream([], sigma=5)) == []
    broken = denoise.stream([np.zeros((4, 4)), np.full((4, 4), np.nan)], sigma=5)
    assert next(broken).shape == (4, 4)
    with pytest.raises(InputError, match="NaN"):
        next(broken)

    # A camera that is silent keeps nobody from stopping.
    released = threading.Event()

    def silent() -> Any:
        yield np.zeros((4, 4))
        released.wait(30)

    stream, began = denoise.stream(silent(), sigma=5), time.monotonic()
    next(stream)
    stream.close()
    assert time.monotonic() - began < 20
    released.set()

    def failing() -> Any:
        yield np.zeros((4, 4))
        raise KeyError("the cable")

    broken = denoise.stream(failing(), sigma=5)
    assert next(broken).shape == (4, 4)
    with pytest.raises(KeyError, match="the cable"):
        next(broken)

    def one_buffer() -> Any:
        buffer = np.empty((8, 9), np.uint8)
        for i in range(6):
            buffer[:] = i
            yield buffer

    found = [result.copy() for result in denoise.stream(one_buffer(), sigma=0, strength=0)]
    np.testing.assert_array_equal([result[0, 0] for result in found], range(6))


def test_an_empty_batch(toy: Toy) -> None:
    with pytest.raises(InputError, match="no images"):
        Denoiser(toy(), threads=1)(np.zeros((0, 4, 4, 1), np.uint8))


def test_threads_may_share_a_denoiser(toy: Toy) -> None:
    denoise = Denoiser(toy(), threads=1)
    images = [np.random.default_rng(i).random((20 + i, 30), np.float32) for i in range(24)]
    alone = [denoise(image, tile=16) for image in images]
    with ThreadPoolExecutor(8) as pool:
        for one, other in zip(alone, pool.map(lambda image: denoise(image, tile=16), images), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("providers", [["GPUExecutionProvider"], [], "CPUExecutionProvider", ["cuda"]])
def test_unknown_providers(toy: Toy, providers: Any) -> None:
    with pytest.raises(UsageError, match=r"expected a list of some of .*CPUExecutionProvider"):
        Denoiser(toy(), providers=providers)


def test_given_providers(toy: Toy) -> None:
    image = np.zeros((4, 4), np.uint8)
    entry = toy()
    found = load(entry.folder, threads=1, providers=["CPUExecutionProvider"])(image)
    np.testing.assert_array_equal(found, load(entry.folder, threads=1)(image))
    with_options = load(entry.folder, threads=1, providers=[("CPUExecutionProvider", {})])
    np.testing.assert_array_equal(found, with_options(image))


def test_a_denoiser_goes_to_other_processes(toy: Toy) -> None:
    image, denoiser = np.arange(16, dtype=np.uint8).reshape(4, 4), Denoiser(toy(), threads=1)
    again = pickle.loads(pickle.dumps(denoiser))
    assert again.entry == denoiser.entry and again._session.get_session_options().intra_op_num_threads == 1
    np.testing.assert_array_equal(again(image), denoiser(image))


class OfOnesOwn(Denoiser):
    """A denoiser of somebody's own."""

    calls = 0


def test_a_denoiser_of_ones_own_stays_one(toy: Toy) -> None:
    denoiser = OfOnesOwn(toy(), threads=1)
    denoiser.calls = 3
    for again in (pickle.loads(pickle.dumps(denoiser)), copy.copy(denoiser)):
        assert type(again) is OfOnesOwn and again.calls == 3


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_an_entry_may_lie_where_names_are_no_text(toy: Toy, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"m\xe9")
    shutil.copytree(toy().folder, folder)
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    np.testing.assert_array_equal(load(folder, threads=1)(image), load(toy().folder, threads=1)(image))


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_wrong_threads(toy: Toy, threads: Any) -> None:
    with pytest.raises(UsageError, match="threads="):
        Denoiser(toy(), threads=threads)


def test_channels_and_name(toy: Toy) -> None:
    denoise = load(os.path.relpath(toy(channels=3).folder))
    assert (denoise.channels, denoise.entry.channels, repr(denoise)) == (3, 3, "Denoiser('toy-0')")


def test_damaged_weights(toy: Toy) -> None:
    entry = toy()
    path = entry.folder / "model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(EntryError, match=r"SHA-256.*expected"):
        load(entry.folder)


def test_a_graph_that_is_none(toy: Toy) -> None:
    with pytest.raises(EntryError, match="cannot be run") as caught:
        load(toy(graph=b"not a graph").folder)
    assert "\n" not in str(caught.value)


def test_a_graph_of_another_signature(toy: Toy) -> None:
    """The graph takes sigma, and the entry says that it does not."""
    entry = toy(takes_sigma=True)
    facts = json.loads(entry.to_json()) | {"takes_sigma": False}
    (entry.folder / "entry.json").write_text(json.dumps(facts))
    with pytest.raises(EntryError, match="expected image and denoised"):
        load(entry.folder)


def test_no_keras_is_imported(toy: Toy, tmp_path: Path) -> None:
    program = """
import sys
import numpy as np
import zoo
from zoo.inference.reading import read_image
from zoo.inference.writing import write_image

image, metadata = read_image(sys.argv[2])
write_image(sys.argv[3], zoo.load(sys.argv[1])(image, tile=8), metadata)
zoo.list_pretrained()
heavy = {"tensorflow", "keras", "jax", "torch", "onnx"} & set(sys.modules)
heavy |= {name for name in sys.modules if name.startswith(("zoo.training", "zoo.architectures", "export"))}
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    from zoo.inference.reading import read_image
    from zoo.inference.writing import write_image

    source, result = tmp_path / "in.png", tmp_path / "out.png"
    write_image(source, np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8))
    arguments = [sys.executable, "-c", program, toy().folder, source, result]
    subprocess.run(arguments, check=True, cwd=ROOT, timeout=60)
    assert (read_image(result)[0] != read_image(source)[0]).any()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("how", [{}, {"ensemble": 4, "strength": 0.6}, {"tile": 16}])
def test_white_may_be_another_number(toy: Toy, dtype: type, how: dict[str, Any]) -> None:
    """Of 12 bits in 16, or of floats on a camera's scale: the result is on that scale too."""
    denoise = Denoiser(toy(channels=3), threads=1)
    image = np.random.default_rng(1).integers(0, 4095, (20, 30, 3), endpoint=True).astype(dtype)
    wanted = 4095 * denoise((image / 4095).astype(np.float32), **how)
    found = denoise(image, white=4095, **how)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, np.maximum(wanted, 0) if dtype == np.uint16 else wanted, atol=0.51)
    batch = denoise(np.stack([image, image]), white=4095, ensemble=how.get("ensemble", 1))
    assert batch.shape == (2, *image.shape)
    (streamed,) = denoise.stream([image], white=4095, **how)
    np.testing.assert_array_equal(streamed, found)


def test_the_level_is_estimated_by_that_white(toy: Toy) -> None:
    denoise = Denoiser(toy(takes_sigma=True), threads=1)
    image = np.random.default_rng(1).normal(2000, 300, (80, 90)).astype(np.uint16)
    level = noise_level((image / 4095).astype(np.float32))
    assert noise_level(image, 4095) == pytest.approx(level, rel=1e-3) and 15 < level < 22
    given = denoise(image, white=4095, sigma=level)
    np.testing.assert_allclose(denoise(image, white=4095, sigma="auto"), given, atol=1)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((20, 30), 2925, np.uint16), "hardly anything above 4095, where white is 65535"),
        (np.full((20, 30), 5, np.uint16), "hardly anything above 255, where white is 65535"),
        (np.full((20, 30), 9.3, np.float32), "values above 1, where white is 1"),
        (np.full((20, 30), 0.003, np.float64), "hardly anything above 0.01, where white is 1"),
        (np.full((2, 20, 30, 1), 900, np.uint16), "hardly anything above 1023, where white is 65535"),
    ],
)
def test_a_scale_that_is_unlikely_is_told(toy: Toy, image: np.ndarray, words: str) -> None:
    denoise = Denoiser(toy(), threads=1)
    with pytest.warns(ZooWarning, match=f"^{words}: if white is another number, say which"):
        denoise(image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoise(image, white=float(image.max()))
        denoise.apply(image)


def test_a_white_that_is_given_is_doubted_too(toy: Toy) -> None:
    denoise = Denoiser(toy(), threads=1)
    image = np.random.default_rng(0).random((20, 30))
    with pytest.warns(ZooWarning, match="^hardly anything above 1, where white is 255: ") as told:
        denoise(image, white=255)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        denoise.apply(image, white=255)
        denoise(image * 3, white=255)  # dark, and no more than that


def test_a_hot_pixel_hides_no_scale_and_dark_bytes_are_in_order(toy: Toy) -> None:
    denoise = Denoiser(toy(), threads=1)
    image = np.full((400, 300), 1000, np.uint16)
    image[5, 5] = 65535
    with pytest.warns(ZooWarning, match="hardly anything above 1023"):
        denoise(image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fine in (np.full((20, 30), 3, np.uint8), np.zeros((20, 30), np.uint16), np.full((20, 30), 1.5)):
            denoise(fine)


@pytest.mark.parametrize("white", [0, -1, float("nan"), float("inf"), "4095", True])
def test_what_white_cannot_be(toy: Toy, white: Any) -> None:
    with pytest.raises(UsageError, match="expected a number above 0, such as 4095"):
        Denoiser(toy(), threads=1)(np.zeros((20, 30), np.uint16), white=white)


def test_a_stream_refuses_what_does_not_fit_before_it_is_asked_for_images(toy: Toy) -> None:
    denoise = Denoiser(toy(), threads=1)
    with pytest.raises(UsageError, match="strength=7"):
        denoise.stream([], strength=7)
    with pytest.raises(UsageError, match="images=None; expected some"):
        denoise.stream(None)  # type: ignore[arg-type]
