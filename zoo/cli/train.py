"""``zoo train``: train an architecture on a folder of images."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.beside import expect_export
from zoo.cli.heavy import import_keras
from zoo.cli.options import number, whole_number
from zoo.cli.say import say
from zoo.errors import UsageError, ZooError

if TYPE_CHECKING:
    import keras

    import zoo
    from zoo.training.run import History

ENTRY = "denoiser"  # in the run's folder
FEW = 8  # pairs that are looked at


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "train",
        help="train a denoiser on a folder of images",
        description="Train a denoiser; the run's folder holds its weights, learning curves (PNG, CSV) and state, and "
        f"in the end the entry {ENTRY!r}, for --model. Images are JPEG, PNG or BMP files of 8 bits.",
    )
    parser.add_argument(
        "--architecture", required=True, metavar="NAME", help="such as resnet; an unknown one is told all"
    )
    parser.add_argument(
        "--config", default="{}", metavar="JSON", help="arguments of the architecture, such as '{\"channels\": 3}'"
    )
    parser.add_argument(
        "--data", required=True, metavar="FOLDER", help="clean images (the clean halves of pairs), or tfds:NAME"
    )
    parser.add_argument("--noisy", metavar="FOLDER", help="the noisy halves of pairs, with the same file names")
    parser.add_argument(
        "--validation", metavar="FOLDER", help="clean images to validate on (default: every tenth of --data)"
    )
    parser.add_argument("--noise", help="what is drawn on clean images, such as gaussian:0-55")
    parser.add_argument("--self-supervised", action="store_true", help="--data is noisy, and nothing else is known")
    parser.add_argument(
        "--augment",
        metavar="JSON",
        help="augmentation otherwise than usual: flip, transpose, rescale, brightness, contrast, saturation, frame, "
        'smooth, sharpen, enlarge or trim, such as \'{"flip": false, "rescale": 2}\' (see zoo.Augment)',
    )
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=whole_number(1), help="stop after so many steps")
    budget.add_argument(
        "--minutes", type=number(0, 1e6), help="stop after so many minutes; the schedule follows the clock"
    )
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out as if it had never stopped")
    parser.add_argument("--batch", type=whole_number(1), default=16, help="patches per step (16)")
    parser.add_argument("--patch", type=whole_number(1), default=64, help="side of a patch in pixels (64)")
    parser.add_argument(
        "--loss", help="l1, l2, l1l2 (default), charbonnier, rmse (default for --self-supervised, where l2 does, too)"
    )
    parser.add_argument(
        "--range-penalty", type=number(0, 1e6), default=0.0, help="weight of the penalty outside [0, 1] (0)"
    )
    parser.add_argument(
        "--optimizer", default="adam", help="sgd, momentum, rmsprop, adagrad, adam (default), adamw, muon"
    )
    parser.add_argument("--learning-rate", type=number(0, 1e6), default=1e-3, help="peak of the steplength (0.001)")
    parser.add_argument("--schedule", default="cosine", help="constant, step, halving, cosine (default)")
    parser.add_argument("--warmup", type=whole_number(0), default=0, help="steps over which the steplength rises (0)")
    parser.add_argument(
        "--halve-every", type=whole_number(1), default=100_000, help="images, for --schedule halving (100000)"
    )
    parser.add_argument("--weight-decay", type=number(0, 1e6), default=0.0, help="decoupled weight decay (0)")
    parser.add_argument("--clip-norm", type=number(0, 1e9), default=1.0, help="longest gradient (1)")
    parser.add_argument("--ema", type=number(0, 1), default=0.99, help="momentum of the average of the weights (0.99)")
    parser.add_argument(
        "--revive", action="store_true", help="give features that nothing wakes up a new start at each validation"
    )
    parser.add_argument(
        "--patience", type=whole_number(1), metavar="N", help="stop after N validations without a better one"
    )
    parser.add_argument(
        "--validate-every", type=whole_number(1), help="steps between validations (1000, or a fifth of fewer)"
    )
    parser.add_argument(
        "--seed", type=whole_number(0, 2**32 - 1), default=0, help="of weights, data order, augmentation and noise (0)"
    )
    parser.add_argument("--mixed-precision", choices=["bfloat16", "float16"], help="compute in 16 bits")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build, train, and say where the weights are."""
    config = _json_object("--config", args.config, such_as='{"channels": 3}')
    varied = _json_object("--augment", args.augment or "{}", such_as='{"flip": false}')
    if args.noisy and args.validation:
        raise UsageError("--validation with --noisy: pairs are validated on every tenth pair; leave --validation out")
    import_keras("zoo train", "train")
    import keras

    import zoo

    if find_spec("onnx") is not None:  # it is going to be an entry
        expect_export()
    _say_what_is_left_out(args.data, args.noisy, args.validation)
    if args.noisy:
        _say_if_swapped(args.noisy, args.data)
    keras.utils.set_random_seed(args.seed)
    if args.mixed_precision:
        keras.config.set_dtype_policy(f"mixed_{args.mixed_precision}")
    with zoo.all_devices():
        model = zoo.build(args.architecture, **config)
        try:
            history = zoo.fit(
                model,
                (args.noisy, args.data) if args.noisy else args.data,
                args.validation,
                noise=args.noise,
                steps=args.steps,
                minutes=args.minutes,
                out=args.out,
                resume=args.resume,
                batch=args.batch,
                patch=args.patch,
                loss=args.loss,
                range_penalty=args.range_penalty,
                optimizer=args.optimizer,
                learning_rate=args.learning_rate,
                augment=_augment(varied, brings_noise=bool(args.noisy or args.self_supervised)),
                schedule=zoo.Schedule(args.schedule, args.warmup, args.halve_every),
                weight_decay=args.weight_decay,
                clip_norm=args.clip_norm,
                ema=args.ema,
                revive=args.revive,
                self_supervised=args.self_supervised,
                patience=args.patience,
                validate_every=args.validate_every,
                seed=args.seed,
            )
        except KeyboardInterrupt:
            if (Path(args.out) / "run.json").is_file():
                say(f"stopped; what was learned is in {args.out}, and --resume goes on from there")
            raise
        best = f"best validation {history.best_psnr:.2f} dB at step {history.best_step}"
        print(f"{best} (noisy: {history.noisy_psnr:.2f} dB): {args.out}/best.weights.h5")
        _publish(model, config, history, args)
    return 0


