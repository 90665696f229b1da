"""The scripts that measure, on an entry and benchmarks made here."""

from __future__ import annotations

import dataclasses
import importlib.util
import shutil
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
from export.entry import measured

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def beside_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts import one another, as where they are run."""
    monkeypatch.syspath_prepend(SCRIPTS)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"script_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for their module
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
        (name, f"gaussian:{level}")
        for name in ("Set12", "BSD68")
        for level in (0, 15, 25, 50, "25+bits:8", "50+bits:8")
    ]
    wanted = zoo.evaluate(zoo.load(entry), tmp_path / "test" / "Set12", "gaussian:25")
    assert scores[2] == {"set": "Set12", "noise": "gaussian:25", **wanted.row()}
    assert f"| {wanted.psnr:.2f} |" in readme.read_text(encoding="utf-8")
    assert scores[0]["noisy_psnr"] is None


def test_ensembles_of_the_named_entries_are_measured_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, readme = script("score_ensemble"), tmp_path / "README.md"
    (tmp_path / "test" / "BSD68").mkdir(parents=True)
    Image.fromarray(data.camera()[:40, 150:200]).save(tmp_path / "test" / "BSD68" / "a.png")
    rows = [f"| `{name}` | as | it | stands | 1.00 | 2.00 |" for name in module.ENTRIES]
    readme.write_text("\n".join(["<!-- ensemble -->", "", *rows, "", "measured by", "<!-- /ensemble -->"]))
    name = "resnet-gaussian-gray-tiny"
    monkeypatch.setattr(sys, "argv", ["score_ensemble", name, "--data", str(tmp_path), "--readme", str(readme)])
    assert module.main() == 0
    text = readme.read_text(encoding="utf-8")
    found = zoo.evaluate(name, tmp_path / "test" / "BSD68", "gaussian:25", ensemble=8)
    assert [row in text for row in rows] == [False] + [True] * (len(rows) - 1)
    assert f"| `{name}` | BSD68 | gaussian:25 |" in text and f"| {found.psnr:.2f} |\n" in text
    readme.write_text("<!-- ensemble -->\n<!-- /ensemble -->")
    assert module.main() == 1 and "ensemble" in readme.read_text(encoding="utf-8")


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
    assert len(found.int8["loss"]) == 10 and found.int8["speed"]["times"] > 0
    assert found.int8["bytes"] == (tmp_path / "int8.onnx").stat().st_size
    assert "## In 8 bits" in (entry / "card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["score_entries", "score_ensemble", "noise_level_error", "baselines"])
def test_a_readme_is_looked_into_before_hours_are_spent(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("test", "val"):
        (tmp_path / folder).mkdir()  # empty: measuring would end in another error
    (tmp_path / "README.md").write_text("text")
    options = ["--data", str(tmp_path), "--readme", str(tmp_path / "README.md")]
    monkeypatch.setattr(sys, "argv", [name, *options])
    assert script(name).main() == 1
    assert "has no place for the table" in capsys.readouterr().err


def test_figures_of_files_that_were_replaced_meanwhile_are_not_kept(entry: Path, tmp_path: Path) -> None:
    """Nor does who measures one thing undo what was measured of another."""
    copy = tmp_path / "mine"
    shutil.copytree(entry, copy)
    known = zoo.describe(copy)
    row = {"set": "x", "noise": "gaussian:25", "count": 1, "psnr": 30.0, "ssim": 0.9, "noisy_psnr": 20, "noisy_ssim": 0}
    measured(known, scores=[row])
    assert measured(known, recipe={"steps": 3}).scores == [row] == zoo.describe(copy).scores
    text = (copy / "entry.json").read_text().replace(known.files["model.onnx"], "0" * 64)
    (copy / "entry.json").write_text(text)
    with pytest.raises(zoo.ZooError, match="published anew while it was measured"):
        measured(known, scores=[])
    assert (copy / "entry.json").read_text() == text


def test_a_readme_without_a_place(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("text")
    with pytest.raises(zoo.ZooError, match="<!-- scores -->"):
        script("readme").write_between(tmp_path / "README.md", "scores", "")
    with pytest.raises(zoo.ZooError, match="none.md' cannot be read"):
        script("readme").around(tmp_path / "none.md", "scores")
    assert (tmp_path / "README.md").read_text() == "text"


def test_benchmark(
    entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("benchmark")
    (tmp_path / "peers").mkdir()
    for name in module.BASELINES[1]:
        export.to_onnx(zoo.load_keras(entry), tmp_path / "peers" / f"{name}.onnx")
    options = ["--data", str(tmp_path), "--threads", "1", "--size", "128", "--rounds", "3"]
    monkeypatch.setattr(sys, "argv", ["benchmark", str(entry), *options])
    assert module.main() == 0
    out = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines() if line.startswith("|")]
    rows = {line[0]: dict(zip(lines[0], line, strict=True)) for line in lines[2:] if len(line) == len(lines[0])}
    assert {"`mine`", *module.BASELINES[1]} <= set(rows)
    assert float(rows["`mine`"]["kMAC/pixel"]) == pytest.approx(zoo.describe(entry).macs_per_pixel / 1000, abs=0.05)
    assert rows["ffdnet_gray"]["× ffdnet_gray"] == "1.00" and "Conv" in rows["`mine`"]["time goes to"]
    times = [float(row["ms/megapixel"]) for row in rows.values()]
    assert times[:3] == sorted(times[:3]) and "3 rounds" in out


def test_ratios_and_qualities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = script("benchmark")
    contestant = module.Contestant.__new__(module.Contestant)
    # Medians: one slow round, in which the machine did something else, does not count.
    contestant.size, contestant.seconds = 1000, [0.1, 0.1, 9.0]
    assert contestant.milliseconds == pytest.approx(100)
    rows = [
        module.Row("mine", "entry", 1, 100.0, 20_000.0, 0.25, "Conv 90 %"),
        module.Row("dncnn_gray25", "peer", 1, 550.0),
        module.Row("slow", "classical", 1, 50_000.0),
    ]
    monkeypatch.setattr(module, "known_quality", lambda: {("mine", "BSD68"): 28.5, ("slow", "BSD68"): 27.0})
    found = module.text(rows, "note")
    assert "| `mine` | 20.0 | 100 | 5.50 | 28.50 | 25% | Conv 90 % |" in found
    assert "| slow |  | 50000 | 0.01 | 27.00 |  |  |" in found and found.endswith("note")
    module.draw(rows, tmp_path / "picture.png")
    assert Image.open(tmp_path / "picture.png").size[0] > 500


def test_work_is_counted_in_files_of_others(tmp_path: Path) -> None:
    module = script("benchmark")
    image = keras.Input((None, None, 1))
    features = keras.layers.Conv2D(8, 3, padding="same")(image)
    model = keras.Model(image, keras.layers.Conv2D(1, 1)(features))
    export.to_onnx(model, tmp_path / "peer.onnx", layout="nchw")
    contestant = module.Contestant("peer", tmp_path / "peer.onnx", 1, 16)
    assert module.work(contestant) == 9 * 8 + 8


def test_strips(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = script("strips")
    clean = module.scene()
    assert clean.shape == (*module.SIZE, 3) and 0 <= clean.min() < 0.1 and 0.9 < clean.max() <= 1
    monkeypatch.setattr(sys, "argv", ["strips", str(entry)])
    monkeypatch.delenv("DENOISE_ZOO_DATA", raising=False)
    assert module.main() == 0
    assert Image.open(entry / "strip.webp").size[0] > 3 * module.SIZE[1]
    assert "](strip.webp)" in (entry / "card.md").read_text(encoding="utf-8")
