"""``finetune``: an entry of the zoo made better at somebody's own images, judged on some that it never saw."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

import keras
import numpy as np

from zoo.architectures import load_keras
from zoo.atomic import sweep
from zoo.beside import expect_export
from zoo.errors import MissingExtraError, UsageError, ZooWarning
from zoo.evaluation import WINDOW
from zoo.finetuning.plan import kept_plan, place, refuse_another, remember, run_folder
from zoo.finetuning.range_test import range_test
from zoo.finetuning.survey import Item, Kind, Survey, split, survey
from zoo.finetuning.verdict import Verdict, before_after, case, judge
from zoo.noise import Noise
from zoo.pretrained import Pretrained, describe
from zoo.scale import check_white
from zoo.training.augment import Augment
from zoo.training.corrupt import LayerNoise, as_noise
from zoo.training.curves import read_csv, write_png
from zoo.training.devices import Devices, all_devices, several_workers
from zoo.training.fit import fit
from zoo.training.optimizers import Schedule
from zoo.training.run import History, bare

Freeze = Literal["none", "encoder", "all-but-head"]
# What is trained: layers whose names begin so are not.
FROZEN: dict[str, tuple[str, ...]] = {
    "none": (),
    "encoder": ("encoder_", "code"),
    "all-but-head": ("encoder_", "code", "decoder_"),
}


def finetune(
    parent: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    clean: str | os.PathLike[str] | None = None,
    pairs: tuple[str | os.PathLike[str], str | os.PathLike[str]] | None = None,
    noisy: str | os.PathLike[str] | None = None,
    noise: str | Noise | keras.layers.Layer | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    resume: bool = False,
    freeze: Freeze = "none",
    learning_rate: float | None = None,
    batch: int = 8,
    patch: int = 64,
    seed: int = 0,
    white: float | None = None,
    command: str = "",
    say: Callable[[str], None] | None = None,
    progress: bool = True,
) -> Verdict:
    """Train an entry further on one's own images, and write the result as an entry.

    Of the images, some are held out by file before anything else: the verdict is measured on them. Of the others, some
    choose the weights while the rest is learned from. The run's state is kept in ``OUT.training`` until the result is
    written. Interrupted (Ctrl-C) while it learns, it ends with the best weights so far. It uses all GPUs, or all
    workers that TF_CONFIG names (:func:`zoo.all_devices`), which must see the same files; the first of them writes.

    Args:
        parent: Name or folder of an entry.
        out: Folder of the result; its last part is the entry's name.
        clean: A folder of clean images, on which ``noise`` is drawn.
        pairs: Folders of noisy and clean images of equal names. Repeated shots of one scene, all noisy, do as well
            (Lehtinen et al. 2018, "Noise2Noise").
        noisy: A folder of noisy images, nothing else (:mod:`zoo.training.neighbors`). The noise must be independent
            from pixel to pixel. Exactly one of the three is expected.
        noise: For ``clean``, such as "gaussian:5-30", or a Keras layer that adds one of your own (see
            :class:`zoo.training.corrupt.LayerNoise`); by default what the parent was trained on.
        minutes, steps: The budget of the training itself: exactly one of the two, or none when resumed.
        resume: Continue the run in OUT.training, with its own budget or the one that is given.
        freeze: "encoder" trains decoder and head, "all-but-head" the head alone.
        learning_rate: The peak of the steplength; by default a short range test finds it. A run that is resumed keeps
            its own.
        batch, patch, seed: As for :func:`zoo.fit`.
        white: The number that is white in the images, as for a call of a Denoiser; the result wants it again there.
        command: What the user typed, for the entry's card.
        say: Told what was found in the images, what of them was left out, and what is being done; by default, it stands
            on standard error where ``progress`` is shown.
        progress: Show bars on standard error.

    Returns:
        What it did. Without gain, the result has the parent's weights, and says so.

    Raises:
        UsageError: Arguments that do not fit. InputError: Images that cannot be used. EntryError: A damaged parent.
    """
    if find_spec("onnx") is None:  # before time is spent
        raise MissingExtraError("an entry's ONNX file", "export")
    expect_export()
    from export.entry import publish  # whatever fails here, fails before time is spent

    # JSON knows no numbers of numpy's.
    given = (steps, minutes, learning_rate, batch, patch, seed, white)
    plain: list[Any] = [value.item() if isinstance(value, np.generic) else value for value in given]
    steps, minutes, learning_rate, batch, patch, seed, white = plain
    say = say or (_tell if progress else lambda _: None)
    entry, folder = describe(parent), place(out, resume)
    training = run_folder(folder)
    kept = kept_plan(training) if resume else {}
    if resume and steps is None and minutes is None:
        steps, minutes = (kept.get("budget", {}).get(name) for name in ("steps", "minutes"))
    if (steps is None) == (minutes is None) or (steps or minutes or 0) <= 0:
        raise UsageError(f"steps={steps!r}, minutes={minutes!r}; expected exactly one budget, above 0")
    if steps is None and several_workers():
        raise UsageError("minutes with several workers, each of which has its own clock; expected steps")
    if learning_rate is not None and not (isinstance(learning_rate, float | int) and 0 < learning_rate < math.inf):
        raise UsageError(f"learning_rate={learning_rate!r}; expected a number above 0, or None for one that is found")
    if freeze not in FROZEN:
        raise UsageError(f"freeze={freeze!r}; expected one of {', '.join(FROZEN)}")
    check_white(white)
    kind, folders = source(clean, pairs, noisy)
    drawn = noise_on(kind, noise, entry)
    sweep(folder.parent)
    found = look(entry, kind, folders, patch=patch, white=white, progress=progress)
    say(str(found))
    judged, checks, learned = split(found.items, seed)
    say(f"{len(learned)} to learn from, {len(checks)} to choose the weights by, {len(judged)} to judge them")

    options: dict[str, Any] = {
        "noise": drawn,
        "self_supervised": kind == "noisy",
        "batch": batch,
        "patch": patch,
        # Inside an image the least squared error is the mean's, which noise of mean zero in the target does not move.
        "loss": "rmse",
        "clip_norm": 0.1,
        "augment": Augment(rescale=1, brightness=0),
        "seed": seed,
        "progress": progress,
    }
    data, budget = (_arrays(learned), _arrays(checks)), {"steps": steps, "minutes": minutes}
    plan = {"parent": entry.files["model.weights.h5"], "data": found.digest, "freeze": freeze, "seed": seed}
    plan |= {"noise": drawn.name if drawn else kind, "batch": batch, "patch": patch, "white": white}
    if learning_rate is not None:
        plan["learning_rate"] = learning_rate
    if resume:
        refuse_another(training, plan, kept)
    rate = kept["learning_rate"] if resume else learning_rate
    with all_devices(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ZooWarning)  # of the images' scale, which was told
        model = load_keras(entry.folder)
        _freeze(model, freeze)
        devices = Devices(model)
        writes = devices.is_chief
        if uneven := -batch % devices.replicas:
            options["batch"] += uneven
            say(f"batches of {options['batch']}, for {devices.replicas} devices")
        if rate is None:
            rate = range_test(model, data, options, budget, say)
        if writes:
            remember(training, plan | {"learning_rate": rate, "budget": budget})
        say(f"steplength {rate:g}")
        try:
            history = _train(model, data, options | budget | {"learning_rate": rate}, training / "run", resume, say)
        except UsageError:
            if writes and not resume and not (training / "run").exists():  # refused before anything was done
                shutil.rmtree(training)
            raise
    # As everybody is going to have it: all of it trainable, and on one device.
    result = load_keras(entry.folder)
    result.set_weights(model.get_weights())
    cases = [case(item, drawn, seed, i) for i, item in enumerate(judged)]
    facts = {"parent_sha256": plan["parent"], "data_sha256": found.digest, "freeze": freeze, "seed": seed}
    facts |= {"steplength": rate, "steps": history.steps, "minutes": round(history.minutes, 2)}
    facts |= {"noise": plan["noise"]} | ({"white": white} if white else {}) | ({"command": command} if command else {})
    original = load_keras(entry.folder)
    say(f"judging the result on {len(cases)} images")
    verdict = judge(original, result, cases, entry, progress=progress)
    if writes:

        def add_pictures(place: Path) -> None:
            before_after(original, result, cases[0]).save(place / "before-after.png")
            if history.rows:
                write_png(place / "curve.png", history.rows, history.noisy_psnr)

        about = _about(entry, found, drawn, facts, verdict)
        publish(result if verdict.improved else original, folder, **about, add=add_pictures)
        shutil.rmtree(training)
    return verdict


def look(
    entry: Pretrained,
    kind: Kind,
    folders: tuple[str | os.PathLike[str], ...],
    *,
    patch: int = 64,
    white: float | None = None,
    progress: bool = False,
) -> Survey:
    """Look at somebody's images: see :func:`zoo.finetuning.survey.survey`."""
    smallest = max(2 * patch if kind == "noisy" else patch, WINDOW)
    return survey(kind, folders, channels=entry.channels, smallest=smallest, white=white, progress=progress)


