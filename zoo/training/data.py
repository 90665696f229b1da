"""Clean images (files, arrays, a tensorflow-datasets name, or pairs of folders) → augmented patches → noisy batches.

Every batch is a function of (seed, step) alone: images are visited in a shuffled order computed from their number in
the sequence, and all randomness is stateless. So a run can be continued at any step as if it had never stopped.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.errors import InputError, MissingExtraError, UsageError
from zoo.noise import Gaussian, Noise, number
from zoo.training.corrupt import corrupt

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp")
# Decoded pixels up to this many bytes stay in memory; a larger set is decoded again at each visit.
CACHE_BYTES = int(os.environ.get("DENOISE_ZOO_CACHE_BYTES", 4 * 2**30))
# Patches taken at one visit of an image: from memory a visit costs nothing, from a file the decoding of the image.
PATCHES_FROM_FILE = 16

Source = str | os.PathLike[str] | Sequence[np.ndarray] | tuple[Any, Any]


@dataclass(frozen=True)
class Augment:
    """How patches are varied (see :func:`augment`). ``Augment.none()`` only crops."""

    flip: bool = True
    transpose: bool = True
    rescale: float = 1.25  # up to this factor more of the image is shrunk into the patch, for half of the patches
    brightness: float = 0.05  # up to this much is added or taken, on the [0, 1] scale

    def __post_init__(self) -> None:
        if not 1 <= self.rescale <= 4 or not 0 <= self.brightness <= 0.5:
            raise UsageError(
                f"rescale={self.rescale!r}, brightness={self.brightness!r}; expected rescale in 1 to 4 (1 is none) and "
                "brightness in 0 to 0.5"
            )

    @classmethod
    def none(cls) -> Augment:
        return cls(flip=False, transpose=False, rescale=1, brightness=0)


class ImageSet:
    """Images of one channel count, by number: in memory where they fit, else decoded from their files at each visit.

    For pairs, an image is the noisy one and the clean one stacked along the channels, so that both are cut and turned
    alike.
    """

    def __init__(self, files: Sequence[tuple[Path, ...]] | Sequence[np.ndarray], channels: int, paired: bool) -> None:
        self.channels, self.paired = channels, paired
        self.depth = channels * (2 if paired else 1)
        self.files = [tuple(map(str, f)) for f in files] if files and isinstance(files[0], tuple) else []
        if self.files:
            self.sizes = np.array([_size(f, channels) for f in self.files], np.int64)
        else:
            self.sizes = np.array([a.shape[:2] for a in files], np.int64)  # type: ignore[union-attr]
        self.areas = self.sizes.prod(axis=1)
        self.starts = np.concatenate([[0], np.cumsum(self.areas)[:-1]]) * self.depth
        self.in_memory = not self.files or self.areas.sum() * self.depth <= CACHE_BYTES
        if self.in_memory:
            images = (_decode(f, channels).numpy() for f in self.files) if self.files else files
            self.pixels = np.empty(int(self.areas.sum()) * self.depth, np.uint8)
            for start, area, image in zip(self.starts, self.areas, images, strict=True):
                self.pixels[start : start + area * self.depth] = np.ravel(image)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.sizes)

    def image(self, i: int) -> np.ndarray:
        """Image ``i``, float32 (h, w, channels) in [0, 1] (pairs: (h, w, 2·channels), the noisy one first)."""
        if self.in_memory:
            flat = self.pixels[self.starts[i] : self.starts[i] + self.areas[i] * self.depth]
            return flat.reshape(*self.sizes[i], self.depth).astype(np.float32) / 255
        return _decode(self.files[i], self.channels).numpy().astype(np.float32) / 255

    def cutter(self) -> tuple[int, Any]:
        """How many patches a visit takes, and the function (image number, tops, lefts, side) → uint8 patches."""
        sizes = tf.constant(self.sizes)
        if not self.in_memory:
            files = tf.constant(self.files)

            def cut_file(i: Any, tops: Any, lefts: Any, side: Any) -> Any:
                image = _decode(tf.unstack(files[i], num=files.shape[1]), self.channels)
                return tf.map_fn(
                    lambda at: image[at[0] : at[0] + side, at[1] : at[1] + side],
                    (tops, lefts),
                    fn_output_signature=tf.TensorSpec((None, None, self.depth), tf.uint8),
                )

            return PATCHES_FROM_FILE, cut_file
        pixels, starts = tf.constant(self.pixels), tf.constant(self.starts)

        def cut_memory(i: Any, tops: Any, lefts: Any, side: Any) -> Any:
            width = sizes[i, 1]
            steps = tf.range(side, dtype=tf.int64)
            # One slice per row would be many small operations: index whole rows of pixels of the flat buffer at once.
            rows = (tops[:, None] + steps) * width + lefts[:, None]
            index = (rows[..., None] + steps)[..., None] * self.depth + tf.range(self.depth, dtype=tf.int64)
            return tf.gather(pixels, starts[i] + index)

        return 1, cut_memory


def open_images(source: Source, channels: int) -> ImageSet:
    """The images of a source.

    Args:
        source: A folder (searched through; JPEG, PNG, BMP); a sequence of arrays, uint8 or float in [0, 1], (h, w) or
            (h, w, c); ``"tfds:NAME"`` or ``"tfds:NAME:SPLIT"`` of tensorflow-datasets; or a pair (noisy, clean) of
            folders whose files have equal names.
        channels: 1 or 3. Colour becomes gray by its luma (ITU-R BT.601), gray becomes colour by repetition.

    Raises:
        InputError: Nothing there, or an image that cannot be read. UsageError: pairs that do not fit, or are equal.
    """
    if isinstance(source, tuple) and len(source) == 2:
        noisy, clean = source
        if isinstance(noisy, str | os.PathLike) and isinstance(clean, str | os.PathLike):
            return _pairs(Path(noisy), Path(clean), channels)
    if isinstance(source, str) and source.startswith("tfds:"):
        return ImageSet(_tfds(source, channels), channels, paired=False)
    if isinstance(source, str | os.PathLike):
        return ImageSet([(f,) for f in _files(Path(source))], channels, paired=False)
    if not len(source):
        raise InputError("no images: received an empty sequence; expected arrays (h, w) or (h, w, channels)")
    return ImageSet([_array(np.asarray(a), channels) for a in source], channels, paired=False)


def hold_out(images: ImageSet, every: int = 10) -> tuple[list[int], list[int]]:
    """Image numbers for training and for validation: every tenth is held out, at least one."""
    held = list(range(0, len(images), every))
    kept = [i for i in range(len(images)) if i not in set(held)]
    if not kept:
        raise UsageError(f"{len(images)} image to train on; expected at least 2, or validation images of their own")
    return kept, held


def batches(
    images: ImageSet,
    noise: Noise | None,
    *,
    batch: int,
    patch: int,
    seed: int,
    start: int = 0,
    augmentation: Augment | None = None,
    takes_sigma: bool = False,
    numbers: Sequence[int] | None = None,
) -> tf.data.Dataset:
    """An endless tf.data pipeline of (noisy, clean) float32 batches (n, patch, patch, c), or ((noisy, sigma), clean).

    Args:
        noise: What is drawn on each clean batch; None for pairs, which bring their own.
        batch, patch: Patches in a batch; their side in pixels. Every image must be at least as large.
        seed: All randomness: the same seed gives the same batches.
        start: The number of the first batch to give: the pipeline continues there exactly.
        takes_sigma: Give the drawn noise level too, (n, 1), on the image's scale.
        numbers: Use only these images.
    """
    augmentation = augmentation or Augment()
    chosen = np.arange(len(images)) if numbers is None else np.asarray(numbers)
    if (noise is None) != images.paired:
        raise UsageError("pairs of images bring their noise, clean images need one: expected exactly one of the two")
    if (small := images.sizes[chosen].min()) < patch:
        raise UsageError(f"an image is only {small} pixels high or wide; expected at least patch={patch}")
    per_visit, cut = images.cutter()
    # Large images are visited more often, so that all pixels are seen alike.
    visits = np.repeat(chosen, np.ceil(images.areas[chosen] / (16 * patch * patch)).astype(int))
    visited, sizes = tf.constant(visits, tf.int64), tf.constant(images.sizes)

    def visit(n: Any) -> Any:
        epoch, position = n // len(visits), n % len(visits)
        order = tf.stack([tf.cast(seed, tf.int64), epoch])
        shuffle = tf.random.experimental.index_shuffle  # pyright: ignore[reportAttributeAccessIssue]
        i = visited[shuffle(position, order, len(visits) - 1)]
        keys = tf.random.split(tf.stack([tf.cast(seed, tf.int64), n]), 3)
        # Every other visit: resampling smooths, and who sees resampled patches alone takes fine texture for noise.
        coin, u = tf.unstack(tf.random.stateless_uniform((2,), keys[0]))
        scale = tf.where(coin < 0.5, 1.0, 1 + u * (augmentation.rescale - 1))
        side = tf.minimum(tf.cast(tf.round(patch * scale), tf.int64), tf.reduce_min(sizes[i]))
        at = tf.random.stateless_uniform((2, per_visit), keys[1], dtype=tf.float64)
        room = tf.cast(sizes[i] - side + 1, tf.float64)
        corner = tf.cast(at * room[:, None], tf.int64)
        patches = tf.cast(cut(i, corner[0], corner[1], side), tf.float32) / 255
        if augmentation.rescale > 1:
            patches = tf.cond(
                side == patch,
                lambda: patches,
                lambda: tf.image.resize(patches, (patch, patch), "bicubic", antialias=True),
            )
        return augment(tf.ensure_shape(patches, (per_visit, patch, patch, images.depth)), augmentation, keys[2])

    def form(step: Any, stacked: Any) -> Any:
        if images.paired:
            return stacked[..., : images.channels], stacked[..., images.channels :]
        assert noise is not None
        noisy, sigma = corrupt(noise, stacked, tf.stack([tf.cast(seed, tf.int64) + 1, step]))
        return ((noisy, sigma), stacked) if takes_sigma else (noisy, stacked)

    # ``batch`` visits give ``per_visit`` batches of patches from different images.
    group = start // per_visit
    # A thread per core for decoding would take the cores from training; two keep ahead of it.
    data = tf.data.Dataset.range(group * batch, np.iinfo(np.int64).max).map(visit, num_parallel_calls=2)
    data = data.batch(batch, drop_remainder=True).map(lambda x: tf.transpose(x, (1, 0, 2, 3, 4))).unbatch()
    data = data.skip(start % per_visit)
    steps = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
    return tf.data.Dataset.zip((steps, data)).map(form, num_parallel_calls=2).prefetch(8)


def augment(patches: Any, augmentation: Augment, seed: Any) -> Any:
    """Flips, transposition and brightness, drawn once per call; patches float32 (n, p, p, c) in [0, 1]."""
    coin = tf.random.stateless_uniform((4,), seed)
    if augmentation.flip:
        patches = tf.cond(coin[0] < 0.5, lambda: tf.reverse(patches, [1]), lambda: patches)
        patches = tf.cond(coin[1] < 0.5, lambda: tf.reverse(patches, [2]), lambda: patches)
    if augmentation.transpose:
        patches = tf.cond(coin[2] < 0.5, lambda: tf.transpose(patches, (0, 2, 1, 3)), lambda: patches)
    if augmentation.brightness:
        patches += (2 * coin[3] - 1) * augmentation.brightness
    return tf.clip_by_value(patches, 0, 1)


def validation_pairs(
    images: ImageSet, noise: Noise | None, *, seed: int, side: int, most: int, numbers: Sequence[int] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fixed pairs for validation, the same at every look: centre crops with seeded noise by the numpy sampler.

    Returns:
        noisy and clean, float32 (n, side, side, c), and the level of Gaussian noise (n, 1) on the image's scale.
    """
    chosen = (list(range(len(images))) if numbers is None else list(numbers))[:most]
    side = min(side, int(images.sizes[chosen].min()))
    noisy, clean, sigma = [], [], []
    for i in chosen:
        top, left = (images.sizes[i] - side) // 2
        crop = images.image(i)[top : top + side, left : left + side]
        clean.append(crop[..., -images.channels :])
        if noise is None:
            noisy.append(crop[..., : images.channels])
        else:
            rng = np.random.default_rng([seed, i])
            drawn = noise.draw(rng)
            noisy.append(drawn.apply(crop, rng))
            sigma.append([number(drawn.sigma) / 255 if isinstance(drawn, Gaussian) else 0.0])
    return np.stack(noisy), np.stack(clean), np.array(sigma or [[0.0]] * len(chosen), np.float32)


