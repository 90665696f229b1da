"""One path for training and fine-tuning: ``fit``, a run that can be stopped and continued."""

from __future__ import annotations

import gc
import itertools
import math
import numbers
import os
import warnings
from typing import Any, TypeGuard

import keras
import numpy as np

from zoo.architectures.form import check_form, check_size
from zoo.errors import UsageError, ZooWarning
from zoo.noise import Noise
from zoo.training.augment import Augment
from zoo.training.corrupt import LayerNoise, as_noise
from zoo.training.data import batches, check_noise, hold_out, refuse_copying, refuse_frozen, validation_pairs
from zoo.training.devices import Devices
from zoo.training.guide import Guide
from zoo.training.losses import PSNR, make_loss
from zoo.training.optimizers import Schedule, make_optimizer
from zoo.training.run import History, Run, digest_of, layers_digest
from zoo.training.sources import Source, open_images

# Batches of which one must differ from its target.
LOOKED_AT = 8


def fit(
    model: keras.Model,
    train: Source,
    validation: Source | None = None,
    *,
    noise: str | Noise | keras.layers.Layer | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    batch: int = 16,
    patch: int = 64,
    augment: Augment | None = None,
    loss: str | keras.losses.Loss | None = None,
    range_penalty: float = 0.0,
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    schedule: str | Schedule = "cosine",
    weight_decay: float = 0.0,
    clip_norm: float | None = 1.0,
    ema: float = 0.99,
    revive: bool = False,
    self_supervised: bool = False,
    patience: int | None = None,
    validate_every: int | None = None,
    validation_images: int = 16,
    validation_side: int = 256,
    seed: int = 0,
    progress: bool = True,
) -> History:
    """Train ``model`` in place until ``steps`` or ``minutes`` are spent; it ends with its best weights.

    Args:
        model: A model of :func:`zoo.build` or :func:`zoo.load_keras` (fine-tuning). For mixed precision call
            ``keras.config.set_dtype_policy("mixed_bfloat16")`` (or float16) before building it; for several GPUs or
            machines build and train it inside ``zoo.all_devices()``. It is compiled anew. For what Keras' own ``fit``
            knows besides (callbacks, metrics, tf.data), take that: any trained model becomes an entry by
            ``export.publish``.
        train: Clean images, or pairs: see :func:`zoo.training.sources.open_images`.
        validation: The same, disjoint from ``train``; without it, every tenth image of ``train`` is held out. Pairs can
            validate what is trained on drawn noise.
        noise: What is drawn on clean images: ``"gaussian:0-55"``, or a Keras layer that adds noise of your own
            (:class:`zoo.training.corrupt.LayerNoise`); None for pairs.
        steps, minutes: The budget: exactly one of the two. With ``minutes`` the schedule follows the clock; several
            workers, each of which has its own clock, need ``steps``.
        out: A folder that receives ``last-STEP.weights.h5`` and ``best.weights.h5``, ``curve.csv``, ``curve.png`` and
            ``run.json``; None writes nothing.
        resume: Continue the run in ``out`` as if it had never stopped: same data order, same optimizer state. Network,
            images, noise, loss, optimizer, patch, seed and whether there is an ``ema`` must be the same; the budget may
            be another.
        batch, patch: Patches per step; their side in pixels.
        augment: Variations of the patches; :class:`zoo.training.augment.Augment` by default, without rescaling and
            brightness where images bring their noise.
        loss: "l1", "l2", "l1l2" (a·Δ² + b·|Δ|, b/a = 0.1), "charbonnier", "rmse" (of each image),
            or a Keras loss; by default "l1l2", and "rmse" where ``self_supervised``.
        range_penalty: Weight of the penalty on values outside [0, 1].
        optimizer: "sgd", "momentum", "rmsprop", "adagrad", "adam", "adamw", "muon".
        learning_rate, schedule: The peak of the steplength; "constant", "step", "halving", "cosine" or a Schedule.
        weight_decay, clip_norm, ema: See :func:`zoo.training.optimizers.make_optimizer`.
        revive: At each validation, give features that no validation image wakes up a new start, of ReLUs that stand
            between convolutions and nothing else (:func:`zoo.training.dormant.revive`).
        self_supervised: The images are noisy, and there are no clean ones: learn from neighbouring pixels
            (:mod:`zoo.training.neighbors`), validation included. Give no noise then, and no loss but "l2"
            or "rmse": what these are least for on average is the picture.
        patience: Stop when so many validations in a row were no better than the best one; None goes on to the end.
        validate_every: Steps between two validations, in rounds of up to 100; by default 1000, or a fifth of fewer
            ``steps`` than 5000. They are on ``validation_images`` fixed crops of ``validation_side`` pixels, or of the
            smallest of these images' side, if that is less.
        seed: Data order, augmentation, noise. (Initial weights: ``keras.utils.set_random_seed`` before building.)
        progress: Show a progress bar on standard error.

    Returns:
        What was measured: see :class:`History`. Ctrl-C ends the run behind the step that it is at, and that in ``out``
        can be resumed from there; a second one ends it at once, to be resumed from the last validation.

    Raises:
        UsageError: Arguments that do not fit, or input that equals its target.
        InputError: Images that cannot be read. DivergenceError: the loss became NaN or infinite.
    """
    budget = minutes if steps is None else steps
    if (steps is None) == (minutes is None) or not _is_number(budget) or not 0 < budget < math.inf:
        raise UsageError(f"steps={steps!r}, minutes={minutes!r}; expected exactly one budget, above 0")
    if steps is not None and steps == int(steps):  # 1e4, or a number of numpy's
        steps = int(steps)
    minutes = None if minutes is None else float(minutes)
    if not (isinstance(model, keras.Model) and getattr(model, "inputs", None)):
        raise UsageError(f"a {type(model).__name__} to train; expected a built Keras model, such as of zoo.build")
    check_form(model)
    if not model.trainable_weights:
        raise UsageError(f"model {model.name!r} has no weights to train; expected some layer with trainable=True")
    measures = {"learning_rate": learning_rate, "ema": ema, "weight_decay": weight_decay}
    measures |= {} if clip_norm is None else {"clip_norm": clip_norm}
    for name, value in {**measures, "range_penalty": range_penalty}.items():
        if not _is_number(value) or not math.isfinite(value):
            raise UsageError(f"{name}={value!r}; expected a number")
    learning_rate = float(learning_rate)  # Keras knows no numbers of numpy's
    if loss is None:
        loss = "rmse" if self_supervised else "l1l2"
    noise = None if noise is None else as_noise(noise)
    types = sorted({weight.dtype for weight in model.trainable_weights})
    if clip_norm is not None and len(types) > 1:
        raise UsageError(
            f"weights of {' and '.join(types)}, whose gradients cannot be clipped together; expected one type, as "
            "under the policies mixed_bfloat16 and mixed_float16, or clip_norm=None"
        )
    channels, takes_sigma = model.inputs[0].shape[-1], len(model.inputs) > 1
    if channels not in (1, 3):
        raise UsageError(f"model {model.name!r} takes {channels} channels; expected 1 (gray) or 3 (colour)")
    if takes_sigma and (noise is None or not noise.has_level):
        raise UsageError(
            f"the model takes the noise level, and the noise is {noise and noise.name}; expected such as gaussian:0-55 "
            "or gaussian:0-55+bits:8"
        )
    if validate_every is None:
        validate_every = 1000 if not isinstance(steps, int | np.integer) else max(1, min(1000, int(steps) // 5))
    counts = {"batch": batch, "patch": patch, "validate_every": validate_every}
    counts |= {"validation_images": validation_images, "validation_side": validation_side}
    counts |= {name: value for name, value in {"steps": steps, "patience": patience}.items() if value is not None}
    for name, value in {**counts, "seed": seed}.items():
        least = 0 if name == "seed" else 1
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise UsageError(f"{name}={value!r}; expected a whole number from {least} on")
    if augment is not None and not isinstance(augment, Augment):
        raise UsageError(f"augment={augment!r}; expected zoo.Augment(...), or None")
    devices = Devices(model)
    if batch % devices.replicas:
        raise UsageError(f"batch={batch} on {devices.replicas} devices; expected a multiple of {devices.replicas}")
    if devices.several_workers and steps is None:
        raise UsageError("minutes with several workers, each of which has its own clock; expected steps")
    # Not the batch, which must be a multiple of the number of devices.
    facts = {"noise": noise.name if noise else None, "loss": loss if isinstance(loss, str) else digest_of(loss)}
    if isinstance(noise, LayerNoise):
        facts["noise"] = f"{noise.name} {digest_of(noise.layer)}"
    facts |= {"optimizer": optimizer, "patch": int(patch), "seed": int(seed), "ema": bool(ema)}
    facts |= {"range_penalty": float(range_penalty), "layers": layers_digest(model)}
    run = Run(out, steps=steps, minutes=minutes, resume=resume, writes=devices.is_chief, facts=facts)
    images = open_images(train, channels, clean=not self_supervised)
    check_noise(images, noise, self_supervised=self_supervised)
    if words := images.doubt:
        warnings.warn(f"training images: {words}", ZooWarning, stacklevel=2)
    if validation is None:
        checks, (kept, held) = images, hold_out(images)
    else:
        checks, kept, held = open_images(validation, channels, clean=not self_supervised), None, None
    checked = None if checks.paired else noise
    check_noise(checks, checked, self_supervised=self_supervised)
    if checks.paired and takes_sigma:
        raise UsageError("validation pairs for a model that takes the noise level, which nobody knows; leave them out")
    # Images that are kept in memory are cut into other batches than those that are read from files each time.
    run.facts |= {"images": images.digest, "validation": checks.digest, "in_memory": images.in_memory}
    noisy, clean, sigma = validation_pairs(
        checks,
        checked,
        seed=seed,
        side=validation_side,
        most=validation_images,
        numbers=held,
        self_supervised=self_supervised,
    )
    check_size(model, patch, noisy.shape[1], mend="expected a patch and a validation_side that it takes")
    refuse_copying([(noisy, clean)], "validation")
    before = PSNR()
    before.update_state(clean, noisy)

    with devices.scope():
        model.compile(
            optimizer=make_optimizer(optimizer, learning_rate, weight_decay, ema, clip_norm),
            loss=make_loss(loss, range_penalty),
            metrics=[PSNR()],
            # On a CPU, TensorFlow's own kernels are faster than what XLA makes of them.
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
        )
        model.optimizer.build(model.trainable_variables)
    run.begin(model)
    run.history.noisy_psnr = float(before.result())
    if run.spent:
        return run.end(model)
    # What earlier runs of this process left, graphs and pipelines: freed while TensorFlow traces this one, when Python
    # may choose to, it stood still for up to a minute in one of ten short runs, and in none of fifty with this.
    gc.collect()
    data = batches(
        images,
        noise,
        batch=batch,
        patch=patch,
        seed=seed,
        start=run.step,
        augmentation=augment,
        takes_sigma=takes_sigma,
        numbers=kept,
        self_supervised=self_supervised,
    )
    examples = iter(data)
    with images.damage_told():
        first, target = next(examples)
        some = [(first, target), *itertools.islice(examples, LOOKED_AT - 1)]
        some = [(inputs[0] if takes_sigma else inputs, clean) for inputs, clean in some]
        refuse_copying(some, "training")
        if noise is not None:
            refuse_frozen(some, noise)
    guide = Guide(
        run,
        validation=([noisy, sigma] if takes_sigma else noisy, clean),
        validate_every=validate_every,
        schedule=schedule if isinstance(schedule, Schedule) else Schedule(schedule),
        learning_rate=learning_rate,
        batch=batch,
        replicas=devices.replicas,
        several_workers=devices.several_workers,
        revive=seed if revive else None,
        patience=patience,
        progress=progress,
    )
    run.make_folder()
    # A round is an epoch to Keras; the guide ends the run at the very step or second.
    rounds: dict[str, Any] = {"initial_epoch": run.step // guide.round, "epochs": 2**31, "steps_per_epoch": guide.round}
    with guide.interruptible(), devices.training(model, (first, target)), images.damage_told():
        try:
            model.fit(data, **rounds, shuffle=False, verbose=0, callbacks=[guide])
        finally:
            guide.bar.stop()  # which gives the terminal its cursor back
    return run.end(model)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
