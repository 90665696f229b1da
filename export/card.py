"""An entry's card, and the table of all scores: written from entry.json, never by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo.architectures import OWN
from zoo.noise import noise_from_name
from zoo.pretrained import Pretrained, shipped

COLORS = {1: "gray", 3: "colour"}
KINDS = {
    "gaussian": "white Gaussian noise",
    "poisson": "photon (Poisson) noise",
    "saltpepper": "salt and pepper",
    "blocks": "knocked-out blocks",
    "camera": "a sensor's photon and read noise",
    "bayer": "a sensor's photon and read noise behind a Bayer mosaic",
    "raw": "a sensor's noise in pictures that a camera developed",
    "jpeg": "JPEG compression",
    "bits": "rounding, and cutting at black and white",
}
HOW = (
    "Noise is added to the float image and not clipped, but where it says `bits` or `jpeg`; images are taken whole; "
    "PSNR is over the full frame of the clipped output (beside others, a picture that comes out unchanged counts as "
    "100 dB)"
)
UNSTATED = "NOASSERTION"  # as SPDX has it
STRIP_FILE = "strip.webp"
SCORE_COMMAND = "python scripts/score_entries.py"
INT8_COMMAND = "python scripts/score_int8.py"


def card(entry: Pretrained) -> str:
    """The text of card.md (Markdown)."""
    parts = (_what, _strip, _use, _scores, _int8, _training, _data, _limits)
    return "\n\n".join(part(entry) for part in parts if part(entry)) + "\n"


def _what(entry: Pretrained) -> str:
    kinds = " and ".join(KINDS[kind] for kind in noise_from_name(entry.noise).kinds)
    family = "a network of its makers' own" if entry.architecture == OWN else f"`{entry.architecture}`"
    made = "made for" if entry.architecture == OWN else "trained on"
    level = "is told the level" if entry.takes_sigma else "finds the level by itself"
    return (
        f"# {entry.name}\n\n"
        f"A denoiser of {COLORS[entry.channels]} images: {family}, {made} {kinds} (`{entry.noise}`); "
        f"it {level}. {entry.num_params:,} parameters, {entry.macs_per_pixel / 1000:.1f} thousand multiply-accumulates "
        f"per pixel; an output pixel depends on nothing further than {entry.halo} pixels away. "
        + (
            "Under which licence the weights are given is not stated."
            if entry.license == UNSTATED
            else f"The weights are given under {entry.license}."
        )
    )


def _strip(entry: Pretrained) -> str:
    if not (entry.folder / STRIP_FILE).is_file():
        return ""
    return f"![from noisy to clean]({STRIP_FILE})\n\nDrawn by `python scripts/strips.py {entry.name}`."


def _use(entry: Pretrained) -> str:
    shape = "H×W" if entry.channels == 1 else "H×W×3"
    sigma = ", sigma=25" if entry.takes_sigma else ""
    note = "sigma is the noise's deviation on the 0–255 scale; " if entry.takes_sigma else ""
    option = " --sigma 25" if entry.takes_sigma else ""
    values = "uint8, uint16, or float in [0, 1]"
    if isinstance(white := entry.recipe.get("white"), int | float):  # of what it was fine-tuned on
        sigma, option, values = (
            f"{sigma}, white={white:.12g}",
            f"{option} --white {white:.12g}",
            f"white at {white:.12g}",
        )
    # Anywhere else, its name alone might be that of a shipped one.
    beside = {folder.parent.resolve() for folder in shipped().values()}
    name = entry.name if entry.folder.parent.resolve() in beside else f"./{entry.name}"
    return (
        "## Use\n\n```python\nimport zoo\n\n"
        f'denoise = zoo.load("{name}")\n'
        f"# {note}{shape}: {values}\nclean = denoise(noisy{sigma})\n```\n\n"
        f"```\nzoo denoise noisy.png -o clean.png --model {name}{option}\n```"
    )


def _scores(entry: Pretrained) -> str:
    if not entry.scores:
        return "## Scores\n\nNot measured."
    head = ("set", "images", "noise", "noisy PSNR", "PSNR", "noisy SSIM", "SSIM")
    rows = [
        (
            row["set"],
            str(row["count"]),
            row["noise"],
            decibels(row["noisy_psnr"]),
            decibels(row["psnr"]),
            f"{row['noisy_ssim']:.4f}",
            f"{row['ssim']:.4f}",
        )
        for row in entry.scores
    ]
    return (
        f"## Scores\n\n{table(head, rows, left=3)}\n\n{HOW}, SSIM with a Gaussian window of 11×11 pixels. The noisy "
        f"image's own figures stand beside. `{SCORE_COMMAND} {entry.name}` measures them again."
    )


def _int8(entry: Pretrained) -> str:
    """What `zoo export --to onnx-int8` makes of the entry; empty where it was not measured."""
    if not entry.int8:
        return ""
    facts = entry.int8
    head = ("set", "noise", "float32", "int8", "loss")
    rows = [
        (row["set"], row["noise"], f"{row['float32']:.2f}", f"{row['int8']:.2f}", f"{row['float32'] - row['int8']:.3f}")
        for row in facts["loss"]
    ]
    speed = facts["speed"]
    return (
        f"## In 8 bits\n\n{table(head, rows, left=2)}\n\nPSNR in dB of the file that `zoo export {entry.name} --to "
        f"onnx-int8` writes, calibrated on {facts['calibration']}, with {len(facts['in_float'])} of "
        f"{facts['convolutions']} convolutions left in float32. It is {speed['times']:.2f} times as fast as float32 in "
        f"the same run (ONNX Runtime {speed['onnxruntime']}, {speed['threads']} threads, {speed['size']}×"
        f"{speed['size']} pixels, {speed['processor']}, {'with' if speed['vnni'] else 'without'} VNNI) and its file "
        f"has {facts['bytes'] / facts['float32_bytes']:.0%} of the size of the one in float32. "
        f"`{INT8_COMMAND} {entry.name}` measures it again."
    )


def _training(entry: Pretrained) -> str:
    recipe = dict(entry.recipe)
    command = f"\n\n```\n{recipe.pop('command')}\n```" if "command" in recipe else ""
    text = f"\n\n{text}" if (text := (recipe.pop("docstring", None) or "").strip()) else ""
    facts = "\n".join(f"- {key.replace('_', ' ')}: {_value(value)}" for key, value in recipe.items())
    if not (text or command or facts):
        return "## Recipe\n\nNot stated."
    return f"## Recipe{text}{command}" + (f"\n\n{facts}" if facts else "")


def _data(entry: Pretrained) -> str:
    data = dict(entry.training_data)
    sources = data.pop("sources", [])
    text = f"## Training data\n\n{data_line(data)}"
    if sources:
        head = ("source", "licence", "images", "authors")
        rows = [(s["source"], s["license"], str(s["images"]), "; ".join(s["authors"])) for s in sources]
        text += (
            f"\n\n{table(head, rows, left=2)}\n\nNone of the images is part of this entry. What a licence asks of "
            "copies and adaptations of an image (naming the author, sharing alike) is stated as a fact about the data."
        )
    return text


def data_line(data: Mapping[str, Any]) -> str:
    """Name, size and licences of the training data, in one line."""
    size = [f"{data['images']} images"] if "images" in data else []
    size += [f"{data['megapixels']:g} megapixels"] if "megapixels" in data else []
    licenses = [f"{name} ({count})" for name, count in data.get("licenses", {}).items()]
    return ": ".join(filter(None, [str(data.get("name", "not stated")), ", ".join(size), ", ".join(licenses)]))


def _limits(entry: Pretrained) -> str:
    noise = noise_from_name(entry.noise)
    limits = [
        f"Made for `{entry.noise}` (levels on the 0–255 scale where they are deviations). Beyond these levels, and "
        "on noise of another kind, it was not measured.",
        "What looks like the noise goes with it: faint texture, film grain, stars. Do not measure on the result.",
    ]
    if "blocks" not in noise.kinds:
        size, reach = "resized", "independent from pixel to pixel"
        if {"bayer", "raw"} & set(noise.kinds):
            size, reach = "made much larger", "correlated over three pixels"
            if _augmented(entry.recipe, "enlarge", 1):
                reach = "correlated over a few pixels"
        ways = [size]
        ways += [] if _augmented(entry.recipe, "sharpen", 0) else ["sharpened"]
        ways += [] if _augmented(entry.recipe, "smooth", 0) else ["smoothed"]
        limits.insert(
            1,
            f"Noise that was {', '.join(ways[:-1])}{' or ' * (len(ways) > 1)}{ways[-1]} afterwards (as phones and "
            "cameras do) is correlated over many pixels, and is taken for detail: the noise of its training is "
            f"{reach}.",
        )
    if entry.channels == 1 and "gaussian" in noise.kinds and not entry.takes_sigma:
        limits.append(
            "Strong texture as fine as noise, such as fabric in a picture that was made small, can be taken for noise "
            "where the picture is little else. A colour entry, or one that is told the level, keeps more of it."
        )
    if "sources" in entry.training_data:  # the project's own
        limits.append(
            "It learned from photographs; drawings, scans, text and scientific images were not among them, or hardly."
        )
    if {"bayer", "jpeg"} <= set(noise.kinds):
        limits.append(
            "Strongly coloured fine texture, such as red knitwear, can be taken for a sensor's noise, also where the "
            "picture is clean."
        )
    if "jpeg" not in noise.kinds:
        limits.insert(2, "Not for compressed pictures: it has not seen the blocks of JPEG and leaves them, or worse.")
    if {"saltpepper", "blocks"} & set(noise.kinds):
        framed = '"frame": ' in json.dumps(entry.recipe)  # some of its training's patches were
        limits.append(
            "What is pure black or white without being lost may be filled in too: single pixels, thin lines"
            + ("." if framed else ", such as the black row or column at the edge of most pictures of Kodak24.")
        )
    if entry.config.get("impulses"):
        limits.append(
            "Values that are 5 or more of the 255 steps of 8 bits away from black and from white are never changed: "
            "take the picture before it is compressed, resized or filtered, which would lead lost pixels away from "
            "there. Nor can it learn to, by fine-tuning on another noise."
        )
    if entry.channels == 3 and "saltpepper" in noise.kinds:
        limits.append(
            "A lost pixel has lost all of its channels. Where each channel has lost pixels of its own, give the "
            "channels to the gray entry one by one."
        )
    if entry.channels == 3 and not entry.config.get("impulses"):
        limits.append(
            "Of a gray picture in three equal channels it leaves much of the noise, which in its training was another "
            "one in each channel: give one of them to a gray entry (`zoo denoise` without `--model` does)."
        )
    if entry.channels == 1:
        limits.append("Gray images only; for colour take an entry for colour rather than three passes.")
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits)


def summary(entries: Iterable[Pretrained]) -> str:
    """The scores of many entries (Markdown): a table for each kind of noise, with a row per entry and benchmark."""
    by_kind: dict[tuple[str, ...], list[Pretrained]] = {}
    for entry in entries:
        by_kind.setdefault(noise_from_name(entry.noise).kinds, []).append(entry)
    parts = [_scores_of(found) for found in by_kind.values()]
    return "\n\n".join([*parts, f"PSNR in dB. {HOW}. Measured by `{SCORE_COMMAND}`, which writes these tables."])


def _scores_of(entries: Sequence[Pretrained]) -> str:
    noises = list(dict.fromkeys(row["noise"] for entry in entries for row in entry.scores))
    head = ("entry", "parameters", "kMAC/pixel", "set", *noises)
    rows = []
    for entry in entries:
        for name in dict.fromkeys(row["set"] for row in entry.scores):
            found = {row["noise"]: decibels(row["psnr"]) for row in entry.scores if row["set"] == name}
            facts = f"`{entry.name}`", f"{entry.num_params:,}", f"{entry.macs_per_pixel / 1000:.1f}", name
            rows.append((*facts, *(found.get(noise, "") for noise in noises)))
    return table(head, rows, left=1)


def decibels(value: float | None) -> str:
    """With two places; None is infinite: no noise at all."""
    return "∞" if value is None else f"{value:.2f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, left: int) -> str:
    """A Markdown table; the first ``left`` columns, and those of text, to the left."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    numeric = [i >= left and all(not row[i] or row[i][0] in "-0123456789∞" for row in rows) for i in range(len(head))]
    rule = ["---:" if right else "---" for right in numeric]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def _value(value: Any, *, inner: bool = False) -> str:
    if isinstance(value, dict):
        text = ", ".join(f"{key}={_value(item, inner=True)}" for key, item in value.items())
        return f"({text})" if inner else text
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item, inner=True) for item in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _augmented(recipe: Any, name: str, none: float) -> bool:
    """Whether the augmentation ``name`` is anywhere in a recipe, and more than ``none``."""
    if isinstance(recipe, dict):
        return recipe.get(name, none) != none or any(_augmented(part, name, none) for part in recipe.values())
    return isinstance(recipe, list | tuple) and any(_augmented(part, name, none) for part in recipe)
