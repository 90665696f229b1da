"""What the recipes share: train an entry by its constants, and publish it.

    python scripts/recipes/NAME.py --data DATA [--run FOLDER] [--last] [--resume] [--publish-only]

DATA holds ``train/`` and ``val/`` (default: $DENOISE_ZOO_DATA). A recipe grows by its end: add a stage to ``finish``
and train it from the shipped weights with --last, on any machine, without the runs of the stages before.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.cli.options import add_data


@dataclass(frozen=True)
class Recipe:
    """The constants of one shipped entry."""

    name: str
    architecture: str
    config: dict[str, Any]
    noise: str
    fit: dict[str, Any]
    # What each further stage, from the weights before it, does otherwise. Its "share" (of 1) is what its best weights
    # count for in the mean with those, which is published (Wortsman et al. 2022, "Robust fine-tuning"); with "stages",
    # in the mean with those before so many stages, itself among them.
    finish: tuple[dict[str, Any], ...] = ()
    augment: dict[str, Any] = field(default_factory=dict)
    mixed_precision: str | None = None
    start: str | None = None  # an entry of the same architecture, as large or smaller, whose weights are the start
    notes: str = ""


# The course's comparison is one of architectures: everything else is equal, to the step.
COMPARISON: dict[str, Any] = {
    "noise": "gaussian:0-55",
    "fit": {
        "steps": 16_000,
        "batch": 4,
        "patch": 64,
        "loss": "l1",
        "learning_rate": 1e-3,
        "ema": 0.999,
        "validate_every": 2000,
    },
    "mixed_precision": "mixed_bfloat16",
}

# What serves the everyday resnet: chosen by the trials of scripts/trials.md.
EVERYDAY: dict[str, Any] = {
    "minutes": 85,
    "batch": 4,
    "patch": 64,
    "loss": "l1",
    "optimizer": "muon",
    "learning_rate": 1.5e-3,
    "schedule": {"kind": "cosine", "warmup": 300},
    "clip_norm": 0.1,
    "ema": 0.999,
    "validate_every": 4000,
}
# By Adam all three were 0.6 to 1.6 dB worse on CBSD68 (sigma 25); ``deep`` has no green by either.
COMPARISON_COLOR: dict[str, Any] = {
    **COMPARISON,
    "fit": {**{name: value for name, value in EVERYDAY.items() if name != "minutes"}, "steps": 16_000, "revive": True},
}
BEST, RUN = "best.weights.h5", "run.json"  # of a run
BEFORE = "before"  # what --last starts from, as if a stage had left it there
COLORS = {1: "gray", 3: "color"}
PATCHES = {"rescale": 1, "brightness": 0}  # of the everyday resnet and all that start from it
# Half of the patches shrunk, to down to half their size: the photographs are large, and many patches of 64 pixels show
# little. Five minutes from the everyday gray entry's weights: 0.01 to 0.02 dB on val/ ahead of five minutes of PATCHES.
SHRUNK = {"rescale": 2, "brightness": 0}
# To down to a quarter. Six minutes of TEXTURE (5e-4) from the everyday gray entry's newest weights are too few to gain:
# with this (7,000 steps) val/ as it is, shrunk to half and to a third lost 0.03, 0.02 and 0.01 dB (sigma 25), with
# SHRUNK (4,000 steps, the core was shared) 0.05, 0.06 and 0.04; with SHRUNK and squared errors over the noise's level
# in place of rmse (7,000 steps) 0.05, 0.04 and 0.03; with SHRUNK and patches tiled from a few pixels, as fabric is, for
# a tenth of the patches (7,000 steps) 0.04 everywhere. Fabric of that kind, which is taken for noise, no one mended.
SHRUNK_MORE = {"rescale": 4, "brightness": 0}
# A last stage for faint texture, where the mean is better than the median that L1 aims at. Ten minutes from the fifth
# stage of the everyday gray entry, sigma 25, val/ as it is and shrunk to half, against ten minutes of L1: L2 +0.01 and
# +0.06 dB, but 4 dB lost on clean pictures; mean log squared error 0.00 and +0.015.
TEXTURE: dict[str, Any] = {"loss": "rmse", "patch": 128, "batch": 2, "revive": True, "augment": SHRUNK}
FINE_TEXTURE: dict[str, Any] = {**TEXTURE, "augment": SHRUNK_MORE}
# Nor does the network's own self-ensemble (zoo/inference/ensemble.py) as a teacher help: 20 minutes (2,774 steps of
# batches of 4 at 5e-4) toward its answers to 2,400 noisy patches, which are 0.2 dB better than its own, brought the
# everyday gray entry a fifth nearer to them (from 0.0044 to 0.0036, on patches it had not seen), but no nearer to the
# clean pictures: val/ as before at sigma 15, 25 and 50, clean pictures 1.0 dB less.
# Every second patch as pictures come: in 8 bits, where black and white cut the noise.
AS_PICTURES: dict[str, Any] = {**FINE_TEXTURE, "noise": "gaussian:0-55+bits:8?"}
# For salt and pepper or blocks on what may be drawn or written, black on white: by photographs alone a network learns
# that what is black (or white, of salt) is lost, and blurs print.
WITH_DRAWINGS: dict[str, Any] = {**FINE_TEXTURE, "augment": {**SHRUNK_MORE, "contrast": 30}}
# Sides that are no multiple of the network's: it pads such pictures, and learns what mirrored ends look like. But it
# forgets ends that are none: of patches of 125 pixels the last rows that it sees are always mirrored ones, and never
# count. After 2,000 steps of these a network for salt and pepper (gray, impulses) was 0.4 to 0.7 dB behind one of 500
# steps of 128 pixels on pictures of val/ of 512, and 0.1 to 0.2 on cuts of 321×481.
ODD_SIDES: dict[str, Any] = {"patch": 125}
# Nor do mirrored rows all around help, in place of the convolutions' zeros: four to twelve of them cost the everyday
# entries, as they are, 0.00 to 0.05 dB on val/ (sigma 25), though corners of flat pictures then differ by 1 of 255 at
# most, where they do by 2 to 6.
# Hence sides of all kinds. In batches of 8, of which machines whose cores multiply matrices of bfloat16 (AMX) do 1.5
# times the pixels per second of batches of 2.
ALL_SIDES: dict[str, Any] = {**FINE_TEXTURE, "batch": 8, "validate_every": 2000, "augment": {**SHRUNK_MORE, "trim": 3}}
DRAWINGS_ALL_SIDES: dict[str, Any] = {**ALL_SIDES, "augment": {**SHRUNK_MORE, "contrast": 30, "trim": 3}}
# And with black or white frames, which networks that have seen none take for lost pixels and fill in: of a black row
# and column at the end of a clean picture, salt and pepper's left 35 dB, and blocks' 7.
FRAMED: dict[str, Any] = {**ALL_SIDES, "augment": {**DRAWINGS_ALL_SIDES["augment"], "frame": 12}}


def other_noise(
    channels: int,
    noise: str,
    /,
    finish: tuple[dict[str, Any], ...] = (),
    config: dict[str, Any] | None = None,
    **changes: Any,
) -> Recipe:
    """The everyday resnet for another noise, from the Gaussian one's weights; ``config`` is what it has besides."""
    kind = "photo" if "+" in noise else noise.partition(":")[0]
    stage = from_gaussian(channels, **changes)
    stage["config"] = {**stage["config"], **(config or {})}
    return Recipe(name=f"resnet-{kind}-{COLORS[channels]}", noise=noise, finish=finish, **stage)