def refuse_copying(noisy: np.ndarray, clean: np.ndarray, where: str) -> None:
    """Refuse data whose input equals its target, as of (clean, clean) pairs or of noise at level 0."""
    if np.array_equal(noisy, clean):
        raise UsageError(
            f"{where} input equals its target: the network would learn to copy, with a perfect score and no use; "
            "expected noisy input: give a noise above 0, or pairs of noisy and clean images"
        )


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r}; expected a folder with images ({', '.join(EXTENSIONS)})")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in EXTENSIONS)
    if not files:
        raise InputError(f"no images in {str(folder)!r}; expected files ending in {', '.join(EXTENSIONS)}")
    return files


def _pairs(noisy: Path, clean: Path, channels: int) -> ImageSet:
    left, right = ({f.relative_to(d).with_suffix(""): f for f in _files(d)} for d in (noisy, clean))
    if odd := sorted(map(str, left.keys() ^ right.keys())):
        raise UsageError(
            f"{odd[0]!r} is only in one of {str(noisy)!r} and {str(clean)!r}; expected files of equal names"
        )
    images = ImageSet([(left[name], right[name]) for name in sorted(left)], channels, paired=True)
    for i, (a, _) in enumerate(images.files):
        pair = images.image(i)
        if np.array_equal(pair[..., :channels], pair[..., channels:]):
            raise UsageError(
                f"{a!r} equals its clean picture; expected a noisy one: from equal pairs a network learns to copy"
            )
    return images


