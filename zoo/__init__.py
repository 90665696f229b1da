"""Denoise Zoo: image denoisers by name.

import zoo
clean = zoo.load("resnet-gaussian-color")(noisy)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from zoo.architectures import architectures, build, encoder, load_keras
    from zoo.architectures.accounting import account as accounting
    from zoo.errors import (
        DivergenceError,
        EntryError,
        InputError,
        MissingExtraError,
        ParityError,
        UsageError,
        WorkersError,
        ZooError,
        ZooWarning,
    )
    from zoo.evaluation import Score, evaluate
    from zoo.finetuning.finetune import finetune
    from zoo.inference.denoiser import Denoiser, load
    from zoo.noise import (
        Bayer,
        Bits,
        Blocks,
        Camera,
        Gaussian,
        Jpeg,
        Mixture,
        Noise,
        Poisson,
        Raw,
        SaltPepper,
        Sometimes,
        noise_from_name,
    )
    from zoo.pretrained import Pretrained, describe, list_pretrained
    from zoo.training.augment import Augment
    from zoo.training.devices import all_devices
    from zoo.training.fit import fit
    from zoo.training.optimizers import Schedule

# Public name → (module, name there). Nothing is imported before it is asked for: `import zoo` costs no time, and what
# needs only numpy and ONNX Runtime never loads Keras (PEP 562).
_PUBLIC = {
    "architectures": ("zoo.architectures", "architectures"),
    "build": ("zoo.architectures", "build"),
    "encoder": ("zoo.architectures", "encoder"),
    "load_keras": ("zoo.architectures", "load_keras"),
    "accounting": ("zoo.architectures.accounting", "account"),
    "list_pretrained": ("zoo.pretrained", "list_pretrained"),
    "describe": ("zoo.pretrained", "describe"),
    "Pretrained": ("zoo.pretrained", "Pretrained"),
    "load": ("zoo.inference.denoiser", "load"),
    "Denoiser": ("zoo.inference.denoiser", "Denoiser"),
    **{
        kind: ("zoo.noise", kind)
        for kind in ("Noise", "Gaussian", "Poisson", "SaltPepper", "Blocks", "Camera", "Bayer", "Raw", "Jpeg", "Bits")
    },
    "Mixture": ("zoo.noise", "Mixture"),
    "Sometimes": ("zoo.noise", "Sometimes"),
    "noise_from_name": ("zoo.noise", "noise_from_name"),
    "finetune": ("zoo.finetuning.finetune", "finetune"),
    "fit": ("zoo.training.fit", "fit"),
    "all_devices": ("zoo.training.devices", "all_devices"),
    "Augment": ("zoo.training.augment", "Augment"),
    "Schedule": ("zoo.training.optimizers", "Schedule"),
    "evaluate": ("zoo.evaluation", "evaluate"),
    "Score": ("zoo.evaluation", "Score"),
    **{
        name: ("zoo.errors", name)
        for name in ("ZooError", "UsageError", "InputError", "EntryError", "MissingExtraError", "DivergenceError")
    },
    **{name: ("zoo.errors", name) for name in ("WorkersError", "ParityError", "ZooWarning")},
}

__all__ = [
    "__version__",
    "Augment",
    "Bayer",
    "Bits",
    "Blocks",
    "Camera",
    "Denoiser",
    "DivergenceError",
    "EntryError",
    "Gaussian",
    "InputError",
    "Jpeg",
    "MissingExtraError",
    "Mixture",
    "Noise",
    "ParityError",
    "Poisson",
    "Pretrained",
    "Raw",
    "SaltPepper",
    "Schedule",
    "Score",
    "Sometimes",
    "UsageError",
    "WorkersError",
    "ZooError",
    "ZooWarning",
    "accounting",
    "all_devices",
    "architectures",
    "build",
    "describe",
    "encoder",
    "evaluate",
    "finetune",
    "fit",
    "list_pretrained",
    "load",
    "load_keras",
    "noise_from_name",
]


def _found(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("denoise-zoo")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "zoo":
            raise
        from zoo.errors import missing

        raise missing(f"zoo.{name}", "train", error) from error


if not TYPE_CHECKING:  # who checks types would take every name for one of these

    def __getattr__(name: str) -> Any:
        globals()[name] = value = _found(name)
        return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
