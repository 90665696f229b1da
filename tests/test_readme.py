"""Every block of code in README.md does what it says: run here in order, in one folder, with a small budget."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from glob import glob
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

import zoo
from export.card import summary
from zoo.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
# An hour of training becomes two steps, and two more where the run is resumed.
BUDGETS = [
    (r"--minutes \d+(.*--resume)", r"--steps 4\1"),
    (r"--minutes \d+", "--steps 2"),
    (r"minutes=\d+", "steps=2"),
]


def with_small_budget(text: str) -> str:
    for pattern, replacement in BUDGETS:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the reader has: a noisy picture, a photograph, and a folder of photographs."""
    monkeypatch.chdir(tmp_path)
    photo = data.astronaut()[:192, :192]
    noisy = photo + np.random.default_rng(0).normal(0, 25, photo.shape)
    Image.fromarray(photo).save("photo.png")
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save("noisy.png")
    Path("photos").mkdir()
    for i, picture in enumerate([data.camera(), data.coffee(), data.chelsea()]):
        Image.fromarray(picture[100:228, 100:228]).save(f"photos/{i}.png")
    return tmp_path


def check_make(targets: list[str]) -> None:
    rules = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(targets) <= set(rules)


def check_pip(arguments: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    verb, what = arguments
    path, extras = re.fullmatch(r"(\.)(?:\[([\w,]+)\])?", what).groups()  # type: ignore[union-attr]
    assert (verb, path) == ("install", ".")
    assert set((extras or "").split(",")) - {""} <= set(project["optional-dependencies"])


def run_line(line: str) -> None:
    """One line of a shell block; one that this function does not know is an error."""
    words = shlex.split(with_small_budget(line))
    program, arguments = words[0], [path for word in words[1:] for path in sorted(glob(word)) or [word]]
    if program == "zoo":
        assert main(arguments) == 0, line
    elif program == "mkdir":
        for name in arguments:
            Path(name).mkdir()
    elif program == "make":
        check_make(arguments)
    else:
        assert program == "pip", line
        check_pip(words[1:])


def test_every_block_runs(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("zoo.finetuning.range_test.RATE_STEPS", 1)
    monkeypatch.setattr("zoo.finetuning.range_test.RATES", (3e-4,))
    assert {language for language, _ in BLOCKS} == {"python", "sh"}
    names: dict[str, object] = {}
    for language, block in BLOCKS:
        if language == "python":
            exec(compile(with_small_budget(block), "README.md", "exec"), names)
        else:
            for line in block.splitlines():
                run_line(line)
    out = capsys.readouterr().out
    assert "resnet-gaussian-gray" in out
    assert "against Keras" in out
    clean = names["clean"]
    assert isinstance(clean, np.ndarray)
    with Image.open("photo.png") as photo, Image.open("clean.png") as written:
        assert np.mean((np.asarray(photo, float) - clean) ** 2) < 150  # the noise: 625
        assert written.size == photo.size
    for made in (
        "runs/mine/best.weights.h5",
        "runs/mine/curve.png",
        "denoiser.onnx",
        "fitted/1/saved_model.pb",
        "clean",
    ):
        assert Path(made).exists()


def test_files_that_are_named_exist():
    names = set(re.findall(r"`([\w./-]+\.(?:py|md|toml))`", README)) - {"card.md"}
    assert names
    for name in names:
        folders = [ROOT, ROOT / "zoo" / "architectures", ROOT / "zoo" / "training"]
        assert any((folder / name).is_file() for folder in folders), name


def between(mark: str) -> str:
    return README.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0].strip()


def test_tables_are_what_the_scripts_write_today(monkeypatch: pytest.MonkeyPatch):
    """Neither typed nor left behind: of the entries' files, and of what was measured of others."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import baselines  # pyright: ignore[reportMissingImports]
    import benchmark  # pyright: ignore[reportMissingImports]
    import benchmark_finetune  # pyright: ignore[reportMissingImports]
    import noise_level_error  # pyright: ignore[reportMissingImports]

    entries = [zoo.describe(name) for name in zoo.list_pretrained()]
    assert entries and between("scores") == summary(entries)
    assert between("other noises") == baselines.summary(json.loads(baselines.KEPT.read_text(encoding="utf-8")))
    gains = json.loads(benchmark_finetune.KEPT.read_text(encoding="utf-8"))
    assert between("fine-tuning") == benchmark_finetune.tables(gains)
    known = benchmark.known_quality()
    quality = {name: f"{known[name, folder]:.2f}" for name, folder in known if folder in ("BSD68", "CBSD68")}
    rows = [line.split(" | ") for line in between("benchmark").splitlines() if " | " in line]
    told = {row[0].strip("|` "): row[5] for row in rows if row[0].strip("|` -") and row[5][:1].isdigit()}
    assert len(told) > 20 and told.items() <= quality.items()
    reached = {(e.name, score["set"], score["noise"]): score["psnr"] for e in entries for score in e.scores}
    rows = [[cell.strip("` ") for cell in line.strip("| ").split(" | ")] for line in between("ensemble").splitlines()]
    alone = {tuple(row[:3]): float(row[3]) for row in rows if len(row) == 6 and row[0].startswith("resnet-")}
    assert len(alone) == 8
    assert all(abs(psnr - reached[which]) < 0.006 for which, psnr in alone.items())
    compared = 0
    for line in between("noise level").split("| blind |")[1].splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        folder, _, bits = cells[0].partition(", ")
        noise = f"gaussian:{cells[1]}" + (f"+bits:{bits.split()[0]}" if bits else "") if len(cells) == 8 else ""
        entry = noise_level_error.SETS.get(folder)
        for name, cell in ((entry, 2), (f"{entry}-aware", 4)):
            if (name, folder, noise) in reached:
                assert abs(float(cells[cell]) - reached[name, folder, noise]) < 0.012, line  # noise is drawn in float32
                compared += 1
    assert compared > 20


def test_the_versions_are_those_of_the_constraints() -> None:
    root = Path(__file__).parent.parent
    run = subprocess.run([sys.executable, root / "scripts" / "tested_versions.py", "--check"], check=False)
    assert run.returncode == 0, "run scripts/tested_versions.py"
