"""Pretrained entries: a folder each, with its facts (entry.json), card, Keras weights and ONNX file.

Shipped ones are the folders of the package ``pretrained``; a folder of the same form anywhere works by its path.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

from zoo.errors import EntryError, UsageError

ENTRY_FILE = "entry.json"


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

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> Pretrained:
        """Read an entry's facts. Raises EntryError where entry.json is missing, damaged or incomplete."""
        path = Path(folder) / ENTRY_FILE
        wanted = {field.name for field in fields(cls)} - {"folder"}
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise EntryError(f"no {ENTRY_FILE} in {str(folder)!r}; expected the folder of a pretrained entry") from error
        except (OSError, ValueError) as error:
            raise EntryError(f"{str(path)!r} cannot be read ({error}); reinstall or publish the entry again") from error
        if not isinstance(facts, dict) or set(facts) != wanted:
            odd = ", ".join(sorted(wanted ^ set(facts))) if isinstance(facts, dict) else "not an object"
            raise EntryError(f"{str(path)!r} does not have the expected fields ({odd}); publish the entry again")
        return cls(**facts, folder=Path(folder))

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
                f"{str(path)!r} is damaged: SHA-256 {found[:12]}…, expected {self.files[name][:12]}…; reinstall or "
                "publish again"
            )
        return path


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shipped() -> dict[str, Path]:
    """Name → folder of the entries that come with the package, sorted."""
    root = Path(str(resources.files("pretrained")))
    return {folder.name: folder for folder in sorted(root.iterdir()) if (folder / ENTRY_FILE).is_file()}


def list_pretrained(
    *, architecture: str | None = None, noise: str | None = None, channels: int | None = None
) -> list[str]:
    """The names of the shipped entries, sorted; only those that fit what is given.

    Args:
        architecture: One of ``zoo.architectures()``.
        noise: A kind or kinds ("gaussian", "poisson+saltpepper"), or a whole name ("gaussian:0-55").
        channels: 1 (gray) or 3 (colour).
    """
    found = []
    for name, folder in shipped().items():
        entry = Pretrained.from_folder(folder)
        kinds = "+".join(part.partition(":")[0] for part in entry.noise.split("+"))
        if (
            architecture in (None, entry.architecture)
            and noise in (None, entry.noise, kinds)
            and channels in (None, entry.channels)
        ):
            found.append(name)
    return found


def describe(name: str | os.PathLike[str]) -> Pretrained:
    """The facts of an entry: a shipped one by its name, or the one in a folder by the folder's path.

    Raises:
        UsageError: Neither a shipped name nor a folder with an entry. EntryError: A damaged entry.json.
    """
    entries = shipped()
    if (folder := entries.get(os.fspath(name))) is not None:
        return Pretrained.from_folder(folder)
    if Path(name).is_dir():
        return Pretrained.from_folder(name)
    near = difflib.get_close_matches(os.fspath(name), entries, n=3, cutoff=0.4) or list(entries)[:3]
    raise UsageError(
        f"unknown entry {os.fspath(name)!r}; expected a folder with an {ENTRY_FILE} or a name of `zoo list`"
        + (f", such as {', '.join(near)}" if near else "")
    )
