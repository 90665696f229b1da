"""What weights were trained on, as an entry states it: read from the list of sources beside the images."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from zoo.errors import InputError

COLUMNS = ("file", "width", "height", "source", "licence", "author")


def training_data(
    sources: str | os.PathLike[str], *, name: str, folders: tuple[str, ...] = ("train",)
) -> dict[str, Any]:
    """Images, licences and authors of the files in some folders.

    Args:
        sources: A CSV file with a row per image and at least the columns file, width, height, source, licence, author.
        name: What the set is called.
        folders: The folders, as they begin the column ``file``.

    Returns:
        name, images, megapixels, licenses (licence → images), and sources: a row per source and licence, with the
        number of images and the authors.

    Raises:
        InputError: The file cannot be read, lacks a column, or has no image in those folders.
    """
    path = Path(sources)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # a spreadsheet marks its files so
            reader = csv.DictReader(file)
            if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
                raise InputError(f"{str(path)!r} has no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
            rows = [row for row in reader if row["file"].split("/")[0] in folders]
        for row in rows:
            if short := [column for column in COLUMNS if row[column] is None]:
                raise InputError(f"{str(path)!r}: the row of {row['file']!r} has no {', '.join(short)}; expected all")
            row["licence"] = re.sub(r"^CC (BY\S*) (\d)", r"CC-\1-\2", row["licence"])  # as SPDX spells it
        megapixels = sum(int(row["width"]) * int(row["height"]) for row in rows) / 1e6
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(path)!r} cannot be read ({error}); expected a list of images and sources") from error
    if not rows:
        raise InputError(f"{str(path)!r} has no image in {', '.join(folders)}")
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row["source"], row["licence"]), []).append(row["author"])
    return {
        "name": name,
        "images": len(rows),
        "megapixels": round(megapixels, 1),
        "licenses": dict(sorted(Counter(row["licence"] for row in rows).items())),
        "sources": [
            {"source": source, "license": license, "images": len(authors), "authors": sorted(set(authors))}
            for (source, license), authors in sorted(groups.items())
        ],
    }
