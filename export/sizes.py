"""``any_size``: a model of somebody's own, made to take images of every size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.architectures.accounting import account
from zoo.architectures.form import check_form, is_fixed
from zoo.errors import UsageError

if TYPE_CHECKING:
    import keras


def any_size(model: keras.Model) -> keras.Model:
    """The model itself if it takes images of every size; else one around it that pads and crops, with its weights.

    A model that was built for one size is built again for all; one that halves images, and so takes even sides only,
    gets its edges mirrored to the next multiple, and what was added is cut off its output.

    Args:
        model: A functional or Sequential model: image (n, h, w, C) [, noise level (n, 1)] → image.

    Raises:
        UsageError: Another kind of model, or a layer that depends on the size, or is not known.
    """
    import keras

    check_form(model)
    from zoo.architectures.layers import CropLike, PadToMultiple

    if is_fixed(model):
        image, *others = model.inputs
        free = keras.Input((None, None, image.shape[-1]), name=image.name)
        same = [keras.Input(other.shape[1:], name=other.name) for other in others]
        try:
            copy = keras.models.clone_model(model, input_tensors=[free, *same] if same else free)
            copy.set_weights(model.get_weights())
        except ValueError as error:
            raise UsageError(
                f"model {model.name!r} cannot be built for another size ({' '.join(str(error).split())}); expected "
                "layers that depend on the channels alone"
            ) from error
        model = copy
    if (multiple := account(model).takes_multiples_of) == 1:
        return model
    # In float32 whatever the precision is: what carries the image itself has more steps than bfloat16.
    exact: dict[str, Any] = {"dtype": "float32"}
    inputs = [
        keras.Input(x.shape[1:], name=name, **exact) for x, name in zip(model.inputs, ("image", "sigma"), strict=False)
    ]
    image, *level = inputs
    padded = PadToMultiple(multiple, name="whole_cells", **exact)(image)
    output = CropLike(name="same_size", **exact)(model([padded, *level] if level else padded), image)
    return keras.Model([image, *level] if level else image, output, name=model.name)


def check_colors(model: keras.Model) -> None:
    """Refuse images that are neither gray nor colour, for formats whose users give pictures. Raises UsageError."""
    check_form(model)
    if (channels := model.inputs[0].shape[-1]) not in (1, 3):
        raise UsageError(f"model {model.name!r} has {channels} channels; expected 1 or 3, or another format: onnx")


def check_any_size(model: keras.Model) -> None:
    """Refuse a model that does not take every size. Raises UsageError."""
    check_form(model)
    multiple = 0 if is_fixed(model) else account(model).takes_multiples_of
    if multiple != 1:
        which = f"multiples of {multiple}" if multiple else "the size that it was built for"
        raise UsageError(f"model {model.name!r} takes sides of {which} only; expected any: use export.any_size(model)")