def from_gaussian(channels: int, *, augment: dict[str, Any] = PATCHES, **changes: Any) -> dict[str, Any]:
    """A stage of training that starts from the everyday Gaussian entry."""
    return {
        "architecture": "resnet",
        "config": {"channels": channels},
        "fit": {**EVERYDAY, "minutes": 18, "learning_rate": 1e-3, "seed": 4, "revive": True, **changes},
        "augment": augment,
        "mixed_precision": "mixed_bfloat16",
        "start": f"resnet-gaussian-{COLORS[channels]}",
    }


def large(channels: int, *, minutes: float, seed: int, notes: str, **changes: Any) -> Recipe:
    """Best quality: told the level, twice the features at half size and a block more on either side of the bottom."""
    stage = from_gaussian(channels, minutes=minutes, seed=seed, **FINE_TEXTURE)
    sizes = {"widths": [64, 64], "encoder_depths": [3, 4], "decoder_depths": [5], "takes_sigma": True}
    start = f"resnet-gaussian-{COLORS[channels]}-aware"
    return Recipe(
        name=f"resnet-gaussian-{COLORS[channels]}-large",
        noise="gaussian:0-55",
        notes=notes,
        **{**stage, "config": {**stage["config"], **sizes}, "start": start},
        **changes,
    )


def train_entry(recipe: Recipe) -> None:
    """Train by ``recipe`` and the command line's paths, then publish to pretrained/NAME."""
    args = parse(recipe)
    import export
    import zoo
    from export.training_data import training_data

    try:
        data = training_data(args.data / "SOURCES.csv", name="openly licensed photographs")  # before hours are spent
        model = zoo.build(recipe.architecture, **recipe.config)
        stages = {args.run: recipe.fit}
        for i, changes in enumerate(recipe.finish, start=1):
            stages[args.run / f"finish-{i}"] = {**recipe.fit, **changes}
        if args.last:
            stages = dict([stages.popitem()])
            if (back := recipe.finish[-1].get("stages", 1)) > 1:
                raise zoo.ZooError(
                    f"--last of a mean over the last {back} stages; expected all of them, without --last"
                )
        if not args.publish_only:
            train(recipe, stages, args)
        facts = published(model, recipe, stages, args)
        export.publish(
            model,
            recipe.name,
            architecture=recipe.architecture,
            config=recipe.config,
            noise=recipe.noise,
            recipe=facts,
            storage="float16",
            training_data=data,
        )
    except zoo.ZooError as error:
        raise SystemExit(f"{recipe.name}: error: {error}") from error


