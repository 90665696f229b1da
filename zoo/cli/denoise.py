"""``zoo denoise``: clean pictures."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.cli.options import sigma, tile, whole_number
from zoo.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from zoo.inference.denoiser import Denoiser

# What a picture is denoised with, by its channels, when nobody says: the first of these that is shipped.
EVERYDAY = {1: ("resnet-gaussian-gray",), 3: ("resnet-photo-color", "resnet-gaussian-color")}


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "denoise",
        help="clean pictures",
        description="Clean pictures: PNG, JPEG, TIFF, WebP, BMP, PPM, or a float array in .npy.",
    )
    parser.add_argument("inputs", metavar="IN", nargs="+", type=Path, help="noisy pictures")
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=Path, required=True, help="the clean picture; a folder for several"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="name of an entry (zoo list), or its folder (default: by the picture's colour)"
    )
    parser.add_argument("--sigma", type=sigma, metavar="N", help="noise level from 0 to 255, for models that take it")
    parser.add_argument(
        "--tile", type=tile, default="auto", metavar="N", help="side of tiles in pixels, 'none' or 'auto' (auto)"
    )
    parser.add_argument("--threads", type=whole_number(1), metavar="N", help="processor threads (one per core)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Denoise one picture after the other; each result is in its place before the next picture is begun."""
    from zoo.cli import pictures
    from zoo.inference.denoiser import load

    @functools.cache
    def denoiser(name: str) -> Denoiser:
        return load(name, threads=args.threads)

    jobs = list(zip(args.inputs, _outputs(args.inputs, args.output), strict=True))
    for source, target in _with_progress(jobs):
        image, metadata = pictures.read(source)
        pictures.check(target, image)
        if target.suffix.lower() == pictures.ARRAY:
            image = pictures.as_float(image)
        model = denoiser(args.model or everyday(image))
        result, how = denoise(model, image, sigma=args.sigma, tile=args.tile)
        pictures.write(target, result, metadata)
        pictures.say(f"{source} -> {target} ({model.entry.name}{how})")
    return 0


def denoise(
    model: Denoiser, image: np.ndarray, *, sigma: float | Literal["auto"] | None, tile: int | Literal["auto"] | None
) -> tuple[np.ndarray, str]:
    """The clean image, of the same dtype and shape, and what had to be done where the model has another colour."""
    import numpy as np

    from zoo.inference.images import channels_of, to_color, to_gray

    clean = functools.partial(model, sigma=sigma, tile=tile)
    channels = channels_of(image)
    if channels == model.channels:
        return clean(image), ""
    if channels == 1:
        return to_gray(clean(to_color(image))).reshape(image.shape), ", the gray picture as a colour picture"
    planes = [clean(image[..., i]) for i in range(channels)]
    alpha = image[..., channels:]
    return np.concatenate([np.stack(planes, axis=-1), alpha], axis=-1), ", a gray model: each colour by itself"


def everyday(image: np.ndarray) -> str:
    """The name of the entry that an image is denoised with when nobody says.

    Raises:
        UsageError: None of them is shipped.
    """
    from zoo.inference.images import channels_of
    from zoo.pretrained import shipped

    names = EVERYDAY[channels_of(image)]
    for name in names:
        if name in shipped():
            return name
    raise UsageError(f"none of {', '.join(names)} is installed; expected --model with a name of `zoo list` or a folder")


def _outputs(inputs: Sequence[Path], output: Path) -> list[Path]:
    """Where each result goes, once it is sure that none overwrites an input or another result."""
    from zoo.cli.pictures import refuse_overwriting

    if not output.is_dir() and len(inputs) > 1:
        raise UsageError(f"{len(inputs)} pictures with output {str(output)!r}; expected a folder that exists")
    outputs = [output / path.name for path in inputs] if output.is_dir() else [output]
    for target in outputs:
        refuse_overwriting(inputs, target)
    if twice := {str(target) for target in outputs if outputs.count(target) > 1}:
        raise UsageError(f"two pictures would become {min(twice)!r}; expected inputs of different names")
    return outputs


def _with_progress(jobs: Sequence[tuple[Path, Path]]) -> Iterable[tuple[Path, Path]]:
    """The jobs, with a bar on a terminal while there are several."""
    if len(jobs) == 1 or not sys.stderr.isatty():
        return jobs
    from rich.console import Console
    from rich.progress import track

    return track(jobs, "denoising", console=Console(stderr=True), transient=True)
