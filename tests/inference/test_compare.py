"""Before and after: the sheet, and the page in a real browser."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from zoo.errors import InputError
from zoo.inference.compare import GAP, TITLE, Pair, compare_page, compare_sheet, details, read_pairs, residual


def photograph() -> np.ndarray:
    return data.astronaut()[:200, 100:340]


def noisy(image: np.ndarray) -> np.ndarray:
    drawn = image + np.random.default_rng(0).normal(0, 25, image.shape)
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8)


@pytest.fixture
def pair() -> Pair:
    image = photograph()
    return Pair("it.png", Image.fromarray(noisy(image)), Image.fromarray(image))


def test_the_sheet_shows_before_after_and_what_was_taken_away(pair: Pair) -> None:
    sheet = np.asarray(compare_sheet(pair))
    column = 488  # two details of 240 and a gap are wider than the picture
    assert sheet.shape == (TITLE + 200 + GAP + 240, 3 * (column + GAP) - GAP, 3)
    windows = details(pair.after)
    untouched = np.ones((200, 240), bool)
    for x, y in windows:
        untouched[y : y + 81, x : x + 81] = False
    for i, picture in enumerate((pair.before, pair.after, residual(pair))):
        left = i * (column + GAP)
        shown = sheet[TITLE : TITLE + 200, left : left + 240]
        np.testing.assert_array_equal(shown[untouched], np.asarray(picture)[untouched])
        for j, (x, y) in enumerate(windows):
            start = left + j * (240 + GAP)
            detail = sheet[TITLE + 200 + GAP :, start : start + 240][1::3, 1::3]
            np.testing.assert_array_equal(detail, np.asarray(picture)[y : y + 80, x : x + 80])


def test_nothing_taken_away_is_gray(pair: Pair) -> None:
    assert (np.asarray(residual(Pair("", pair.after, pair.after))) == 128).all()
    brighter = Image.fromarray(np.full((4, 4, 3), 110, np.uint8))
    taken = residual(Pair("", brighter, Image.fromarray(np.full((4, 4, 3), 100, np.uint8))))
    assert (np.asarray(taken) == 128 + 40).all()


def test_details_are_where_there_is_most_and_least_to_see() -> None:
    image = np.full((300, 400), 90, np.uint8)
    image[200:280, 300:380] = np.random.default_rng(0).integers(0, 256, (80, 80))
    image[:200, :] += (np.arange(400) % 2 * 9).astype(np.uint8)
    (x, y), (flat_x, flat_y) = details(Image.fromarray(image))
    assert (x, y) == (300, 200)
    assert flat_y >= 200 and (flat_x + 80 <= 300 or flat_y + 80 <= 200)
    for x, y in details(Image.fromarray(image[:5, :7])):
        assert (0 <= x <= 2, y) == (True, 0)  # windows of 5×5 inside the picture


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_pictures_of_any_kind_are_shown_upright(tmp_path: Path, dtype: str, planes: int) -> None:
    from zoo.inference.metadata import Metadata
    from zoo.inference.writing import write_image

    exif = Image.Exif()
    exif[0x0112] = 6
    array = np.random.default_rng(0).integers(0, 256, (8, 12, planes)).astype(dtype) * (257 if dtype == "uint16" else 1)
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, array.astype(dtype), Metadata("PNG", exif=exif.tobytes()))
    (pair,) = read_pairs(tmp_path / "a.png", tmp_path / "b.png")
    shown = pair.after
    assert (shown.mode, shown.size) == ("RGB", (8, 12))
    colors = array[..., :3] if planes > 2 else np.repeat(array[..., :1], 3, axis=2)
    np.testing.assert_array_equal(np.asarray(shown), np.rot90(colors // (257 if dtype == "uint16" else 1), -1))


def test_different_pictures_are_refused(tmp_path: Path) -> None:
    Image.fromarray(photograph()).save(tmp_path / "a.png")
    Image.fromarray(photograph()[:-1]).save(tmp_path / "b.png")
    with pytest.raises(InputError, match="240×200.*240×199.*expected the same picture"):
        next(read_pairs(tmp_path / "a.png", tmp_path / "b.png"))


def test_the_page_holds_everything_itself(pair: Pair) -> None:
    page = compare_page([pair, Pair("<b>&", pair.before, pair.after)], side=100)
    assert "&lt;b&gt;&amp;" in page and "the middle 100" in page and "2 pictures" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page) and "http" not in page


def test_the_slider_in_a_browser(pair: Pair, browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(compare_page([pair]), encoding="utf-8")
    browser.get(path.as_uri())
    slider = browser.find_element("css selector", ".pair input")
    found = {}
    for at in (50, 0, 100, 25):
        browser.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, at
        )
        shot = browser.find_element("css selector", ".pair").screenshot_as_png
        found[at] = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
    before, after = np.asarray(pair.before), np.asarray(pair.after)
    assert found[50].shape == before.shape
    for at, shot in found.items():
        line = 240 * at // 100
        np.testing.assert_array_equal(shot[:, : max(line - 8, 0)], before[:, : max(line - 8, 0)])
        np.testing.assert_array_equal(shot[:, line + 8 :], after[:, line + 8 :])
    # The keyboard moves it too: the input is a real one.
    from selenium.webdriver.common.keys import Keys

    slider.send_keys(Keys.ARROW_RIGHT)
    at = browser.execute_script("return arguments[0].parentElement.style.getPropertyValue('--at')", slider)
    assert at == "25.1%"
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
