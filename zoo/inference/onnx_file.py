"""A denoiser in an ONNX file of whatever make, told by the form of its inputs; for measuring, beside ``Denoiser``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from zoo.errors import InputError, UsageError, ZooError, one_line
from zoo.inference.onnx_runtime import REFUSED, onnxruntime, session_options

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


class OnnxFile:
    """A model that takes images, channels last or first, and perhaps the noise level: as a number, or as a map.

    One that takes bytes gets the image rounded to them, and cut at black and white, and the level on their scale.

    Args:
        path: The file.
        threads: Processor threads per call; None leaves it to ONNX Runtime (one per core).

    Raises:
        InputError: No such file, or not a model of this form.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"no such file: {str(path)!r}; expected an .onnx file")
        options = session_options(threads)
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except REFUSED as error:
            raise InputError(f"{str(path)!r} cannot be run ({one_line(error)}); expected an ONNX model") from error
        self._image, *others = self.session.get_inputs()
        shape = self._image.shape
        axis = next((a for a in (3, 1) if len(shape) == 4 and shape[a] in (1, 3)), None)
        if axis is None or len(others) > 1 or any(len(other.shape) not in (2, 4) for other in others):
            found = ", ".join(f"{node.name} {node.shape}" for node in self.session.get_inputs())
            raise InputError(f"{str(path)!r} takes {found}; expected a batch of images, and perhaps the noise level")
        if unknown := [f"{node.name} as {node.type}" for node in (self._image, *others) if node.type not in TYPES]:
            raise InputError(f"{str(path)!r} takes {unknown[0]}; expected float, float16 or uint8")
        self._last, self.channels = axis == 3, int(shape[axis])
        self._level = others[0] if others else None
        # FFDNet looks at the picture in blocks of 2×2 pixels, and so has its map of levels at half the size.
        self._half = self._level is not None and len(self._level.shape) == 4 and self._level.shape[2:] != shape[2:]

    @property
    def takes_sigma(self) -> bool:
        return self._level is not None

    def feeds(self, image: np.ndarray, sigma: float | None = None) -> dict[str, np.ndarray]:
        """The inputs for an image, float32 (h, w, channels), and a noise level on the 0–255 scale."""
        if self._half:
            image = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), "edge")
        kind = TYPES[self._image.type]
        if kind == np.uint8:
            image = np.round(255 * np.clip(image, 0, 1))
        batch = (image if self._last else image.transpose(2, 0, 1))[None]
        feeds = {self._image.name: np.ascontiguousarray(batch, dtype=kind)}
        if self._level is not None:
            if sigma is None:
                raise UsageError(f"{str(self.path)!r} takes the noise level; expected a number, such as 25")
            step = 2 if self._half else 1
            whole = (1, 1, image.shape[0] // step, image.shape[1] // step)
            level = sigma if kind == np.uint8 else sigma / 255
            feeds[self._level.name] = np.full(whole[: len(self._level.shape)], level, TYPES[self._level.type])
        return feeds

    def __call__(self, image: np.ndarray, sigma: float | None = None) -> np.ndarray:
        """Denoise a float32 image (h, w, channels): the same form, not clipped."""
        height, width = image.shape[:2]
        try:
            output = np.asarray(self.session.run(None, self.feeds(image, sigma))[0])[0]
        except REFUSED as error:
            raise ZooError(f"{str(self.path)!r} failed at {height}×{width} pixels ({one_line(error)})") from error
        white = np.float32(255 if output.dtype == np.uint8 else 1)
        return (output if self._last else output.transpose(1, 2, 0))[:height, :width].astype(np.float32) / white
