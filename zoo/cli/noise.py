"""``zoo noise``: add named noise to pictures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_white, ending, whole_number
from zoo.cli.say import say, say_failed, with_progress
from zoo.errors import ZooError

if TYPE_CHECKING:
    import numpy as np

    from zoo.inference.pictures import Page
    from zoo.noise import Noise

EXAMPLES = (
    "gaussian:25, poisson:30, saltpepper:5, blocks:10, camera:10,3, bayer:10,3, raw:10,0.5, jpeg:50, bits:8, a range "
    "that a level is drawn from (gaussian:0-55), or several in turn (poisson:30+jpeg:60), with ? behind what every "
    "second image goes without"
)


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "noise",
        help="add named noise to pictures",
        description="Add noise to a picture, or to all of a folder, which is mirrored. Image files are clipped and "
        "rounded to 8 bits (16 where they had 16), and a JPEG adds its own to it (--format png); a float TIFF, and an "
        "output in .npy, keep the noise as it is: float32, not clipped.",
    )
    parser.add_argument("inputs", metavar="IN", nargs="+", help="pictures, .npy arrays, folders of them, or patterns")
    parser.add_argument(
        "-o", "--output", metavar="OUT", required=True, help="the noisy picture; a folder for several, or OUT/"
    )
    parser.add_argument("--noise", required=True, metavar="NAME", help=EXAMPLES)
    parser.add_argument("--seed", type=whole_number(0), default=0, help="the same seed gives the same noise (0)")
    parser.add_argument(
        "--format", type=ending, metavar="EXT", help="of all results, such as png or npy (default: as each input)"
    )
    add_white(parser)
    parser.set_defaults(run=run, decodes=True)


def run(args: argparse.Namespace) -> int:
    """Add noise to one picture, or to many; a failed one is reported, and the rest done. Says what noise it was."""
    import numpy as np

    from zoo.inference.tasks import left_out, plan, prepare
    from zoo.noise import noise_from_name

    noise = noise_from_name(args.noise)
    tasks = plan(args.inputs, args.output, ending=args.format or "")
    single = len(tasks) == 1 and tasks[0].target == Path(args.output)
    if not single:
        prepare(tasks)
    failed = 0
    for i, task in enumerate(with_progress(tasks, "adding noise", len(tasks))):
        # Of several, each has noise of its own: that which ``zoo evaluate`` draws for the pictures of a folder.
        rng = np.random.default_rng(args.seed if single else [args.seed, i])
        try:
            drawn = _add(noise, task.source, task.target, args.white, rng)
        except ZooError as error:
            if single:
                raise
            failed += 1
            say_failed(error)
        else:
            say(f"{task.source} -> {task.target} ({drawn}, seed {args.seed})")
    if not single:
        say(f"{len(tasks) - failed} done, {failed} failed")
    if others := left_out(args.inputs):
        say(f"left out, of formats that are not read here: {others}")
    return 1 if failed else 0


def _add(noise: Noise, source: Path, target: Path, white: float | None, rng: np.random.Generator) -> str:
    """Read, add the noise to all pages, write; the noise's name, with the levels that were drawn for a single page."""
    import numpy as np

    from zoo.inference.images import channels_of, from_tensor, to_tensor
    from zoo.inference.pictures import check_output, fitting_white, open_picture, write_picture
    from zoo.scale import doubt

    names, told = [], set()
    with open_picture(source, white=white) as picture:

        def changed() -> Iterator[Page]:
            for image, metadata in picture.pages:
                check_output(target, image)
                if (words := doubt(image, white)) and words not in told:
                    told.add(words)
                    say(f"{source}: {words}")
                image, scale = fitting_white(target, image, white)
                clean, form = to_tensor(image, channels_of(image), scale)
                drawn = noise.draw(rng)
                names.append(drawn.name)
                noisy = drawn.apply(clean[0], rng)[np.newaxis]
                # Whole numbers end at white, wherever in their type that is.
                yield from_tensor(noisy if image.dtype.kind == "f" else np.clip(noisy, 0, 1), form), metadata

        write_picture(target, changed(), big=picture.big)
    return names[0] if len(names) == 1 else f"{noise.name}, {len(names)} pages"
