"""Before and after, to be looked at: a sheet for one picture, and a page with a slider for many."""

from __future__ import annotations

import base64
import html
import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.errors import InputError, ZooWarning
from zoo.inference.images import channels_of, to_color
from zoo.inference.metadata import as_seen
from zoo.inference.pictures import Page, as_float, fitting, open_picture, page_name
from zoo.scale import doubt

GAP, TITLE = 8, 30
# A picture is shown reduced where it is wider or higher; its details never are.
SHOWN_SIDE = 720
DETAIL_SIDE, ENLARGED = 80, 3
# The residual is shown around middle gray, so many times as strong as it is.
RESIDUAL_GAIN = 4
PAGE = Path(__file__).with_name("compare.html")


@dataclass(frozen=True)
class Pair:
    """A picture before and after, 8 bits RGB of one size, upright."""

    name: str
    before: Image.Image
    after: Image.Image


def read_pairs(before: Path, after: Path, *, name: str = "", white: float | None = None) -> Iterator[Pair]:
    """The pages of two picture files, of one size and orientation.

    Args:
        before, after: Files of as many pages.
        name: That of the second file by default; a page of several is told.
        white: The number that is white, if not that of their type.

    Raises:
        InputError: A file that cannot be read, or pages or sizes that differ.
    """
    with open_picture(before, white=white) as one, open_picture(after, white=white) as other:
        if one.count != other.count:
            raise InputError(
                f"{one.count} pages in {str(before)!r} and {other.count} in {str(after)!r}; expected as many"
            )
        for number, pages in enumerate(zip(one.pages, other.pages, strict=True)):
            images = [_upright(page, white) for page in pages]
            if images[0].size != images[1].size:
                sizes = [f"{image.width}×{image.height}" for image in images]
                raise InputError(
                    f"{str(before)!r} has {sizes[0]} pixels and {str(after)!r} {sizes[1]}; expected the same picture "
                    "before and after"
                )
            yield Pair(page_name(name or after.name, number, one.count), *images)


def _upright(page: Page, white: float | None) -> Image.Image:
    if words := doubt(page[0], white):
        warnings.warn(words, ZooWarning, stacklevel=2)
    array = as_seen(*page)
    array = fitting(Path("x.png"), array if white is None else as_float(array, white))
    if array.dtype == np.uint16:
        array = (array // 257).astype(np.uint8)
    return Image.fromarray(to_color(array)[..., :3] if channels_of(array) == 1 else array[..., :3])


def details(image: Image.Image, *, side: int = DETAIL_SIDE) -> list[tuple[int, int]]:
    """Left and top of the two windows most worth a look: where there is most structure, and where there is least.

    Structure is the mean gradient of ``image``, which should be the clean one: noise has gradients everywhere.
    """
    gray = np.asarray(image.convert("L"), np.float32)
    side = min(side, *gray.shape)
    gradient = np.abs(np.diff(gray, axis=0, append=gray[-1:])) + np.abs(np.diff(gray, axis=1, append=gray[:, -1:]))
    sums = np.pad(gradient.cumsum(0, dtype=np.float64).cumsum(1), ((1, 0), (1, 0)))
    step = max(1, side // 4)
    tops = np.arange(0, gray.shape[0] - side + 1, step)
    lefts = np.arange(0, gray.shape[1] - side + 1, step)
    below, right = tops + side, lefts + side
    window = sums[np.ix_(below, right)] - sums[np.ix_(tops, right)] - sums[np.ix_(below, lefts)]
    window = window + sums[np.ix_(tops, lefts)]
    places = [np.unravel_index(i, window.shape) for i in (window.argmax(), window.argmin())]
    return [(int(lefts[x]), int(tops[y])) for y, x in places]


def sheet(
    pictures: Sequence[Image.Image], titles: Sequence[str], *, windows: Sequence[tuple[int, int]] | None = None
) -> Image.Image:
    """Pictures of one size side by side, each with its title, and below each the same enlarged details.

    Args:
        pictures: RGB; the last is taken for the clean one.
        titles: One each.
        windows: Left and top of the details, in pixels; those of :func:`details` by default.
    """
    width, height = pictures[0].size
    side = min(DETAIL_SIDE, width, height)
    windows = details(pictures[-1]) if windows is None else windows
    scale = min(1.0, SHOWN_SIDE / max(width, height))
    shown = max(1, round(width * scale)), max(1, round(height * scale))
    large = side * ENLARGED
    column = max(shown[0], len(windows) * (large + GAP) - GAP)
    total = len(pictures) * (column + GAP) - GAP, TITLE + shown[1] + GAP + large
    canvas, font = Image.new("RGB", total, "white"), ImageFont.load_default(size=18)
    draw = ImageDraw.Draw(canvas)
    for i, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left = i * (column + GAP)
        draw.text((left + 4, 3), title, fill="black", font=font)
        canvas.paste(picture if scale == 1 else picture.resize(shown, Image.Resampling.LANCZOS), (left, TITLE))
        for j, (x, y) in enumerate(windows):
            box = [left + round(x * scale), TITLE + round(y * scale)]
            draw.rectangle([*box, box[0] + round(side * scale), box[1] + round(side * scale)], outline="white")
            # Enlarged without smoothing, which would be another denoiser.
            detail = picture.crop((x, y, x + side, y + side)).resize((large, large), Image.Resampling.NEAREST)
            canvas.paste(detail, (left + j * (large + GAP), TITLE + shown[1] + GAP))
    return canvas


def residual(pair: Pair) -> Image.Image:
    """What was taken away, around middle gray: noise without a trace of the picture, if all went well."""
    taken = np.asarray(pair.before, np.float32) - np.asarray(pair.after, np.float32)
    return Image.fromarray(np.clip(128 + RESIDUAL_GAIN * taken, 0, 255).astype(np.uint8))


def compare_sheet(pair: Pair) -> Image.Image:
    """Before, after and residual, with details."""
    titles = ["before", "after", f"taken away, {RESIDUAL_GAIN} times"]
    return sheet([pair.before, pair.after, residual(pair)], titles, windows=details(pair.after))


def compare_page(pairs: Iterable[Pair], *, side: int = 1600) -> str:
    """A page of HTML that needs nothing else: for each pair the two pictures on top of each other, and a slider.

    Args:
        pairs: Before and after.
        side: Pictures wider or higher than this many pixels are cut to their middle: reduced, noise would look less.
    """
    figures = [_figure(pair, side) for pair in pairs]
    return Template(PAGE.read_text(encoding="utf-8")).substitute(pairs="\n".join(figures), count=len(figures))


def _figure(pair: Pair, side: int) -> str:
    width, height = pair.after.size
    note = f"{width}×{height} pixels" + (f", the middle {side}" if max(width, height) > side else "")
    before, after = (_data_uri(_middle(image, side)) for image in (pair.before, pair.after))
    return (
        f'<figure style="--w:{min(width, side)};--h:{min(height, side)}">'
        f"<figcaption><b>{html.escape(pair.name)}</b> {note}</figcaption>"
        f'<div class="pair"><img class="after" alt="after" src="{after}">'
        f'<img class="before" alt="before" src="{before}"><span class="line"></span>'
        '<input type="range" min="0" max="100" value="50" step="0.1" aria-label="share of the picture before">'
        "</div></figure>"
    )


def _middle(image: Image.Image, side: int) -> Image.Image:
    left, top = max(0, (image.width - side) // 2), max(0, (image.height - side) // 2)
    return image.crop((left, top, left + min(side, image.width), top + min(side, image.height)))


def _data_uri(image: Image.Image) -> str:
    """Lossless: what is looked at are pixels."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=True, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
