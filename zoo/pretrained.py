"""Pretrained entries: a folder each, with its facts (entry.json), card, Keras weights and ONNX file.

Shipped ones are the folders of the package ``pretrained``; a folder of the same form anywhere works by its path.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from zoo.errors import EntryError, UsageError

ENTRY_FILE = "entry.json"
# Beside this package, and not found by name: a user's project may well have a "pretrained" of its own.
SHELF = Path(__file__).parent.parent / "pretrained"


@dataclass(frozen=True)
class Pretrained:
    """What is known of an entry; everything but ``folder`` stands in its entry.json.

    Attributes:
        name: {architecture}-{noise}-{gray|color}[-size]; never parsed: the other fields carry the facts.
        architecture, config: What ``zoo.build`` makes the model from.
        channels: 1 (gray) or 3 (colour).
        noise: The noise that it was trained on, by the grammar of ``zoo.noise_from_name``.
        takes_sigma: Whether the noise level is a second input.
        multiple_of: Size in pixels to which tiles are aligned.
        halo: Radius in pixels beyond which no pixel of the input changes a pixel of the output.
        num_params, macs_per_pixel, layers: The accounting (``zoo.accounting``).
        files: File name → SHA-256.
        scores: One row per benchmark and noise: set, noise, psnr, ssim, noisy_psnr, noisy_ssim, count.
        recipe, training_data, license: How, and on what, it was trained; under what terms it is given.
        folder: Where it lies.
        int8: What its ONNX file of 8 bits loses and gains, where that was measured (scripts/score_int8.py).
    """

    name: str
    architecture: str
    config: dict[str, Any]
    channels: int
    noise: str
    takes_sigma: bool
    multiple_of: int
    halo: int
    num_params: int
    macs_per_pixel: float
    layers: list[dict[str, Any]]
    files: dict[str, str]
    scores: list[dict[str, Any]]
    recipe: dict[str, Any]
    training_data: dict[str, Any]
    license: str
    folder: Path
    int8: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> Pretrained:
        """Read an entry's facts; fields that this version does not know are left aside.

        Raises:
            EntryError: entry.json is missing, damaged or incomplete.
        """
        path = Path(folder).absolute() / ENTRY_FILE
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise EntryError(f"no {ENTRY_FILE} in {str(folder)!r}; expected the folder of an entry") from error
        except (OSError, ValueError, RecursionError) as error:
            raise EntryError(f"{str(path)!r} cannot be read ({error}); reinstall or publish again") from error
        if wrong := wrong_in(facts):
            raise EntryError(f"{str(path)!r} is damaged or incomplete: {wrong}; reinstall or publish again")
        known = {name: facts[name] for name in get_type_hints(cls) if name in facts and name != "folder"}
        return cls(**known, folder=path.parent)

    def to_json(self) -> str:
        """The text of entry.json."""
        facts = {name: value for name, value in asdict(self).items() if name != "folder"}
        return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"

    def file(self, name: str) -> Path:
        """The path of one of the entry's files, once its SHA-256 has been checked.

        Raises:
            EntryError: The entry has no such file, or it is missing or damaged.
        """
        if name not in self.files:
            raise EntryError(f"entry {self.name!r} has no file {name!r}; expected one of {', '.join(self.files)}")
        path = self.folder / name
        try:
            found = sha256(path)
        except OSError as error:
            raise EntryError(f"{str(path)!r} cannot be read ({error.strerror}); reinstall or publish again") from error
        if found != self.files[name]:
            raise EntryError(
                f"{str(path)!r} is damaged: its SHA-256 is {found}, expected {self.files[name]}; reinstall or publish "
                "again"
            )
        return path


# What each row of a table of facts has at least.
MEASURED = ("psnr", "ssim", "noisy_psnr", "noisy_ssim")
ROWS = {
    "layers": ("name", "kind", "relative", "shape", "Ni", "No", "d", "s", "p", "receptive_field", "parameters", "macs")
    + ("macs_per_pixel",),
    "scores": ("set", "noise", "count", *MEASURED),
}


def wrong_in(facts: Any) -> str:
    """What is wrong with the content of an entry.json; empty if nothing is."""
    if not isinstance(facts, dict):
        return f"expected an object, not {type(facts).__name__}"
    types = {name: get_origin(hint) or hint for name, hint in get_type_hints(Pretrained).items() if name != "folder"}
    optional = {field.name for field in fields(Pretrained) if field.default_factory is not MISSING}
    if missing := sorted(set(types) - set(facts) - optional):
        return f"without {', '.join(missing)}"
    for name, wanted in ((name, wanted) for name, wanted in types.items() if name in facts):
        accepted = (int, float) if wanted is float else wanted
        if not isinstance(facts[name], accepted) or (wanted is not bool and isinstance(facts[name], bool)):
            return f"{name} is a {type(facts[name]).__name__}, expected {wanted.__name__}"
    if facts["channels"] not in (1, 3):
        return f"channels is {facts['channels']}, expected 1 or 3"
    if facts["multiple_of"] < 1 or facts["halo"] < 0:
        return f"multiple_of is {facts['multiple_of']} and halo {facts['halo']}, expected at least 1 and 0"
    for table, names in ROWS.items():
        for row in facts[table]:
            if not isinstance(row, dict) or not row.keys() >= set(names):
                return f"a row of {table} is {row!r}, expected one with {', '.join(names)}"
    for row in facts["scores"]:
        for name in MEASURED:
            if not isinstance(row[name], int | float | None) or isinstance(row[name], bool):
                return f"a row of scores has {name} {row[name]!r}, expected a number, or null for infinity"
    for name, digest in facts["files"].items():
        # A name that leads out of the folder could make an entry from elsewhere read any file.
        if not isinstance(digest, str) or name != Path(name).name:
            return f"files has {name!r}: {digest!r}, expected the name of a file in the folder, and its SHA-256"
    return ""


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped() -> dict[str, Path]:
    """Name → folder of the entries that come with the package, sorted."""
    return {folder.name: folder for folder in sorted(SHELF.iterdir()) if (folder / ENTRY_FILE).is_file()}


def list_pretrained(
    *, architecture: str | None = None, noise: str | None = None, channels: int | None = None
) -> list[str]:
    """The names of the shipped entries, sorted; only those that fit what is given.

    Args:
        architecture: One of ``zoo.architectures()``.
        noise: A kind that is in it ("gaussian"), all of its kinds ("raw+bayer+gaussian+jpeg"), or its whole name
            ("gaussian:0-55").
        channels: 1 (gray) or 3 (colour).
    """
    found = []
    for name, folder in shipped().items():
        entry = Pretrained.from_folder(folder)
        kinds = [part.partition(":")[0] for part in entry.noise.split("+")]
        if (
            architecture in (None, entry.architecture)
            and noise in (None, entry.noise, "+".join(kinds), *kinds)
            and channels in (None, entry.channels)
        ):
            found.append(name)
    return found


def describe(name: str | os.PathLike[str]) -> Pretrained:
    """The facts of an entry: a shipped one by its name, or the one in a folder by the folder's path.

    Raises:
        UsageError: Neither a shipped name nor a folder with an entry. EntryError: A damaged entry.json.
    """
    if not isinstance(name, str | os.PathLike):
        raise UsageError(f"an entry {name!r}; expected its name, or the path of its folder")
    entries, name = shipped(), os.fspath(name)
    if (folder := entries.get(name)) is not None:
        return Pretrained.from_folder(folder)
    if name and os.path.isdir(name):
        return Pretrained.from_folder(name)
    if name.endswith(".keras"):
        raise UsageError(
            f"{name!r} is a model of Keras; expected an entry: make one by export.publish(zoo.load_keras({name!r}), "
            "'./my-denoiser', noise=...)"
        )
    near = difflib.get_close_matches(name, entries, n=3, cutoff=0.4) or list(entries)[:3]
    raise UsageError(
        f"unknown entry {name!r}; expected a folder with an {ENTRY_FILE} or a name of `zoo list`"
        + (f", such as {', '.join(near)}" if near else "")
    )