def _tfds(source: str, channels: int) -> list[np.ndarray]:
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorflow-datasets", "train") from error
    name, _, split = source.removeprefix("tfds:").partition(":")
    try:
        data = tfds.load(name, split=split or "train", download=False)
    except (tfds.core.DatasetNotFoundError, AssertionError, ValueError) as error:
        raise InputError(
            f"no prepared data set {source!r} ({str(error).splitlines()[0]}); run tfds build first"
        ) from error
    return [_array(item["image"], channels) for item in tfds.as_numpy(data)]


def _array(image: np.ndarray, channels: int) -> np.ndarray:
    """Any array of an image → uint8 (h, w, channels)."""
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.dtype not in (np.uint8, np.float32, np.float64):
        raise InputError(
            f"array of shape {image.shape} and type {image.dtype}; expected (h, w), (h, w, 1) or (h, w, 3) of "
            "uint8 or float"
        )
    if image.dtype != np.uint8:
        if not (image.min() >= 0 and image.max() <= 1):
            raise InputError(f"float image from {image.min():g} to {image.max():g}; expected clean values in [0, 1]")
        image = np.round(image * 255).astype(np.uint8)
    return _fit_channels(image, channels).numpy()


def _fit_channels(image: Any, channels: int) -> Any:
    if image.shape[-1] == channels:
        return tf.convert_to_tensor(image)
    return tf.image.rgb_to_grayscale(image) if channels == 1 else tf.image.grayscale_to_rgb(image)