def train(recipe: Recipe, stages: dict[Path, dict[str, Any]], args: argparse.Namespace) -> None:
    """Go through the stages, each from what would be published after those before."""
    import keras

    import zoo

    keras.utils.set_random_seed(0)
    if recipe.mixed_precision and not args.float32:
        keras.config.set_dtype_policy(recipe.mixed_precision)
    model = zoo.build(recipe.architecture, **recipe.config)
    start(model, recipe, args)
    known = []
    for folder, options in stages.items():
        known.append(model.get_weights())
        fit = {"noise": recipe.noise, **options}
        share, back = fit.pop("share", 1), fit.pop("stages", 1)
        zoo.fit(
            model,
            str(args.data / "train"),
            str(args.data / "val"),
            out=folder,
            resume=args.resume and (folder / RUN).exists(),
            **{
                **fit,
                "augment": zoo.Augment(**options.get("augment", recipe.augment)),
                "schedule": zoo.Schedule(**options.get("schedule", {})),
            },
        )
        model.set_weights(mean(known[-back], model.get_weights(), share))
    keras.config.set_dtype_policy("float32")


def published(
    model: Any, recipe: Recipe, stages: dict[Path, dict[str, Any]], args: argparse.Namespace
) -> dict[str, Any]:
    """Give ``model`` the weights that the runs have come to so far; how they were trained, for the entry."""
    first, before = next(iter(stages)), args.run / BEFORE
    done = {folder: options for folder, options in stages.items() if (folder / BEST).is_file()}
    if first not in done:
        mend = "publish what --last has trained with --last" if done else "train first, up to a validation"
        raise SystemExit(f"{first} has no weights yet; {mend}")
    spent = [json.loads((folder / RUN).read_text(encoding="utf-8")) for folder in done]
    if args.last:
        model.load_weights(before / BEST)
        spent.insert(0, json.loads((before / RUN).read_text(encoding="utf-8")))
    share, known = 1, []
    for folder, options in done.items():
        known.append(model.get_weights())
        share = options.get("share", 1)
        model.load_weights(folder / BEST)
        model.set_weights(mean(known[-options.get("stages", 1)], model.get_weights(), share))
    finish = recipe.finish if args.last else recipe.finish[: len(done) - 1]
    return {
        "command": f"python scripts/recipes/{recipe.name.replace('-', '_')}.py --data DATA",
        "fit": recipe.fit,
        **({"finish": list(finish)} if finish else {}),
        "augment": recipe.augment,
        "mixed_precision": recipe.mixed_precision,
        "start": recipe.start,
        "steps": sum(run["step"] for run in spent),
        "minutes": round(sum(run["minutes"] for run in spent), 1),
        **({"validation_psnr": spent[-1]["best_psnr"]} if share == 1 else {}),  # nobody validated a mean
        "docstring": recipe.notes,
    }


def mean(before: list[np.ndarray], after: list[np.ndarray], share: float) -> list[np.ndarray]:
    """Of two sets of weights, of which the second counts for ``share``."""
    return [(1 - share) * a + share * b for a, b in zip(before, after, strict=True)]


def parse(recipe: Recipe) -> argparse.Namespace:
    """The command line of a recipe."""
    parser = argparse.ArgumentParser(description=f"Train and publish {recipe.name}.")
    add_data(parser, "train", "val")
    parser.add_argument("--run", type=Path, default=Path("runs") / recipe.name, help="folder of the run")
    parser.add_argument("--last", action="store_true", help="the last stage alone, from the shipped weights")
    parser.add_argument(
        "--float32", action="store_true", help="for processors that have no products of bfloat16, where it is slower"
    )
    parser.add_argument("--resume", action="store_true", help="continue the run")
    parser.add_argument("--publish-only", action="store_true", help="publish the best weights that the run has so far")
    args = parser.parse_args()
    if args.last and not recipe.finish:
        parser.error(f"--last, but {recipe.name} has a single stage; add one to its recipe's finish")
    return args


def start(model: Any, recipe: Recipe, args: argparse.Namespace) -> None:
    """Give ``model`` the weights that the run starts from, if any. Those that ship, of --last, are kept beside."""
    import zoo
    from zoo.training.inherit import inherit

    before = args.run / BEFORE
    if args.last and args.resume and (before / RUN).exists():
        model.load_weights(before / BEST)  # what ships may have changed since
        return
    if args.last and before.exists() and not args.resume:
        raise SystemExit(f"{args.run} holds a run already; --resume it, or choose another --run")
    source = recipe.name if args.last else recipe.start
    if source is not None:
        inherit(model, zoo.load_keras(source))
    if args.last:
        before.mkdir(parents=True, exist_ok=True)
        model.save_weights(before / BEST)
        spent = zoo.describe(recipe.name).recipe
        text = json.dumps({"step": spent["steps"], "minutes": spent["minutes"]})
        (before / RUN).write_text(text, encoding="utf-8")