# ---- the images ------------------------------------------------------------------------------------------------------


def source(clean: Any, pairs: Any, noisy: Any) -> tuple[Kind, tuple[Any, ...]]:
    """What kind of images was given, and their folders. Raises UsageError: not exactly one kind."""
    sources: dict[Kind, Any] = {"clean": clean, "pairs": pairs, "noisy": noisy}
    given: list[Kind] = [kind for kind, source in sources.items() if source is not None]
    if len(given) != 1:
        raise UsageError(f"{', '.join(given) or 'no images'} given; expected exactly one of clean, pairs, noisy")
    (kind,) = given
    if kind == "pairs" and (not isinstance(pairs, Sequence) or isinstance(pairs, str) or len(pairs) != 2):
        raise UsageError(f"pairs={pairs!r}; expected two folders, (noisy, clean)")
    folders = tuple(pairs) if kind == "pairs" else (sources[kind],)
    for folder in folders:
        if not isinstance(folder, str | os.PathLike):
            raise UsageError(f"{kind} of a {type(folder).__name__}; expected the path of a folder")
    return kind, folders


def noise_on(kind: Kind, noise: str | Noise | keras.layers.Layer | None, entry: Pretrained) -> Noise | None:
    """What is drawn on the images: nothing but on clean ones. Raises UsageError: noise, or an entry, that cannot be."""
    if kind != "clean":
        if noise is not None:
            raise UsageError(f"noise={noise!r} with {kind} images, which bring their own; leave it out")
        if entry.takes_sigma:
            raise UsageError(f"{entry.name!r} takes the noise level, which nobody knows of {kind} images; take another")
        return None
    return as_noise(entry.noise if noise is None else noise)