def _size(files: tuple[str, ...], channels: int) -> tuple[int, int]:
    """Height and width from the header, equal for all files of a pair."""
    from PIL import Image, UnidentifiedImageError

    sizes = []
    for file in files:
        try:
            with Image.open(file) as image:
                sizes.append(image.size[::-1])
        except (UnidentifiedImageError, OSError) as error:
            raise InputError(f"cannot read {file!r} as an image ({error}); remove or replace the file") from error
    if len(set(sizes)) > 1:
        raise UsageError(f"{files[0]!r} and {files[1]!r} have sizes {sizes}; expected pairs of equal size")
    return sizes[0]


def _decode(files: Any, channels: int) -> Any:
    """Files → uint8 (h, w, channels·files); 16 bits are reduced to 8."""
    images = []
    for file in files:
        content = tf.io.read_file(file)
        # Bit-exact decoding: the fast one differs from other decoders by some steps, which is noise in the targets.
        image = tf.cond(
            tf.io.is_jpeg(content),
            lambda content=content: tf.io.decode_jpeg(content, 3, dct_method="INTEGER_ACCURATE"),
            lambda content=content: tf.io.decode_image(content, 3, expand_animations=False),
        )
        image = tf.ensure_shape(image, (None, None, 3))
        images.append(_fit_channels(image, channels))
    return tf.concat(images, axis=-1)
