"""What a model must look like to be a denoiser: an image in, one of the same size out. Nothing here imports Keras."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.errors import UsageError, one_line

if TYPE_CHECKING:
    import keras


def check_form(model: keras.Model) -> None:
    """Refuse what is no denoiser by its inputs and outputs. Raises UsageError."""
    try:
        ends = [list(map(tuple, (x.shape for x in side))) for side in (model.inputs, model.outputs)]
    except (AttributeError, TypeError, ValueError):  # none, of what was never called on an input of Keras
        raise UsageError(
            f"model {model.name!r} is not functional, or not built; expected one with keras.Input"
        ) from None
    inputs, outputs = ends
    image = inputs[0]
    fits = len(image) == 4 and image[-1] is not None and len(inputs) <= 2 and len(outputs) == 1
    if not fits or inputs[1:] not in ([], [(None, 1)]) or len(outputs[0]) != 4 or outputs[0][-1] != image[-1]:
        raise UsageError(
            f"model {model.name!r} has inputs {inputs} and outputs {outputs}; expected an image (n, h, w, C), perhaps "
            "the noise level (n, 1) behind it, and one output, an image like that"
        )


def check_size(model: keras.Model, height: int, width: int, *, mend: str) -> None:
    """Refuse a model that makes no image of the same size of one of ``height`` and ``width``. Raises UsageError."""
    import keras

    shapes = [(1, height, width, model.inputs[0].shape[-1]), *[(1, *x.shape[1:]) for x in model.inputs[1:]]]
    try:
        inputs: list[Any] = [keras.KerasTensor(shape) for shape in shapes]
        found = model.compute_output_spec(inputs if len(inputs) > 1 else inputs[0])
        # Of sides that do not fit, layers that join say nothing before they are called. Elsewhere than with TensorFlow,
        # where each operation is compiled first, that takes seconds.
        if keras.backend.backend() == "tensorflow":
            inputs = [keras.ops.zeros(shape) for shape in shapes]
            found = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    except Exception as error:  # each backend has its own
        raise UsageError(
            f"model {model.name!r} cannot take an image of {height}×{width} ({one_line(error)[:200]}); {mend}"
        ) from error
    expect_same_size(model, (height, width), tuple(found.shape[1:3]))


def expect_same_size(model: keras.Model, size: tuple[int, ...], found: tuple[int, ...]) -> None:
    """Refuse a model that makes ``found`` (height, width) of ``size``, where they differ. Raises UsageError."""
    if found != size:
        raise UsageError(
            f"model {model.name!r} makes {found[0]}×{found[1]} pixels of {size[0]}×{size[1]}; expected as many: "
            "padding='same', or what is lost padded before"
        )


def is_fixed(model: keras.Model) -> bool:
    """Whether a model was built for one size."""
    return any(side is not None for side in model.inputs[0].shape[1:3])
