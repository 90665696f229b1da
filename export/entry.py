"""``publish``: a trained model as an entry of the zoo, complete and checked, or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from export.card import card, data_line
from export.deliver import NOBODYS, version
from export.onnx_file import write_entry_model
from export.parity import as_float32
from export.sizes import any_size
from zoo import pretrained
from zoo.architectures import OWN, OWN_FILE, build, load_keras, own_model, reason_of
from zoo.architectures.accounting import account
from zoo.atomic import file_beside, folder_beside
from zoo.errors import InputError, UsageError
from zoo.folders import DRAWN
from zoo.noise import Noise, noise_from_name
from zoo.pretrained import ENTRY_FILE, Pretrained, sha256, wrong_in

if TYPE_CHECKING:
    import keras

Storage = Literal["float32", "float16"]
WEIGHTS_FILE, ONNX_FILE, CARD_FILE = "model.weights.h5", "model.onnx", "card.md"
FILES = (WEIGHTS_FILE, ONNX_FILE, OWN_FILE)


def publish(
    model: keras.Model,
    name_or_folder: str | os.PathLike[str],
    *,
    noise: str | Noise,
    architecture: str = OWN,
    config: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
    training_data: Mapping[str, Any] | None = None,
    license: str = "Apache-2.0",
    scores: Sequence[Mapping[str, Any]] | None = None,
    storage: Storage = "float32",
    add: Callable[[Path], None] | None = None,
) -> Pretrained:
    """Write an entry: entry.json, card.md, model.weights.h5 (without the optimizer's state), model.onnx.

    Args:
        model: What was trained.
        name_or_folder: A name, for an entry of the package ``pretrained``; or the path of a folder (a Path, or with a
            separator in it), whose last part is the name. An entry that is there already is replaced.
        noise: What it was trained on, as the zoo names it, or comes nearest to.
        architecture, config: What ``zoo.build`` makes the model from. It is made again from them, and from the weights
            as saved, and must be the model. Without them it is a model of your own: any functional one of layers that
            the zoo knows, image (n, h, w, C) [, noise level (n, 1)] → image (see :func:`export.any_size`). The entry
            then has model.json, too, which lists its layers.
        recipe: How it was trained, by which "command": anything that JSON holds; "docstring" becomes text in the card.
        training_data: See :func:`export.training_data.training_data`.
        license: Of the weights, by its SPDX name.
        scores: Rows as in an entry.json; ``scripts/score_entries.py`` measures them later.
        storage: "float16" rounds the weights to half precision, in which both files then keep them, at half the size;
            whoever runs them computes in float32.
        add: Puts further files, such as pictures, into the folder that it is given, before the entry is in place.

    Returns:
        The entry, as read from its folder.

    Raises:
        UsageError: ``config`` makes another model, or the folder holds something else. ParityError: the ONNX file
            differs from Keras. Nothing is written then, and what was there stays.
    """
    name, folder = _place(name_or_folder)
    noise = noise_from_name(noise).name if isinstance(noise, str) else noise.name
    config, recipe, training_data = config or {}, recipe or {}, training_data or {}
    config = _plain(config, "config")
    if architecture == OWN:
        model = any_size(model)
    with folder_beside(folder, foreign=_foreign) as temporary:
        rebuilt = _rebuild(as_float32(model), architecture, config, temporary, storage)
        data = _plain(training_data, "training_data")
        facts = _onnx_facts(name, noise, license, data, sha256(temporary / WEIGHTS_FILE))
        write_entry_model(rebuilt, temporary / ONNX_FILE, facts, storage)
        accounting = account(rebuilt)
        entry = Pretrained(
            name=name,
            architecture=architecture,
            config=config,
            channels=rebuilt.inputs[0].shape[-1],
            noise=noise,
            takes_sigma=len(rebuilt.inputs) > 1,
            multiple_of=accounting.multiple_of,
            halo=accounting.halo,
            num_params=accounting.num_params,
            macs_per_pixel=accounting.macs_per_pixel,
            layers=accounting.rows_json(),
            files={file: sha256(temporary / file) for file in FILES if (temporary / file).is_file()},
            scores=[_plain(row, "scores") for row in scores or ()],
            recipe=_plain(recipe, "recipe"),
            training_data=data,
            license=license,
            folder=temporary,
        )
        _write(entry)
        if add is not None:
            add(temporary)
    return Pretrained.from_folder(folder)


def _foreign(folder: Path) -> list[str]:
    """What is in a folder that is no entry's, nor put there by systems by themselves."""
    entry = (folder / ENTRY_FILE).is_file()
    ours = {ENTRY_FILE, CARD_FILE, *FILES, *DRAWN}
    return [p.name for p in folder.iterdir() if not entry or p.name not in ours | NOBODYS]


def measured(entry: Pretrained, **figures: Any) -> Pretrained:
    """Put measured figures (``scores``, ``int8``) into an entry's entry.json and card.md; nothing else changes.

    Raises:
        UsageError: The entry was published anew since it was read; the figures are not those of its files.
    """
    known, entry = entry, Pretrained.from_folder(entry.folder)  # with what others have measured meanwhile
    if entry.files != known.files:
        raise UsageError(f"entry {entry.name!r} was published anew while it was measured; measure it again")
    plain = {name: _plain({name: value}, name)[name] for name, value in figures.items()}
    entry = dataclasses.replace(entry, **plain)
    _write(entry)
    return entry


def exported_again(entry: Pretrained) -> Pretrained:
    """Write an entry's ONNX file anew from its weights, after a change of a layer or of the export; the rest stays.

    Raises:
        ParityError: The file would differ from Keras. Nothing is written then.
    """
    weights, model = entry.file(WEIGHTS_FILE), load_keras(entry.folder)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / ONNX_FILE
        write_entry_model(model, written, onnx_facts(entry), "float16" if _is_halved(weights) else "float32")
        with file_beside(entry.folder / ONNX_FILE) as temporary:
            shutil.copyfile(written, temporary)
    files = {**entry.files, ONNX_FILE: sha256(entry.folder / ONNX_FILE)}
    entry = dataclasses.replace(entry, files=files)
    _write(entry)
    return entry


def onnx_facts(entry: Pretrained) -> dict[str, str]:
    """What an exported file says of the entry that it was made from."""
    return _onnx_facts(entry.name, entry.noise, entry.license, entry.training_data, entry.files[WEIGHTS_FILE])


def _onnx_facts(name: str, noise: str, license: str, data: Mapping[str, Any], weights: str) -> dict[str, str]:
    return {
        "name": name,
        "version": version("denoise-zoo"),
        "license": license,
        "training_data": data_line(data),
        "noise": noise,
        "weights_sha256": weights,
    }


def _write(entry: Pretrained) -> None:
    if wrong := wrong_in(json.loads(entry.to_json())):
        raise UsageError(f"entry {entry.name!r} cannot be written: {wrong}")
    for file, text in ((ENTRY_FILE, entry.to_json()), (CARD_FILE, card(entry))):
        with file_beside(entry.folder / file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")


def _place(name_or_folder: str | os.PathLike[str]) -> tuple[str, Path]:
    """Name and folder of an entry."""
    if isinstance(name_or_folder, str) and not re.search(r"[/\\]", name_or_folder):
        name, folder = name_or_folder, pretrained.SHELF / name_or_folder
    else:
        folder = Path(name_or_folder).resolve()
        name = folder.name
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(f"entry name {name!r}; expected small letters and numbers joined by -, such as my-denoiser")
    return name, folder


def _plain(facts: Mapping[str, Any], what: str) -> dict[str, Any]:
    """As it comes back from JSON: tuples as lists."""
    try:
        return json.loads(json.dumps(dict(facts), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} does not fit into JSON ({error}); expected numbers, text, lists, dicts") from error


def _rebuild(
    model: keras.Model, architecture: str, config: dict[str, Any], folder: Path, storage: Storage
) -> keras.Model:
    """The model as others are going to build it: by its config, with its weights as saved to ``folder``."""
    import keras

    weights = folder / WEIGHTS_FILE
    if architecture == OWN:
        (folder / OWN_FILE).write_text(json.dumps(json.loads(model.to_json()), indent=1) + "\n", encoding="utf-8")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        # Saved from a model that was never compiled: a compiled one would save its optimizer too.
        carrier, rebuilt = (
            own_model(folder / OWN_FILE) if architecture == OWN else build(architecture, **config) for _ in range(2)
        )
    except InputError as error:  # of a file that nobody has seen
        told = reason_of(error.__cause__ or error)
        raise UsageError(
            f"model {model.name!r} cannot be built again from what Keras writes of it: {told}; expected layers of "
            "Keras, or classes with @keras.saving.register_keras_serializable() and a get_config"
        ) from error
    finally:
        keras.config.set_dtype_policy(policy)
    found, wanted = carrier.get_config()["layers"], model.get_config()["layers"]
    if architecture != OWN and found != wanted:
        different = [layer["name"] for layer, other in zip_longest(wanted, found) if layer and layer != other]
        raise UsageError(
            f"zoo.build({architecture!r}, **{config!r}) makes another model than the one that was trained (layer "
            f"{(different or ['the last'])[0]!r} differs); expected the config of its training"
        )
    with np.errstate(over="ignore"):  # infinity does not equal what it was
        rounded = [values.astype(storage).astype(np.float32) for values in model.get_weights()]
    carrier.set_weights(rounded)
    carrier.save_weights(weights)
    if storage == "float16":
        _halve(weights)
    rebuilt.load_weights(weights)
    close = all(np.allclose(a, b, rtol=1e-3, atol=1e-7) for a, b in zip(rounded, model.get_weights(), strict=True))
    if not close or not all(np.array_equal(a, b) for a, b in zip(rebuilt.get_weights(), rounded, strict=True)):
        raise UsageError(f"the weights of {model.name!r} came back changed; expected finite {storage} weights")
    return rebuilt


def _is_halved(weights: Path) -> bool:
    """Whether a file of Keras weights keeps them in half precision."""
    import h5py

    kinds = set()
    with h5py.File(weights) as file:
        file.visititems(lambda _, item: kinds.add(item.dtype.type) if isinstance(item, h5py.Dataset) else None)
    return np.float16 in kinds


def _halve(weights: Path) -> None:
    """Rewrite a file of Keras weights, all of them half-precision numbers already, as such."""
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / weights.name
        shutil.move(weights, whole)
        with h5py.File(whole) as old, h5py.File(weights, "w", libver="latest") as new:

            def copy(name: str, item: Any) -> None:
                if isinstance(item, h5py.Dataset):
                    copied: Any = new.create_dataset(name, data=item[()].astype(np.float16))
                else:
                    copied = new.require_group(name)
                copied.attrs.update(item.attrs)

            old.visititems(copy)
            new.attrs.update(old.attrs)
