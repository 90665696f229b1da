"""``zoo compare``: before and after, to be looked at."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.cli.options import add_white, whole_number
from zoo.cli.say import say, say_failed, with_progress
from zoo.errors import InputError, UsageError, ZooError

if TYPE_CHECKING:
    from zoo.inference.compare import Pair

PAGES = (".html", ".htm")
MOST_PIXELS = 16383  # of a side, in WebP


def add_parser(subparsers: Any) -> None:
    """Register the subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="show pictures before and after",
        description="One sheet for two pictures: side by side, what was taken away, enlarged details. With OUT.html, a "
        "page with a slider for two pictures (for each page of several) or two folders, which needs no other file and "
        "no network.",
    )
    parser.add_argument("before", metavar="BEFORE", type=Path, help="noisy picture, or a folder of them")
    parser.add_argument("after", metavar="AFTER", type=Path, help="denoised picture, or the folder that mirrors it")
    parser.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="picture, or page (.html)")
    parser.add_argument(
        "--side",
        type=whole_number(16, MOST_PIXELS),
        default=1600,
        metavar="N",
        help="pixels of a picture on the page (1600)",
    )
    add_white(parser)
    parser.set_defaults(run=run, decodes=True)


def run(args: argparse.Namespace) -> int:
    """Write the sheet or the page."""
    import numpy as np

    from zoo.atomic import file_beside
    from zoo.inference.compare import compare_page, compare_sheet, read_pairs
    from zoo.inference.pictures import refuse_overwriting
    from zoo.inference.writing import check_writable, write_image

    pairs, shown, failed = _pairs(args.before, args.after), 0, 0
    refuse_overwriting([path for pair in pairs for path in pair], args.output)
    if args.output.suffix.lower() in PAGES:

        def read() -> Iterator[Pair]:
            nonlocal shown, failed
            for before, after in with_progress(pairs, "reading", len(pairs)):
                name = str(after.relative_to(args.after)) if len(pairs) > 1 else ""
                try:
                    for pair in read_pairs(before, after, name=name, white=args.white):
                        yield pair
                        shown += 1
                except ZooError as error:  # the others are shown
                    if (failed := failed + 1) == len(pairs) and not shown:
                        raise
                    say_failed(error)

        with file_beside(args.output) as temporary:
            page = compare_page(read(), side=args.side)
            temporary.write_text(page, encoding="utf-8", errors="replace")  # names that are no text
    elif len(pairs) > 1:
        raise UsageError(f"{len(pairs)} pairs with output {str(args.output)!r}; expected a name in .html")
    else:
        check_writable(args.output)
        first, *more = islice(read_pairs(*pairs[0], white=args.white), 2)
        if more:
            raise UsageError(f"several pages with output {str(args.output)!r}; expected a name in .html")
        shown = 1
        write_image(args.output, np.asarray(compare_sheet(first)))
    say(f"{shown} before and after -> {args.output}" + (f", {failed} failed" if failed else ""))
    return 1 if failed else 0


def _pairs(before: Path, after: Path) -> list[tuple[Path, Path]]:
    """The files of two folders that mirror each other, or the two files."""
    if before.is_dir() != after.is_dir():
        raise UsageError(f"{str(before)!r} and {str(after)!r}; expected two pictures, or two folders")
    if not before.is_dir():
        return [(before, after)]
    from zoo.folders import by_name, files_below
    from zoo.inference.pictures import ENDINGS

    named, results = by_name(before, files_below(before, ENDINGS)), files_below(after, ENDINGS)
    pairs = []
    for path in results:
        place = path.relative_to(after)
        alike = named.get(place.with_suffix(""), [])
        if before / place in alike:
            pairs.append((before / place, path))
        elif len(alike) == 1:  # of another ending, as of ``zoo denoise --format``
            pairs.append((alike[0], path))
    if not pairs:
        raise InputError(f"no picture of {str(after)!r} is in {str(before)!r} too; expected files of equal names")
    if missing := len(results) - len(pairs):
        say(
            f"left out: {missing} of {len(results)} in {str(after)!r}, with none or several of its name to compare with"
        )
    return pairs
