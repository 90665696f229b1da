"""What fine-tuning did: parent and result on images that neither has learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from rich.console import Console
from rich.progress import track

from zoo.evaluation import MOST, mean_psnr, psnr, ssim
from zoo.finetuning.survey import Item
from zoo.inference.compare import sheet
from zoo.inference.pictures import as_float
from zoo.noise import Gaussian, Noise, ends, noise_from_name
from zoo.pretrained import Pretrained
from zoo.training.data import some_noise
from zoo.training.neighbors import neighbor_pairs

# What is gained must be more than this, in dB, or the parent's weights are the result.
WORTHWHILE = 0.02
# The middle of larger images is judged.
JUDGED_SIDE = 1024
HARM_LEVEL = 25.0
# Who loses more than this, in dB, on the parent's noise has changed much. Neighbouring pixels show what is as large as
# they are; lines of one pixel they show half of the time, and a network that blurs them may score better for it.
LOST = 3.0


@dataclass(frozen=True)
class Verdict:
    """What fine-tuning did, on images that it did not learn from.

    Attributes:
        measure: What the figures are: "PSNR", or for noisy images alone "neighbour PSNR": that of the network's answer
            to some of an image's pixels, against their noisy neighbours. It is far below a PSNR against clean images,
            which nobody has, and rises and falls with it.
        images: How many were held out.
        before, after: Of parent and result, in dB.
        before_ssim, after_ssim: Structural similarity; None for noisy images alone.
        harm_before, harm_after: PSNR on the noise of the parent, on other photographs (scikit-image's).
        improved: Whether the result's weights are new; else they are the parent's.
    """

    measure: str
    images: int
    before: float
    after: float
    before_ssim: float | None
    after_ssim: float | None
    harm_before: float
    harm_after: float
    improved: bool

    def __str__(self) -> str:
        what = f"{self.measure} on {self.images} held-out image{'s' if self.images > 1 else ''}"
        lines = [f"{what}: {self.before:.2f} dB before, {self.after:.2f} dB after ({self.after - self.before:+.2f})"]
        if self.before_ssim is not None and self.after_ssim is not None:
            lines.append(f"SSIM: {self.before_ssim:.4f} before, {self.after_ssim:.4f} after")
        lines.append(
            f"on the noise that the parent was trained for: {self.harm_before:.2f} dB before, "
            f"{self.harm_after:.2f} dB after ({self.harm_after - self.harm_before:+.2f})"
        )
        if self.measure != "PSNR" and self.improved and self.harm_after < self.harm_before - LOST:
            lines.append(
                "what the neighbours of pixels show is no proof: with so much lost there, compare pictures before and "
                "after (zoo compare); detail as fine as one pixel may be gone"
            )
        if not self.improved:
            lines.append("fine-tuning did not help: the result has the parent's weights")
        return "\n".join(lines)


# A held-out image: noisy, its clean one (None if nobody has it), and the noise level that a model may want.
Case = tuple[np.ndarray, np.ndarray | None, float]


def case(item: Item, noise: Noise | None, seed: int, i: int) -> Case:
    """An item as it is judged, its noise a function of ``seed`` and ``i``."""
    height, width = item.image.shape[:2]
    top, left = (max(0, (side - JUDGED_SIDE) // 2) for side in (height, width))
    window = (slice(top, top + JUDGED_SIDE), slice(left, left + JUDGED_SIDE))
    image = as_float(item.image[window])
    if noise is None:
        return image, None if item.clean is None else as_float(item.clean[window]), 0.0
    drawn, noisy = some_noise(noise, image, seed, i)
    return noisy, image, drawn.deviation() / 255


def judge(
    parent: keras.Model,
    model: keras.Model,
    cases: Sequence[Case],
    entry: Pretrained,
    *,
    progress: bool = False,
) -> Verdict:
    """Compare a model with its parent, of ``entry``, on held-out images."""
    blind = cases[0][1] is None
    measure = _neighbor_scores if blind else _scores
    before, after = (measure(one, cases, progress) for one in (parent, model))
    return Verdict(
        measure="neighbour PSNR" if blind else "PSNR",
        images=len(cases),
        before=before[0],
        after=after[0],
        before_ssim=before[1],
        after_ssim=after[1],
        harm_before=_harm(parent, entry),
        harm_after=_harm(model, entry),
        improved=after[0] > before[0] + WORTHWHILE,
    )


def _run(model: keras.Model, image: np.ndarray, level: float) -> np.ndarray:
    inputs: Any = [image[np.newaxis], np.array([[level]], np.float32)]
    output = model(inputs if len(model.inputs) > 1 else inputs[0], training=False)
    return np.asarray(keras.ops.convert_to_numpy(output))[0]


def _scores(model: keras.Model, cases: Sequence[Case], progress: bool) -> tuple[float, float | None]:
    """Mean PSNR and SSIM."""
    rows = []
    for noisy, clean, level in track(
        cases, "judging", console=Console(stderr=True), transient=True, disable=not progress
    ):
        assert clean is not None
        output = np.clip(_run(model, noisy, level), 0, 1)
        rows.append((psnr(clean, output), ssim(clean, output)))
    # Of pictures that all come out perfect the mean is infinite, which an entry has no number for.
    return min(MOST, mean_psnr([row[0] for row in rows])), float(np.mean([row[1] for row in rows]))


def _neighbor_scores(model: keras.Model, cases: Sequence[Case], progress: bool) -> tuple[float, float | None]:
    """Mean PSNR of the answer to some of the pixels against their neighbours."""
    values = []
    for i, (noisy, _, level) in enumerate(cases):
        even = noisy[: noisy.shape[0] // 2 * 2, : noisy.shape[1] // 2 * 2]
        one, other = neighbor_pairs(tf.constant(even[np.newaxis]), tf.constant([0, i], tf.int64))
        values.append(psnr(other.numpy()[0], _run(model, one.numpy()[0], level)))
    return min(MOST, mean_psnr(values)), None


def _harm(model: keras.Model, entry: Pretrained) -> float:
    """PSNR on photographs that scikit-image ships, under the parent's noise."""
    from skimage import data

    noise = noise_from_name(entry.noise)
    if isinstance(noise, Gaussian):
        low, high = ends(noise.sigma)
        noise = Gaussian(min(max(HARM_LEVEL, low), high))
    else:
        noise = noise.middle()
    values = []
    for i, photograph in enumerate((data.astronaut(), data.chelsea(), data.coffee())):
        image = as_float(photograph[:256, :256])
        image = image.mean(axis=-1, keepdims=True) if entry.channels == 1 else image
        rng = np.random.default_rng(i)
        drawn = noise.draw(rng)
        noisy = drawn.apply(image, rng)
        values.append(psnr(image, np.clip(_run(model, noisy, drawn.deviation() / 255), 0, 1)))
    return min(MOST, mean_psnr(values))


def before_after(parent: keras.Model, model: keras.Model, case: Case) -> Image.Image:
    """Noisy, by the parent, by the result, and clean where there is one."""
    noisy, clean, level = case
    images = {"noisy": noisy, "before": _run(parent, noisy, level), "after": _run(model, noisy, level)}
    if clean is not None:
        images["clean"] = clean
    pictures = [np.clip(image * 255, 0, 255).round().astype(np.uint8) for image in images.values()]
    shown = [Image.fromarray(p.squeeze(-1) if p.shape[-1] == 1 else p).convert("RGB") for p in pictures]
    return sheet(shown, list(images))
