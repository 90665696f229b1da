"""Parity: an exported artifact against its Keras model, on images of several sizes."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from export.runtimes import Runner, runners
from export.sizes import check_any_size
from zoo.errors import ParityError, one_line
from zoo.noise import Gaussian, SaltPepper

if TYPE_CHECKING:
    import keras

Size = tuple[int, int, int]
# (batch, height, width): the smallest, odd ones, several at once, larger than any tile's margin.
SIZES: tuple[Size, ...] = ((1, 1, 1), (3, 7, 5), (1, 64, 64), (1, 65, 33), (3, 40, 97), (1, 129, 257))
SIGMA = 25
TOLERANCE = 1e-5

# Half a step: what rounding to 8 bits changes at most.
ROUNDING = 0.5 / 255

Run = Callable[[list[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Parity:
    """How far an artifact is from Keras.

    Attributes:
        max_abs, mean_abs: Of the difference between the two outputs, over all sizes, on the [0, 1] scale.
        psnr: Of the one output against the other, in dB; infinite if they are equal.
        change_rms: Root mean square of what the model changes in its input: a model that does nothing agrees easily.
        sizes: (batch, height, width) of the images.
        ways: The largest difference for each way to run the artifact. The figures above are of those that give floats,
            if any does: one that gives 8 bits differs by half a step of rounding, 0.00196, at least.
    """

    max_abs: float
    mean_abs: float
    psnr: float
    change_rms: float
    sizes: tuple[Size, ...]
    ways: dict[str, float]

    def __str__(self) -> str:
        sizes = ", ".join(f"{n}×{height}×{width}" for n, height, width in self.sizes)
        ways = ", ".join(f"{name} {value:.1e}" for name, value in self.ways.items())
        return (
            f"against Keras: at most {self.max_abs:.1e}, on average {self.mean_abs:.1e} ({self.psnr:.0f} dB), where "
            f"the model changes its input by {self.change_rms:.3f} RMS; at most, {ways}; "
            f"sizes {sizes}"
        )


def check_parity(
    model: keras.Model,
    artifact: str | os.PathLike[str],
    *,
    sizes: Sequence[Size] = SIZES,
    tolerance: float | None = TOLERANCE,
) -> Parity:
    """Compare an artifact with the Keras model that it was made from, on noisy images (Gaussian, sigma 25).

    Args:
        model: Takes an image (n, h, w, C), and the noise level (n, 1) if it has a second input.
        artifact: What this package has written: a file, or a folder.
        sizes: (batch, height, width) of the images.
        tolerance: The largest difference that is accepted anywhere, beside rounding where the artifact gives 8 bits;
            None measures only.

    Raises:
        ParityError: The outputs differ by more, or in shape. UsageError: an artifact of unknown form, or a model that
            does not take every size (:func:`export.any_size`).
    """
    check_any_size(model)
    keras_model = _keras(as_float32(model))
    channels, takes_sigma = model.inputs[0].shape[-1], len(model.inputs) > 1
    ways = runners(Path(artifact))
    found = {
        name: _compared(keras_model, runner, sizes, channels, takes_sigma, tolerance, name)
        for name, runner in ways.items()
    }
    exact = [found[name] for name, runner in ways.items() if runner.io == "float32"] or list(found.values())
    difference, change = (np.concatenate(parts) for parts in zip(*exact, strict=True))
    error = float(np.square(difference).mean())
    return Parity(
        max_abs=float(np.abs(difference).max()),
        mean_abs=float(np.abs(difference).mean()),
        psnr=-10 * math.log10(error) if error else math.inf,
        change_rms=float(np.sqrt(np.square(change, dtype=np.float64).mean())),
        sizes=tuple(sizes),
        ways={name: float(np.abs(one).max()) for name, (one, _) in found.items()},
    )


def _compared(
    keras_model: Run,
    runner: Runner,
    sizes: Sequence[Size],
    channels: int,
    takes_sigma: bool,
    tolerance: float | None,
    name: str,
) -> tuple[np.ndarray, np.ndarray]:
    """What the artifact gives less what Keras gives, and what Keras changes in the image; all sizes in one row."""
    differences, changes = [], []
    for n, height, width in sizes:
        inputs = [np.stack([noisy_scene(height, width, channels, seed) for seed in range(n)])]
        if takes_sigma:
            inputs.append(np.full((n, 1), SIGMA / 255, np.float32))
        if runner.io == "uint8":
            eight_bits = np.rint(np.clip(inputs[0], 0, 1) * 255).astype(np.uint8)
            inputs[0] = eight_bits / np.float32(255)
            output = _given(runner.run, [eight_bits, *(sigma * 255 for sigma in inputs[1:])], name)
            expected = np.clip(_given(keras_model, inputs, "Keras"), 0, 1)
        else:
            output, expected = _given(runner.run, inputs, name), _given(keras_model, inputs, "Keras")
        if expected.shape != inputs[0].shape:
            raise ParityError(f"the model makes {expected.shape} of images {inputs[0].shape}; expected the same shape")
        if output.shape != expected.shape or output.dtype != np.dtype(runner.io):
            raise ParityError(
                f"the artifact gives {output.dtype} of shape {output.shape} for images of shape {inputs[0].shape}; "
                f"expected {runner.io} of shape {expected.shape}, as Keras does"
            )
        if runner.io == "uint8":
            output = output / np.float32(255)
        differences.append((output - expected).ravel().astype(np.float64))
        changes.append((expected - inputs[0]).ravel())
    difference = np.concatenate(differences)
    allowed = math.inf if tolerance is None else tolerance + (ROUNDING if runner.io == "uint8" else 0)
    # So written, a NaN is refused as well.
    if not np.abs(difference).max() <= allowed:
        raise ParityError(
            f"the artifact ({name}) differs from its Keras model by {np.abs(difference).max():.2g}; expected at most "
            f"{allowed:g} (is a layer exported wrongly, or the artifact older than the model?)"
        )
    return difference, np.concatenate(changes)


def _given(run: Run, inputs: list[np.ndarray], name: str) -> np.ndarray:
    """What a runtime makes of images. Raises ParityError: nothing; each has errors of its own for that."""
    try:
        return run(inputs)
    except Exception as error:
        raise ParityError(
            f"{name} cannot take images of shape {inputs[0].shape} ({one_line(error)}); expected a model for every size"
        ) from error


def noisy_scene(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """A picture of shades, edges and texture, under Gaussian noise: float32 (height, width, channels), not clipped. The
    first pixel is black, and a tenth of the others are black or white.

    On white noise alone a denoiser would have nothing to keep, and most of its features would stay silent; without
    black or white, one for impulses would have nothing to change.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 32
    planes = []
    for _ in range(channels):
        a, b, c, d = rng.uniform(-1, 1, 4)
        shade = 0.5 + 0.2 * np.sin(a * x + b * y)
        edges = 0.2 * ((c * np.floor(x) + d * np.floor(2 * y)) % 1 > 0.5)
        texture = 0.1 * np.sin(20 * (c * x + d * y)) * (a * x > b * y)
        planes.append(shade + edges + texture)
    scene = SaltPepper(10).sample(Gaussian(SIGMA).sample(np.stack(planes, axis=-1), rng), rng)
    scene[0, 0] = 0
    return scene


def as_float32(model: keras.Model) -> keras.Model:
    """The model itself if it computes in float32, else (mixed precision) a copy of it that does."""
    import keras

    if all(part.compute_dtype == "float32" for part in parts(model) if not isinstance(part, keras.Model)):
        return model

    def exact(config: Any) -> Any:
        if isinstance(config, dict):
            return {key: "float32" if key == "dtype" else exact(value) for key, value in config.items()}
        return [exact(value) for value in config] if isinstance(config, list | tuple) else config

    def clone(layer: Any) -> Any:
        return type(layer).from_config(exact(layer.get_config()))

    copy = keras.models.clone_model(model, clone_function=clone)
    copy.set_weights([np.asarray(weight, np.float32) for weight in model.get_weights()])
    return copy


def parts(model: keras.Model) -> Iterator[Any]:
    """The model, the models within it, and all their layers."""
    import keras

    yield model
    for layer in model.layers:
        yield from parts(layer) if isinstance(layer, keras.Model) else (layer,)


def _keras(model: keras.Model) -> Run:
    import keras

    def run(inputs: list[np.ndarray]) -> np.ndarray:
        output = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        return np.asarray(keras.ops.convert_to_numpy(output))

    return run
