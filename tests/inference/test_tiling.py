from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zoo.errors import UsageError
from zoo.inference import tiling
from zoo.inference.tiling import AUTO_SIDE, TileSize, core_size, run_batch, split

Model = Callable[[np.ndarray], np.ndarray]


def some_sizes(count: int, seed: int) -> list[tuple[int, int]]:
    drawn = np.random.default_rng(seed).integers(1, 71, (count, 2))
    return [(1, 1), (1, 70), (70, 1), (7, 5), (64, 64), (63, 65), *((int(h), int(w)) for h, w in drawn)]


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((1, height, width, 1), np.float32)


def run_tiled(model: Model, image: np.ndarray, **how: Any) -> np.ndarray:
    """The tiled result of (1, h, w, 1)."""
    output = np.empty_like(image[0])
    tiling.run_tiled(lambda window, _: model(window[np.newaxis])[0], image[0], output, **how)
    return output[np.newaxis]


@pytest.mark.parametrize("tile", [1, 4, 9, 16, 33])
def test_tiled_equals_whole(toy_model: Model, halo: int, multiple_of: int, tile: int) -> None:
    for height, width in some_sizes(60, seed=tile):
        image = picture(height, width)
        whole = toy_model(image)
        tiled = run_tiled(toy_model, image, tile=tile, halo=halo, multiple_of=multiple_of)
        assert tiled.shape == whole.shape and tiled.dtype == whole.dtype
        np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-5, err_msg=f"{height}×{width}")
        if min(height, width) > 1:
            assert np.abs(whole - image).max() > 1e-3  # the model does something


@pytest.mark.parametrize(("short", "alignment"), [(4, 4), (12, 4), (0, 1), (0, 2)])
def test_too_small_a_halo_or_alignment_shows(
    toy_model: Model, halo: int, multiple_of: int, short: int, alignment: int
) -> None:
    """The halo is as small as can be, and the tests above would notice a smaller one, or tiles out of step."""
    image = picture(61, 47)
    # 1 and 2 are too small an alignment: cores of 9 rows or 10 are no multiple of the model's stride.
    core = {4: 8, 1: 9, 2: 10}[alignment]
    tiled = run_tiled(toy_model, image, tile=core, halo=halo - short, multiple_of=alignment)
    assert np.abs(tiled - toy_model(image)).max() > 1e-3


def test_cores_cover_the_image_once_and_sources_are_aligned() -> None:
    rng = np.random.default_rng(3)
    for _ in range(200):
        height, width = (int(s) for s in rng.integers(1, 100, 2))
        halo, multiple_of = int(rng.integers(0, 40)), int(2 ** rng.integers(0, 5))
        core = int(rng.integers(1, 8)) * multiple_of
        covered = np.zeros((height, width), int)
        for tile in split(height, width, core, halo=halo, multiple_of=multiple_of):
            covered[tile.core] += 1
            for size, source, span, inner in zip((height, width), tile.source, tile.core, tile.inner, strict=True):
                assert 0 < span.stop - span.start <= core
                assert source.start % multiple_of == 0
                assert source.stop % multiple_of == 0 or source.stop == size
                assert source.start == 0 or source.start <= span.start - halo
                assert source.stop == size or source.stop >= span.stop + halo
                assert source.stop <= size
                assert (source.start + inner.start, source.start + inner.stop) == (span.start, span.stop)
        assert (covered == 1).all()


def test_tiles_are_about_equal() -> None:
    """No narrow tile at the end, which would be nearly all halo."""
    rows = [tile.core[0] for tile in split(1000, 8, 512, halo=16, multiple_of=8)]
    assert [r.stop - r.start for r in rows] == [504, 496]


def test_auto_takes_small_images_whole_and_bounds_the_tiles_of_large_ones() -> None:
    assert core_size("auto", 1664, 1664, halo=64, multiple_of=8) is None
    core = core_size("auto", 9000, 12000, halo=64, multiple_of=8)
    assert core is not None
    for tile in split(9000, 12000, core, halo=64, multiple_of=8):
        assert all(span.stop - span.start <= AUTO_SIDE for span in tile.source)
    assert core_size(None, 9000, 12000, halo=64, multiple_of=8) is None
    assert core_size(100, 50, 50, halo=64, multiple_of=8) == 104


def test_auto_never_runs_a_large_image_whole(multiple_of: int) -> None:
    """With the identity for a model: the widths and heights it is shown stay bounded, and the stitching is exact."""
    image = np.random.default_rng(0).random((1, 2500, 2500, 1), np.float32)
    shown = []

    def model(window: np.ndarray) -> np.ndarray:
        shown.append(window.shape[1] * window.shape[2])
        return window

    np.testing.assert_array_equal(run_tiled(model, image, tile="auto", halo=32, multiple_of=multiple_of), image)
    assert len(shown) > 1 and max(shown) <= AUTO_SIDE**2


@pytest.mark.parametrize("tile", [0, -8, 2.5, "whole", True])
def test_wrong_tile(tile: TileSize) -> None:
    with pytest.raises(UsageError, match=r"tile=.*'auto'"):
        core_size(tile, 10, 10, halo=1, multiple_of=1)


@pytest.mark.parametrize("tile", [None, "auto", 8])
def test_progress_counts_every_pixel_once(toy_model: Model, halo: int, multiple_of: int, tile: TileSize) -> None:
    told: list[tuple[int, int]] = []
    image = picture(30, 41)
    run_tiled(toy_model, image, tile=tile, halo=halo, multiple_of=multiple_of, progress=lambda *done: told.append(done))
    counts = [done for done, _ in told]
    assert counts == sorted(set(counts)) and told[-1] == (1230, 1230)
    assert len(told) == (24 if tile == 8 else 1)


@pytest.mark.parametrize("tile", [None, "auto", 8])
def test_a_batch_equals_its_images(
    toy_model: Model, halo: int, multiple_of: int, tile: TileSize, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "AUTO_SIDE", 50)  # two images of 30×41 at a time
    batch = np.concatenate([picture(30, 41, seed) for seed in range(5)])
    output, told = np.empty_like(batch), []

    def model(window: np.ndarray, _: object) -> np.ndarray:
        return toy_model(window) if window.ndim == 4 else toy_model(window[np.newaxis])[0]

    how: dict[str, Any] = {"tile": tile, "halo": halo, "multiple_of": multiple_of}
    run_batch(model, batch, output, **how, progress=lambda *done: told.append(done))
    for single, found in zip(batch, output, strict=True):
        np.testing.assert_allclose(found, toy_model(single[np.newaxis])[0], rtol=0, atol=1e-5)
    counts = [done for done, _ in told]
    assert counts == sorted(set(counts)) and told[-1] == (5 * 1230, 5 * 1230)