def _json_object(option: str, text: str, *, such_as: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r} is no JSON ({error}); expected such as {such_as!r}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{option} {text!r}; expected a JSON object, such as {such_as!r}")
    return found


def _augment(varied: dict[str, Any], *, brings_noise: bool) -> zoo.Augment | None:
    """The usual variations but for those that are given."""
    import zoo
    from zoo.training.augment import AUGMENT_WITH_NOISE

    known = [field.name for field in dataclasses.fields(zoo.Augment)]
    if unknown := [name for name in varied if name not in known]:
        raise UsageError(f"--augment has no {unknown[0]!r}; expected some of {', '.join(known)}")
    usual = AUGMENT_WITH_NOISE if brings_noise else zoo.Augment()
    return dataclasses.replace(usual, **varied) if varied else None


def _say_what_is_left_out(*folders: str | None) -> None:
    from zoo.inference.pictures import ENDINGS
    from zoo.inference.reading import UNREADABLE
    from zoo.inference.tasks import left_out
    from zoo.training.sources import EXTENSIONS

    given = [folder for folder in folders if folder is not None]
    if others := left_out(given, endings={*ENDINGS, *UNREADABLE} - set(EXTENSIONS)):
        say(f"left out, of formats that training does not read ({' '.join(EXTENSIONS)} it does): {others}")


def _say_if_swapped(noisy: str, clean: str) -> None:
    """Look at a few pairs; what is wrong with them beside, training tells."""
    from zoo.folders import files_below, paired
    from zoo.inference.noise_level import swapped
    from zoo.inference.pictures import read_picture
    from zoo.training.sources import EXTENSIONS

    with contextlib.suppress(ZooError):
        some = paired(Path(noisy), Path(clean), lambda folder: files_below(folder, EXTENSIONS))[:FEW]
        sides = [[read_picture(path)[0] for path in side] for side in zip(*some, strict=True)]
        if some and (doubt := swapped(*sides)):
            say(f"zoo: warning: {doubt}")


def _publish(model: keras.Model, config: dict[str, Any], history: History, args: argparse.Namespace) -> None:
    """The result as an entry, which all other subcommands take."""
    from zoo.training.devices import Devices

    folder = Path(args.out) / ENTRY
    if not Devices(model).is_chief:
        return
    if find_spec("onnx") is None:
        print(f"an entry, for --model, is made where the extra 'export' is installed: export.publish(model, {folder})")
        return
    import export
    from export.card import UNSTATED

    noise = args.noise
    if noise is None:  # what comes nearest to that of the pairs
        apart = 255 * 10 ** (-(history.noisy_psnr or 0) / 20)
        noise = f"gaussian:{apart / (2**0.5 if args.self_supervised else 1):.0f}"  # neighbours have noise each
    told = ("run", "architecture", "config", "out", "resume")
    options = {name: value for name, value in vars(args).items() if name not in told and value is not None}
    for name in {"data", "noisy", "validation"} & set(options):  # an entry is handed on: paths are nobody's business
        options[name] = Path(options[name]).resolve().name
    if args.augment:
        options["augment"] = json.loads(args.augment)
    export.publish(
        model,
        folder,
        architecture=args.architecture,
        config=config,
        noise=noise,
        license=UNSTATED,
        recipe={"fit": options, "steps": history.steps, "minutes": round(history.minutes, 2)},
        training_data={"name": "images of the user"},
    )
    print(f"{folder}: an entry; use it by its path, as zoo denoise noisy.png -o clean.png --model {folder}")