def _arrays(items: Sequence[Item]) -> Any:
    """As ``fit`` takes them."""
    images = [item.image for item in items]
    if items[0].clean is None:
        return images
    return images, [cast(np.ndarray, item.clean) for item in items]


def _tell(message: str) -> None:
    print(message, file=sys.stderr)


# ---- the run ---------------------------------------------------------------------------------------------------------


def _train(
    model: keras.Model,
    data: tuple[Any, Any],
    options: dict[str, Any],
    folder: Path,
    resume: bool,
    say: Callable[[str], None],
) -> History:
    """The run itself; interrupted by the user, it ends with the best weights so far."""
    state, best = folder / "run.json", folder / "best.weights.h5"
    try:
        return fit(
            model,
            *data,
            out=folder,
            resume=resume and state.is_file(),
            schedule=Schedule("cosine", warmup=50),
            patience=20,
            validate_every=100,
            **options,
        )
    except KeyboardInterrupt:
        if not (best.is_file() and state.is_file()):
            raise
        say("interrupted: going on with the best weights so far")
        bare(model).load_weights(best)
        spent = json.loads(state.read_text(encoding="utf-8"))
        measured = {"steps": spent["step"], "minutes": spent["minutes"], "noisy_psnr": spent.get("noisy_psnr")}
        return History(rows=read_csv(folder / "curve.csv"), **measured)


def _freeze(model: keras.Model, freeze: Freeze) -> None:
    for layer in model.layers:
        layer.trainable = layer.trainable and not layer.name.startswith(FROZEN[freeze])
    frozen = any(layer.weights and not layer.trainable for layer in model.layers)
    if not model.trainable_variables or (freeze != "none" and not frozen):
        what = "nothing untrained" if model.trainable_variables else "nothing to train"
        names = ", ".join(FROZEN["all-but-head"])
        raise UsageError(f"freeze={freeze!r} leaves {what} of {model.name!r}; expected layers named {names}..., head")


# ---- the result ------------------------------------------------------------------------------------------------------


def _about(
    entry: Pretrained, found: Survey, noise: Noise | None, facts: dict[str, Any], verdict: Verdict
) -> dict[str, Any]:
    """What the entry says of the result: without gain, that it is its parent."""
    kind = {"clean": "clean images", "pairs": "pairs of images", "noisy": "noisy images"}[found.kind]
    about: dict[str, Any] = {"noise": entry.noise, "training_data": entry.training_data}
    if verdict.improved:
        if noise is not None and LayerNoise.kind not in noise.kinds:
            about["noise"] = noise
        about["training_data"] = {
            "name": f"{kind} of the user, and what the parent was trained on ({entry.training_data.get('name', '?')})",
            "images": len(found.items),
            "megapixels": round(found.megapixels, 2),
        }
    return about | {
        "architecture": entry.architecture,
        "config": entry.config,
        "license": entry.license,
        "recipe": {
            "docstring": f"`{entry.name}`, fine-tuned on {kind} of its user.\n\n{verdict}",
            "parent": entry.name,
            **facts,
            "verdict": asdict(verdict),
        },
    }
