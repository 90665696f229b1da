"""Where training images come from: files, arrays, and pairs of either."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

from zoo.errors import InputError, UsageError
from zoo.training.sources import open_images

PHOTOGRAPHS = [photographs.camera()[:256, :256], photographs.camera()[256:, 256:], photographs.coins()]


def test_files_are_the_same_wherever_they_lie(tmp_path):
    """But not once one of them is another."""
    for place in ("here", "there", "other"):
        (tmp_path / place).mkdir()
        for i, photograph in enumerate(PHOTOGRAPHS):
            Image.fromarray(photograph if place != "other" else np.fliplr(photograph)).save(
                tmp_path / place / f"{i}.png"
            )
    here, there, other = (open_images(tmp_path / place, 1).digest for place in ("here", "there", "other"))
    assert here == there != other


@pytest.mark.parametrize("wrong", [np.nan, 255, -300])
def test_pairs_on_another_scale_are_refused(wrong):
    clean = [image / np.float32(255) for image in PHOTOGRAPHS]
    noisy, odd = [image * 0.9 for image in clean], [*clean[:2], np.full_like(clean[2], wrong)]
    for pairs in ((odd[::-1], clean[::-1]), (noisy, odd)):
        with pytest.raises(InputError, match="float image of mean .*expected finite values about"):
            open_images(pairs, 1)


def test_lists_of_files_are_as_good_as_folders(tmp_path):
    files = {}
    for side in ("noisy", "clean"):
        files[side] = [tmp_path / f"{side}{i}.png" for i in range(3)]
        for i, path in enumerate(files[side]):
            Image.fromarray(PHOTOGRAPHS[i] // (2 if side == "noisy" else 1)).save(path)
    alone, pairs = open_images(files["clean"], 1), open_images((files["noisy"], list(map(str, files["clean"]))), 1)
    for i, photograph in enumerate(PHOTOGRAPHS):
        np.testing.assert_allclose(alone.image(i)[..., 0], photograph / np.float32(255), atol=1e-6)
        np.testing.assert_allclose(pairs.image(i)[..., 0], (photograph // 2) / np.float32(255), atol=1e-6)
        np.testing.assert_allclose(pairs.image(i)[..., 1], photograph / np.float32(255), atol=1e-6)
    with pytest.raises(UsageError, match="3 noisy and 2 clean images"):
        open_images((files["noisy"], files["clean"][:2]), 1)
    with pytest.raises(InputError, match="cannot read .*nowhere.png"):
        open_images([tmp_path / "nowhere.png"], 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_gray_arrays_become_colour(dtype):
    gray = (np.random.default_rng(0).random((40, 50)) * (1 if dtype == np.float32 else 200)).astype(dtype)
    images = open_images([gray, gray[::-1]], 3)
    np.testing.assert_array_equal(images.image(0), np.repeat(open_images([gray], 1).image(0), 3, axis=-1))
