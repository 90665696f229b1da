"""Where training images come from: folders, arrays, a tensorflow-datasets name, pairs of folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow as tf
from PIL import ExifTags

from zoo import scale
from zoo.errors import InputError, MissingExtraError, UsageError, one_line
from zoo.folders import files_below, paired
from zoo.pillow import open_with_pillow


def _bytes_from(variable: str, otherwise: int) -> int:
    """A number of bytes that the environment gives."""
    given = os.environ.get(variable, str(otherwise))
    try:
        return int(float(given))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{variable}={given!r} in the environment; expected a number of bytes, such as 8e9") from error


EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp")
# Decoded pixels up to this many bytes stay in memory; a larger set is decoded again at each visit.
CACHE_BYTES = _bytes_from("DENOISE_ZOO_CACHE_BYTES", 4 * 2**30)
# Patches taken at one visit of an image: from memory a visit costs nothing, from a file the decoding of the image.
PATCHES_FROM_FILE = 16

LOOKED_AT = 16  # images, for their scale

Source = str | os.PathLike[str] | Sequence[np.ndarray | str | os.PathLike[str]] | np.ndarray | tuple[Any, Any]


class ImageSet:
    """Images of one channel count, by number: in memory where they fit, else decoded from their files at each visit.

    For pairs, an image is the noisy one and the clean one stacked along the channels, so that both are cut and turned
    alike.
    """

    def __init__(self, files: Sequence[tuple[Path, ...]] | Sequence[np.ndarray], channels: int, paired: bool) -> None:
        self.channels, self.paired = channels, paired
        self.depth = channels * (2 if paired else 1)
        self.files = [tuple(map(str, f)) for f in files] if files and isinstance(files[0], tuple) else []
        self.dtype = np.dtype(np.uint8)
        if self.files:
            self.sizes = np.array([_size(f, channels) for f in self.files], np.int64)
        else:
            self.sizes = np.array([a.shape[:2] for a in files], np.int64)  # type: ignore[union-attr]
            # All in the type of the deepest: what is deeper than 8 bits stays so.
            self.dtype = max((a.dtype for a in files), key=lambda dtype: dtype.itemsize)  # type: ignore[union-attr]
        self.white = WHITE[self.dtype]
        self.areas = self.sizes.prod(axis=1)
        self.starts = np.concatenate([[0], np.cumsum(self.areas)[:-1]]) * self.depth
        self.in_memory = not self.files or bool(self.areas.sum() * self.depth <= CACHE_BYTES)
        if self.in_memory:
            images = (_read(f, channels) for f in self.files) if self.files else files
            self.pixels = np.empty(int(self.areas.sum()) * self.depth, self.dtype)
            for start, area, image in zip(self.starts, self.areas, images, strict=True):
                self.pixels[start : start + area * self.depth] = _rescaled(np.ravel(image), self.dtype)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def doubt(self) -> str:
        """What is to be said of most images' scale, of some that are looked at; empty if nothing is."""
        some = [] if self.files else [self._kept(i) for i in range(min(len(self), LOOKED_AT))]
        mend = "if white is another number, scale the images first"
        found = [words for image in some if (words := scale.doubt(image[..., -self.channels :], mend=mend))]
        return found[0] if 2 * len(found) > len(some) else ""

    @property
    def digest(self) -> str:
        """A short name for these very images, wherever they lie: by their files' names and sizes, or some pixels."""
        found = hashlib.sha256(self.sizes.tobytes())
        if self.files:
            for files in self.files:
                found.update("".join(f"{Path(f).name}\0{os.path.getsize(f)}\0" for f in files).encode(errors="replace"))
        else:
            found.update(self.pixels[:: max(1, len(self.pixels) // 2**20)].tobytes())
        return found.hexdigest()[:16]

    def image(self, i: int) -> np.ndarray:
        """Image ``i``, float32 (h, w, channels) in [0, 1] (pairs: (h, w, 2·channels), the noisy one first)."""
        if self.in_memory:
            return self._kept(i).astype(np.float32) / np.float32(self.white)
        return _read(self.files[i], self.channels).astype(np.float32) / 255

    def _kept(self, i: int) -> np.ndarray:
        """Image ``i`` as it is in memory."""
        flat = self.pixels[self.starts[i] : self.starts[i] + self.areas[i] * self.depth]
        return flat.reshape(*self.sizes[i], self.depth)

    @contextmanager
    def damage_told(self) -> Iterator[None]:
        """Where TensorFlow cannot decode a file, whose name it does not say, look for it and say it."""
        try:
            yield
        except tf.errors.InvalidArgumentError:
            for files in self.files:
                _read(files, self.channels)
            raise

    def cutter(self) -> tuple[int, Any]:
        """How many patches a visit takes, and the function (image number, tops, lefts, side) → patches in ``dtype``."""
        sizes = tf.constant(self.sizes)
        if not self.in_memory:
            files = tf.constant([_encoded(f) for f in self.files])

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


def open_images(source: Source, channels: int, *, clean: bool = True) -> ImageSet:
    """The images of a source.

    Args:
        source: A folder (searched through; JPEG, PNG, BMP), or a list of such files; a sequence of arrays, uint8,
            uint16 or float in [0, 1], (h, w) or (h, w, c), or one array of them all; ``"tfds:NAME"`` or
            ``"tfds:NAME:SPLIT"`` of tensorflow-datasets; or a pair (noisy, clean) of folders whose files have equal
            names, or of sequences of arrays or files in the same order.
        channels: 1 or 3. Colour becomes gray by its luma (ITU-R BT.601), gray becomes colour by repetition.
        clean: The images of a sequence are clean, and stay within [0, 1]; noise leads beyond.

    Raises:
        InputError: Nothing there, or an image that cannot be read. UsageError: pairs that do not fit, or are equal.
    """
    if isinstance(source, tuple) and len(source) == 2:
        first, second = source
        if isinstance(first, str | os.PathLike) and isinstance(second, str | os.PathLike):
            return _file_pairs(paired(Path(first), Path(second), _files), channels)
        if isinstance(first, Sequence | np.ndarray) and isinstance(second, Sequence | np.ndarray):
            if len(first) != len(second) or not len(first):
                raise UsageError(f"{len(first)} noisy and {len(second)} clean images; expected as many, at least one")
            if _are_files(first) and _are_files(second):
                return _file_pairs([(Path(a), Path(b)) for a, b in zip(first, second, strict=True)], channels)
            return _array_pairs(first, second, channels)
    if isinstance(source, str) and source.startswith("tfds:"):
        return ImageSet(_tfds(source, channels), channels, paired=False)
    if isinstance(source, str | os.PathLike):
        return ImageSet([(f,) for f in _files(Path(source))], channels, paired=False)
    if not isinstance(source, Sequence | np.ndarray):
        raise UsageError(f"images={source!r}; expected a folder, arrays, or a pair of either")
    if not len(source):
        raise InputError("no images: received an empty sequence; expected arrays (h, w) or (h, w, channels)")
    if _are_files(source):
        return ImageSet([(Path(cast(str, f)),) for f in source], channels, paired=False)
    return ImageSet([_array(np.asarray(a), channels, beyond=not clean) for a in source], channels, paired=False)


def _are_files(images: Sequence[Any] | np.ndarray) -> bool:
    return not isinstance(images, np.ndarray) and isinstance(images[0], str | os.PathLike)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"no folder {str(folder)!r}; expected a folder with images ({', '.join(EXTENSIONS)})")
    if not (files := files_below(folder, EXTENSIONS)):
        raise InputError(f"no images in {str(folder)!r}; expected files ending in {', '.join(EXTENSIONS)}")
    return files


def _file_pairs(files: Sequence[tuple[Path, Path]], channels: int) -> ImageSet:
    images = ImageSet(files, channels, paired=True)
    for i, (a, b) in enumerate(images.files):
        one, other = np.split(images.image(i), 2, axis=-1)
        if np.array_equal(one, other):
            raise UsageError(
                f"{a!r} equals its clean picture; expected a noisy one: from equal pairs a network learns to copy"
            )
        if _orientation(a) != _orientation(b) and _is_turned(one, other):
            raise UsageError(
                f"{a!r} and {b!r} lie on different sides, as their EXIF says; expected pairs whose pixels lie alike"
            )
    return images


def _orientation(file: str) -> int:
    """How a viewer turns a JPEG."""
    with open_with_pillow(Path(file), ("JPEG", "PNG", "BMP", "GIF")) as image:
        found = image.getexif().get(ExifTags.Base.Orientation, 1) if image.format == "JPEG" else 1
    return found if found in range(2, 9) else 1


def _is_turned(noisy: np.ndarray, clean: np.ndarray) -> bool:
    """Whether a picture is more like another one when that is turned or mirrored: many lose the tag, and lie alike."""
    turned = [np.rot90(side, k) for side in (clean, clean[:, ::-1]) for k in range(4)]
    errors = [float(np.square(noisy - one).mean()) for one in turned if one.shape == noisy.shape]
    return errors[0] > min(errors)


def _array_pairs(
    noisy: Sequence[np.ndarray] | np.ndarray, clean: Sequence[np.ndarray] | np.ndarray, channels: int
) -> ImageSet:
    stacked = []
    for i, (a, b) in enumerate(zip(noisy, clean, strict=True)):
        # Noise leads beyond black and white.
        pair = [_array(np.asarray(a), channels, beyond=True), _array(np.asarray(b), channels, beyond=True)]
        if pair[0].shape != pair[1].shape:
            raise UsageError(f"pair {i} has sizes {pair[0].shape} and {pair[1].shape}; expected equal ones")
        dtype = max((image.dtype for image in pair), key=lambda dtype: dtype.itemsize)
        stacked.append(np.concatenate([_rescaled(image, dtype) for image in pair], axis=-1))
        if np.array_equal(stacked[-1][..., :channels], stacked[-1][..., channels:]):
            raise UsageError(f"noisy image {i} equals its clean one: from equal pairs a network learns to copy")
    return ImageSet(stacked, channels, paired=True)


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
    images = []
    for item in tfds.as_numpy(data):
        if "image" not in item:
            raise InputError(f"{source!r} has the features {', '.join(item)}; expected one that is named image")
        images.append(_array(item["image"], channels))
    return images


# The types in which images are kept, and the value of white in each.
WHITE = {**scale.WHITE, np.dtype(np.float32): 1}


def _array(image: np.ndarray, channels: int, *, beyond: bool = False) -> np.ndarray:
    """Any array of an image → uint8, uint16 or float32 (h, w, channels)."""
    if image.ndim == 2:
        image = image[..., None]
    if image.dtype in (np.float16, np.float64):
        image = image.astype(np.float32)
    if image.ndim != 3 or image.shape[-1] not in (1, 3) or image.dtype not in WHITE:
        raise InputError(
            f"array of shape {image.shape} and type {image.dtype}; expected (h, w), (h, w, 1) or (h, w, 3) of "
            "uint8, uint16 or float"
        )
    if image.dtype == np.float32 and not beyond and not (image.min() >= 0 and image.max() <= 1):
        raise InputError(f"float image from {image.min():g} to {image.max():g}; expected clean values in [0, 1]")
    if image.dtype == np.float32 and beyond and not -0.5 <= (mean := float(image.mean())) <= 1.5:  # NaN too
        raise InputError(f"float image of mean {mean:g}; expected finite values about [0, 1]")
    return image if image.shape[-1] == channels else _fit_channels(tf.convert_to_tensor(image), channels).numpy()


def _rescaled(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values of one of the types of ``WHITE`` in another, no shallower one."""
    if values.dtype == dtype:
        return values
    if dtype == np.float32:
        return values.astype(np.float32) / np.float32(WHITE[values.dtype])
    return values.astype(dtype) * dtype.type(WHITE[dtype] // WHITE[values.dtype])


def _fit_channels(image: Any, channels: int) -> Any:
    if image.shape[-1] == channels:
        return image
    if channels == 3:
        return tf.concat([image] * 3, axis=-1)
    # Not TensorFlow's own way, which cuts whole numbers off, and makes pictures darker.
    kind = tf.as_dtype(image.dtype)
    luma = tf.reduce_sum(tf.cast(image, tf.float64) * scale.LUMA, axis=-1, keepdims=True)
    return tf.cast(tf.round(luma) if kind.is_integer else luma, kind)


def _size(files: tuple[str, ...], channels: int) -> tuple[int, int]:
    """Height and width from the header, equal for all files of a pair."""
    from PIL import UnidentifiedImageError

    sizes = []
    for file in files:
        try:
            with open_with_pillow(Path(file), ("JPEG", "PNG", "BMP", "GIF")) as image:  # those that TensorFlow reads
                if image.format == "BMP" and image.mode in ("P", "1"):
                    raise InputError(
                        f"{file!r} is a BMP with a palette, of which TensorFlow reads the indices; "
                        "expected one without: save it as PNG"
                    )
                sizes.append(image.size[::-1])
        except InputError:
            raise
        except (UnidentifiedImageError, OSError) as error:
            raise InputError(f"cannot read {file!r} as an image ({error}); remove or replace the file") from error
    if len(set(sizes)) > 1:
        raise UsageError(f"{files[0]!r} and {files[1]!r} have sizes {sizes}; expected pairs of equal size")
    return sizes[0]


def _read(files: tuple[str, ...], channels: int) -> np.ndarray:
    try:
        return _decode(_encoded(files), channels).numpy()
    except tf.errors.InvalidArgumentError as error:
        names = " or ".join(map(repr, files))
        raise InputError(f"cannot decode {names} ({one_line(error)}); remove or replace the file") from error


def _encoded(files: tuple[str, ...]) -> tuple[bytes, ...]:
    """Names as TensorFlow takes them, which need not be text."""
    return tuple(map(os.fsencode, files))


def _decode(files: Any, channels: int) -> Any:
    """Files → uint8 (h, w, channels·files); 16 bits are reduced to 8."""
    images = []
    for file in files:
        images.append(_fit_channels(decode_color(tf.io.read_file(file)), channels))
    return tf.concat(images, axis=-1)


def decode_color(content: Any) -> Any:
    """The bytes of a JPEG, PNG, BMP or GIF file → uint8 (h, w, 3), as Pillow has it.

    The fast way to decode JPEG makes pictures darker, and differs by some steps, which is noise in the targets.
    """
    image = tf.cond(
        tf.io.is_jpeg(content),
        lambda: tf.io.decode_jpeg(content, 3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(content, 3, expand_animations=False),
    )
    return tf.ensure_shape(image, (None, None, 3))
