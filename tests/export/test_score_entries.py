"""The scripts that measure, on an entry and benchmarks made here."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import keras
import pytest
from PIL import Image
from skimage import data

import export
import zoo
from export import publish

SCRIPTS = Path(__file__).parents[2] / "scripts"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def entry(small: Callable[..., keras.Model], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("entries") / "mine"
    config = {"widths": [6, 8]}
    publish(
        small("shallow", **config),
        folder,
        architecture="shallow",
        config=config,
        noise="gaussian:0-55",
        recipe={},
        training_data={},
    )
    return folder


def test_scores_and_table(entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = script("score_entries")
    for name in ("Set12", "BSD68"):
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.fromarray(data.camera()[:40, 150:200]).save(tmp_path / "test" / name / "a.png")
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- scores -->\nold\n<!-- /scores -->\nafter\n")
    monkeypatch.setattr(sys, "argv", ["score_entries", str(entry), "--data", str(tmp_path), "--readme", str(readme)])
    monkeypatch.setattr(zoo, "list_pretrained", lambda: [str(entry)])
    for _ in range(2):  # written over, the second time
        assert module.main() == 0
        text = readme.read_text(encoding="utf-8")
        assert text.startswith("before\n<!-- scores -->\n\n| entry ") and text.endswith("\n<!-- /scores -->\nafter\n")
        assert "old" not in text and text.count("| `mine` |") == 2
    scores = zoo.describe(entry).scores
    assert [(row["set"], row["noise"]) for row in scores] == [
        (name, f"gaussian:{level}") for name in ("Set12", "BSD68") for level in (0, 15, 25, 50)
    ]
    wanted = zoo.evaluate(zoo.load(entry), tmp_path / "test" / "Set12", "gaussian:25")
    assert scores[2] == {"set": "Set12", "noise": "gaussian:25", **wanted.row()}
    assert f"| {wanted.psnr:.2f} |" in readme.read_text(encoding="utf-8")
    assert scores[0]["noisy_psnr"] is None


def test_entries_of_other_noises_are_measured_on_theirs(entry: Path) -> None:
    noises = script("score_entries").noises
    found = {
        noise: noises(dataclasses.replace(zoo.describe(entry), noise=noise))
        for noise in ("poisson:1-100", "saltpepper:1-50", "camera:0-20,0-5+jpeg:60-100", "camera:5,5")
    }
    assert found["poisson:1-100"][0] == "poisson:1" and found["saltpepper:1-50"][-1] == "saltpepper:50"
    assert found["camera:0-20,0-5+jpeg:60-100"] == ("camera:0-20,0-5+jpeg:60-100",)
    assert found["camera:5,5"] == ("camera:5,5",)


def test_eight_bits(entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the card says of int8 is what the file that the command writes does."""
    monkeypatch.syspath_prepend(SCRIPTS)
    module = script("score_int8")
    for name in ("Set12", "BSD68"):
        (tmp_path / "test" / name).mkdir(parents=True)
        Image.fromarray(data.camera()[:40, 150:200]).save(tmp_path / "test" / name / "a.png")
    options = ["--data", str(tmp_path), "--threads", "1", "--size", "64", "--rounds", "3"]
    monkeypatch.setattr(sys, "argv", ["score_int8", str(entry), *options])
    scores = zoo.describe(entry).scores
    assert module.main() == 0
    found = zoo.describe(entry)
    assert found.scores == scores
    export.to_onnx_int8(zoo.load_keras(entry), tmp_path / "int8.onnx", noise=found.noise)
    for row in found.int8["loss"]:
        assert row["int8"] == pytest.approx(
            zoo.evaluate(tmp_path / "int8.onnx", tmp_path / "test" / row["set"], row["noise"]).psnr, abs=1e-4
        )
    assert len(found.int8["loss"]) == 6 and found.int8["speed"]["times"] > 0
    assert found.int8["bytes"] == (tmp_path / "int8.onnx").stat().st_size
    assert "## In 8 bits" in (entry / "card.md").read_text(encoding="utf-8")


def test_a_readme_without_a_place(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("text")
    with pytest.raises(zoo.ZooError, match="<!-- scores -->"):
        script("score_entries").write_between(tmp_path / "README.md", "scores", "")
    assert (tmp_path / "README.md").read_text() == "text"


def test_benchmark(
    entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("benchmark")
    (tmp_path / "peers").mkdir()
    for name in module.BASELINES:
        (tmp_path / "peers" / f"{name}.onnx").write_bytes((entry / "model.onnx").read_bytes())
    options = ["--data", str(tmp_path), "--threads", "1", "--size", "128", "--rounds", "3"]
    monkeypatch.setattr(sys, "argv", ["benchmark", str(entry), *options, "--json", str(tmp_path / "speed.json")])
    assert module.main() == 0
    facts = json.loads((tmp_path / "speed.json").read_text())
    assert (facts["threads"], facts["size"], facts["rounds"]) == (1, 128, 3)
    rows = {row["model"]: row for row in facts["results"]}
    assert set(rows) == {"mine", *module.BASELINES}
    for row in rows.values():
        assert row["megapixels_per_second"] == pytest.approx(128 * 128 / 1e3 / row["milliseconds"], rel=0.01)
    assert rows["ffdnet_gray"]["times_ffdnet_gray"] == 1
    rates = [row["megapixels_per_second"] for row in facts["results"]]
    assert rates == sorted(rates, reverse=True)
    assert "| mine |" in capsys.readouterr().out


def test_rates_and_ratios() -> None:
    """Medians: one slow round, in which the machine did something else, does not count."""
    module = script("benchmark")
    contestants = []
    for name, seconds in (("mine", [0.1, 0.1, 9.0]), ("dncnn_gray25", [0.5, 0.6, 0.5])):
        contestant = module.Contestant.__new__(module.Contestant)
        contestant.name, contestant.channels, contestant.seconds = name, 1, seconds
        contestants.append(contestant)
    mine, peer = module.results(contestants, 1000)
    assert mine == {
        "model": "mine",
        "channels": 1,
        "milliseconds": 100.0,
        "megapixels_per_second": 10.0,
        "times_dncnn_gray25": 5.0,
    }
    assert peer["times_dncnn_gray25"] == 1
