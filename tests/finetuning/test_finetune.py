"""Fine-tuning: what is looked at, what is trained, what is said, and what is left when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from skimage import data as photographs

import export
import zoo
from zoo.cli import main
from zoo.errors import InputError, UsageError
from zoo.finetuning.finetune import _freeze
from zoo.finetuning.survey import Item, split, survey
from zoo.finetuning.verdict import Verdict, case, judge


@pytest.fixture(scope="module")
def parent() -> Path:
    """The smallest of the shipped entries."""
    return zoo.describe("shallow-gaussian-gray").folder


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """Folders of clean and noisy pictures, the noise striped."""
    folders = {name: tmp_path / name for name in ("clean", "noisy")}
    for folder in folders.values():
        folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(8):
        clean = photographs.camera()[40 * i : 40 * i + 96, 30 * i : 30 * i + 100]
        noisy = clean + 20 * rng.standard_normal((96, 1)) + 10 * rng.standard_normal(clean.shape)
        Image.fromarray(clean).save(folders["clean"] / f"{i}.png")
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folders["noisy"] / f"{i}.tif")
    return folders


def tune(parent: Path, out: Path, **options: Any) -> Any:
    defaults: dict[str, Any] = {"steps": 100, "patch": 32, "learning_rate": 1e-3, "progress": False}
    return zoo.finetune(parent, out, **(defaults | options))


# ---- the result ------------------------------------------------------------------------------------------------------


def test_pairs_become_an_entry_that_is_better_at_their_noise(
    parent: Path, pictures: dict[str, Path], tmp_path: Path
) -> None:
    said: list[str] = []
    verdict = tune(
        parent, tmp_path / "mine", pairs=(pictures["noisy"], pictures["clean"]), command="zoo x", say=said.append
    )
    assert verdict.improved and verdict.after > verdict.before + 0.5
    assert verdict.measure == "PSNR" and verdict.images == 1
    assert "8 pairs" in said[0] and "6 to learn from, 1 to choose the weights by, 1 to judge them" in said[1]
    entry = zoo.describe(tmp_path / "mine")
    assert entry.recipe["parent_sha256"] == zoo.describe(parent).files["model.weights.h5"]
    assert entry.recipe["command"] == "zoo x" and entry.recipe["verdict"]["after"] == verdict.after
    for name in ("before-after.png", "curve.png", "card.md", "model.onnx"):
        assert (entry.folder / name).is_file()
    assert not (tmp_path / "mine.training").exists()
    assert f"{verdict.before:.2f} dB before" in (entry.folder / "card.md").read_text(encoding="utf-8")
    # A citizen: it denoises by its path, and is what was judged.
    noisy = np.asarray(Image.open(pictures["noisy"] / "3.tif"))
    keras_model = zoo.load_keras(entry.folder)
    wanted = np.asarray(keras_model(noisy[None, ..., None] / np.float32(255)))[0, ..., 0]
    np.testing.assert_allclose(zoo.load(entry.folder)(noisy / np.float32(255)), wanted, atol=1e-5)


def test_numbers_of_twelve_bits_are_learned_from_by_their_white(
    parent: Path, pictures: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    eight = tune(parent, tmp_path / "eight", pairs=(pictures["noisy"], pictures["clean"]), steps=1)
    for folder in pictures.values():
        for path in folder.iterdir():
            deep = np.asarray(Image.open(path)).astype(np.uint16) * 16
            path.unlink()
            Image.fromarray(deep).save(path)
    arguments = ["finetune", str(parent), "--pairs", str(pictures["noisy"]), str(pictures["clean"]), "--patch", "32"]
    arguments += ["--steps", "1", "--learning-rate", "0.001", "--white", "4080", "-o", str(tmp_path / "mine")]
    assert main(arguments) == 0
    assert capsys.readouterr().out.rstrip().endswith("mine --white 4080")
    recipe = zoo.describe(tmp_path / "mine").recipe
    assert recipe["white"] == 4080
    for figure in ("before", "after"):  # judged alike, and learned from alike
        assert recipe["verdict"][figure] == pytest.approx(getattr(eight, figure), abs=0.01)
    assert "--model ./mine --white 4080" in (tmp_path / "mine" / "card.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="white=0; expected a number above 0"):
        tune(parent, tmp_path / "none", pairs=(pictures["noisy"], pictures["clean"]), white=0)
    for path in sorted(pictures["clean"].iterdir())[:3]:  # which are of 8 bits then, and cannot have such a white
        Image.fromarray((np.asarray(Image.open(path)) // 16).astype(np.uint8)).save(path)
    folders = (pictures["noisy"], pictures["clean"])
    found = survey("pairs", folders, channels=1, smallest=32, white=4080)
    assert len(found.items) == 5 and all("white=4080 for an image of uint8" in why for _, why in found.left_out)
    with pytest.raises(InputError, match=r"0 usable of 8 .* expected a clean image's, from 0 to white \(99\)"):
        survey("clean", (pictures["clean"],), channels=1, smallest=32, white=99)


def test_numbers_of_numpy_are_numbers(parent: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    numbers = {"steps": np.int64(2), "batch": np.int32(4), "patch": np.int64(32), "seed": np.uint8(1)}
    pairs = (pictures["noisy"], pictures["clean"])
    tune(parent, tmp_path / "mine", pairs=pairs, learning_rate=np.float32(1e-3), white=np.float32(255), **numbers)
    assert zoo.describe(tmp_path / "mine").recipe["seed"] == 1
    for wrong in ("a", 0, float("nan")):
        with pytest.raises(UsageError, match="learning_rate=.*; expected a number above 0"):
            tune(parent, tmp_path / "none", pairs=pairs, learning_rate=wrong)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("none")] == []


def test_noisy_images_alone(parent: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    """Noise stronger than the parent knows is learned without a clean image: the result is nearer to the clean ones."""
    folder = tmp_path / "white"
    folder.mkdir()
    rng = np.random.default_rng(1)
    clean = [np.asarray(Image.open(path)) / np.float32(255) for path in sorted(pictures["clean"].iterdir())]
    noisy = [image + rng.normal(0, 0.4, image.shape).astype(np.float32) for image in clean]
    for i, image in enumerate(noisy):
        np.save(folder / f"{i}.npy", image)
    verdict = tune(parent, tmp_path / "mine", noisy=folder, steps=200)
    assert verdict.measure == "neighbour PSNR" and verdict.improved and verdict.before_ssim is None
    error = [
        np.mean([np.square(zoo.load(entry)(a) - b).mean() for a, b in zip(noisy, clean, strict=True)])
        for entry in (parent, tmp_path / "mine")
    ]
    assert error[1] < 0.9 * error[0]


def test_without_gain_the_parents_weights_are_the_result(
    parent: Path, pictures: dict[str, Path], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"noise": "gaussian:2", "steps": 1, "learning_rate": 1e-12}
    verdict = tune(parent, tmp_path / "mine", clean=pictures["clean"], **options)
    before, after = zoo.describe(parent), zoo.describe(tmp_path / "mine")
    assert (before.noise, before.training_data) == (after.noise, after.training_data)
    assert not verdict.improved and "did not help" in str(verdict)
    for a, b in zip(zoo.load_keras(parent).get_weights(), zoo.load_keras(tmp_path / "mine").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "did not help" in (tmp_path / "mine" / "card.md").read_text(encoding="utf-8")


class Rows(keras.layers.Layer):
    """A noise of one's own."""

    def call(self, clean: Any) -> Any:
        count, height = keras.ops.shape(clean)[:2]
        return clean + 30 / 255 * keras.random.normal((count, height, 1, 1))


def test_noise_of_ones_own_and_a_network_of_ones_own(pictures: dict[str, Path], tmp_path: Path) -> None:
    image = keras.Input((None, None, 1))
    noise = keras.layers.Conv2D(1, (9, 1), padding="same", kernel_initializer="zeros")(image)
    export.publish(keras.Model(image, keras.layers.Subtract()([image, noise])), tmp_path / "own", noise="gaussian:25")
    with pytest.raises(UsageError, match="leaves nothing untrained"):
        tune(tmp_path / "own", tmp_path / "mine", clean=pictures["clean"], noise=Rows(), freeze="encoder")
    verdict = tune(tmp_path / "own", tmp_path / "mine", clean=pictures["clean"], noise=Rows(), learning_rate=0.01)
    entry = zoo.describe(tmp_path / "mine")
    assert verdict.improved and (entry.architecture, entry.noise) == ("own", "gaussian:25")
    assert zoo.load(entry.folder)(np.zeros((5, 7), np.uint8)).shape == (5, 7)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_judged_has_noise_that_is_only_there_sometimes(seed: int) -> None:
    item = Item("a", photographs.camera()[:64, :64, None])
    noisy, clean, _ = case(item, zoo.noise_from_name("gaussian:0-50?"), seed, 0)
    assert clean is not None and (noisy != clean).any()


def test_a_picture_that_comes_out_perfect_counts_as_100_db(parent: Path) -> None:
    model = zoo.load_keras(parent)
    image = np.zeros((32, 32, 1), np.float32)
    made = np.clip(np.asarray(model(image[None]))[0], 0, 1)
    verdict = judge(model, model, [(image, made, 0.0)], zoo.describe(parent))
    assert (verdict.before, verdict.after, verdict.improved) == (100, 100, False)


@pytest.mark.parametrize(("noise", "level"), [("gaussian:0-10", 10), ("gaussian:40-60", 40), ("gaussian:0-55", 25)])
def test_harm_is_measured_on_noise_that_the_parent_knows(parent: Path, noise: str, level: float) -> None:
    model, entry = zoo.load_keras(parent), replace(zoo.describe(parent), noise=noise)
    cases = [case(Item("one", photographs.camera()[:64, :64, None]), zoo.noise_from_name("gaussian:20"), 0, 0)]
    asked = replace(entry, noise=f"gaussian:{level}")
    assert judge(model, model, cases, entry).harm_after == judge(model, model, cases, asked).harm_after


def test_a_gain_by_neighbours_that_cost_much_is_no_proof() -> None:
    verdict = Verdict("neighbour PSNR", 3, 26.7, 28.5, None, None, 33.0, 27.0, True)
    assert "is no proof" in str(verdict)
    assert "is no proof" not in str(replace(verdict, harm_after=32.0))
    assert "is no proof" not in str(replace(verdict, measure="PSNR", before_ssim=0.8, after_ssim=0.9))


def test_a_refused_run_leaves_nothing(parent: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="colour"):
        tune(parent, tmp_path / "mine", clean=pictures["clean"], noise="bayer:10,3")
    with pytest.raises(UsageError, match="learning_rate=0"):
        tune(parent, tmp_path / "mine", clean=pictures["clean"], learning_rate=0)
    with pytest.raises(UsageError, match="clean of a list; expected the path of a folder"):
        tune(parent, tmp_path / "mine", clean=[photographs.camera()])
    with pytest.raises(UsageError, match="pairs='a'; expected two folders"):
        tune(parent, tmp_path / "mine", pairs="a")
    assert not (tmp_path / "mine.training").exists()


def test_the_name_of_a_shipped_entry_is_told_as_a_path(
    parent: Path,
    pictures: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--clean", "clean", "--steps", "1", "--patch", "32", "--learning-rate", "0.001"]
    assert main(["finetune", str(parent), *options, "-o", "resnet-gaussian-gray"]) == 0
    told = capsys.readouterr().out.split("--model ")[-1].strip()
    assert zoo.describe(told).folder.samefile(tmp_path / "resnet-gaussian-gray")


def test_what_was_found_is_told_where_the_bar_is_shown(
    parent: Path, pictures: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures["clean"] / "6.png").unlink()
    pairs = (pictures["noisy"], pictures["clean"])
    tune(parent, tmp_path / "quiet", pairs=pairs, steps=1)
    assert capsys.readouterr() == ("", "")
    tune(parent, tmp_path / "told", pairs=pairs, steps=1, progress=True)
    out, err = capsys.readouterr()
    assert not out and "6: only in" in err and "5 to learn from" in err


@pytest.mark.parametrize(("freeze", "trained"), [("encoder", ("decoder_", "head")), ("all-but-head", ("head",))])
def test_what_is_frozen_stays(
    parent: Path, pictures: dict[str, Path], tmp_path: Path, freeze: Any, trained: tuple[str, ...]
) -> None:
    verdict = tune(parent, tmp_path / "mine", pairs=(pictures["noisy"], pictures["clean"]), freeze=freeze)
    assert verdict.improved
    before, after = zoo.load_keras(parent), zoo.load_keras(tmp_path / "mine")
    for a, b in zip(before.layers, after.layers, strict=True):
        same = all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))
        assert same or a.name.startswith(trained)
    assert not np.array_equal(before.get_layer("head").get_weights()[0], after.get_layer("head").get_weights()[0])


def test_what_an_entry_does_not_train_stays_so(parent: Path) -> None:
    model = zoo.load_keras(parent)
    model.get_layer("head").trainable = False
    _freeze(model, "none")
    assert not model.get_layer("head").trainable and model.trainable_variables


def test_a_steplength_is_found(
    parent: Path, pictures: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.finetuning.range_test.RATES", (1e-9, 1e-3, 10.0))
    monkeypatch.setattr("zoo.finetuning.range_test.RATE_STEPS", 10)
    said: list[str] = []
    pairs = (pictures["noisy"], pictures["clean"])
    tune(parent, tmp_path / "mine", pairs=pairs, learning_rate=None, steps=20, say=said.append)
    assert said[2:4] == ["trying steplengths 1e-09, 0.001, 10", "steplength 0.001"]


# ---- stopped, and gone on --------------------------------------------------------------------------------------------


def test_killed_and_resumed_it_ends_with_the_same_weights(
    parent: Path, pictures: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["finetune", str(parent), "--pairs", str(pictures["noisy"]), str(pictures["clean"]), "--patch", "32"]
    budget = ["--steps", "60", "--learning-rate", "0.001"]
    assert main([*arguments, *budget, "-o", str(tmp_path / "whole")]) == 0
    run, stopped = tmp_path / "stopped.training" / "run" / "run.json", ["-o", str(tmp_path / "stopped")]
    command = [sys.executable, "-m", "zoo.cli", *arguments, *budget, *stopped]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not run.is_file() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert run.is_file() and not (tmp_path / "stopped").exists()
    capsys.readouterr()
    assert main([*arguments, *stopped]) == 2 and "--resume" in capsys.readouterr().err
    for option, value, what in (
        ("--batch", "4", "batch"),
        ("--white", "99", "white"),
        ("--learning-rate", "1", "learning_rate"),
    ):
        assert main([*arguments, *stopped, "--resume", option, value]) == 2
        assert f"has another {what}" in capsys.readouterr().err
    # Steps and steplength are those that it began with.
    assert main([*arguments, *stopped, "--resume"]) == 0
    a, b = (zoo.load_keras(tmp_path / name).get_weights() for name in ("whole", "stopped"))
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-6)


# ---- the look --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_used_is_left_out_with_its_reason(pictures: dict[str, Path]) -> None:
    noisy, clean = pictures["noisy"], pictures["clean"]
    plain = photographs.camera()[200:296, 300:400]
    (noisy / "damaged.png").write_bytes((clean / "0.png").read_bytes()[:200])
    (clean / "damaged.png").write_bytes((clean / "0.png").read_bytes())
    Image.fromarray(plain[:20]).save(noisy / "small.png")
    Image.fromarray(plain[:20]).save(clean / "small.png")
    Image.fromarray(plain).save(noisy / "equal.png")
    Image.fromarray(plain).save(clean / "equal.png")
    Image.fromarray(np.roll(plain, (3, -5), (0, 1))).save(noisy / "moved.png")
    Image.fromarray(plain).save(clean / "moved.png")
    Image.fromarray(photographs.moon()[:96, :100]).save(noisy / "other.png")
    Image.fromarray(plain).save(clean / "other.png")
    Image.fromarray(plain[:, :90]).save(noisy / "size.png")
    Image.fromarray(plain).save(clean / "size.png")
    Image.fromarray(plain).save(clean / "alone.png")
    found = survey("pairs", (noisy, clean), channels=1, smallest=32)
    assert len(found.items) == 8
    reasons = dict(found.left_out)
    assert set(reasons) == {"alone", *(f"{n}.png" for n in ("damaged", "small", "equal", "moved", "other", "size"))}
    assert "only in" in reasons["alone"] and "cannot be read" in reasons["damaged.png"]
    assert "expected at least 32" in reasons["small.png"] and "learns to copy" in reasons["equal.png"]
    assert reasons["moved.png"] == "shifted against its clean one by 3 pixels down and -5 to the right"
    assert "something else" in reasons["other.png"] and "96×90" in reasons["size.png"]
    assert "little to learn from" in found.notes[0]


@pytest.mark.parametrize("noise", ["blocks:25", "saltpepper:50", "gaussian:50"])
def test_pairs_of_strong_noise_are_pairs(tmp_path: Path, noise: str) -> None:
    for folder in ("noisy", "clean"):
        (tmp_path / folder).mkdir()
    crops = [photographs.camera()[y : y + 128, x : x + 128] for y in (0, 128, 256) for x in (0, 128, 256)]
    for i, crop in enumerate(crops):
        image = crop[..., None] / np.float32(255)
        np.save(tmp_path / "noisy" / f"{i}.npy", zoo.noise_from_name(noise).apply(image, np.random.default_rng(i)))
        np.save(tmp_path / "clean" / f"{i}.npy", image)
    found = survey("pairs", (tmp_path / "noisy", tmp_path / "clean"), channels=1, smallest=32)
    assert not found.left_out and len(found.items) == len(crops)


@pytest.mark.parametrize("scale", [1, 1 / 16])
def test_pairs_of_different_scenes_are_no_pairs_whatever_is_white(tmp_path: Path, scale: float) -> None:
    """Numbers of 12 bits in 16 differ by little of white; between them there is no noise to speak of either."""
    scenes = [photographs.camera()[:160, :160], photographs.coins()[:160, :160], photographs.moon()[200:360, 200:360]]
    for i, scene in enumerate(scenes):
        clean = scene * 257.0
        for folder, picture in (("noisy", scenes[i - 1] * 257.0), ("clean", clean), ("right", clean)):
            noise = 0 if folder == "clean" else np.random.default_rng(i).normal(0, 2000, clean.shape)
            (tmp_path / folder).mkdir(exist_ok=True)
            values = np.rint(np.clip(picture + noise, 0, 65535) * scale).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / folder / f"{i}.png")
    with pytest.raises(InputError, match="0 usable of 3 .*" + 3 * "shows something else than its clean one; .*"):
        survey("pairs", (tmp_path / "noisy", tmp_path / "clean"), channels=1, smallest=32)
    found = survey("pairs", (tmp_path / "right", tmp_path / "clean"), channels=1, smallest=32)
    assert len(found.items) == 3 and not found.left_out
    assert any("if white is another number, say which (--white" in note for note in found.notes) == (scale < 1)
    told = survey("pairs", (tmp_path / "right", tmp_path / "clean"), channels=1, smallest=32, white=65535 * scale)
    assert len(told.items) == 3 and not any("if white is" in note for note in told.notes)
    for item, scene in zip(told.items, scenes, strict=True):
        assert item.clean is not None and item.clean.dtype == np.float32
        np.testing.assert_allclose(item.clean[..., 0], scene / 255, atol=1e-3)


def test_a_run_inside_the_folder_of_pictures_is_none_of_them(pictures: dict[str, Path]) -> None:
    clean = pictures["clean"]
    before = survey("clean", (clean,), channels=1, smallest=32)
    run = clean / "mine.training" / "run"
    run.mkdir(parents=True)
    for name in ("curve.png", "run.json", "before-after.png"):
        (run / name).write_bytes((clean / "0.png").read_bytes())
    (clean / "curve.png").write_bytes((clean / "0.png").read_bytes())  # somebody's own
    after = survey("clean", (clean,), channels=1, smallest=32)
    assert {item.name for item in after.items} - {item.name for item in before.items} == {"curve.png"}


def test_two_of_one_name(pictures: dict[str, Path]) -> None:
    Image.open(pictures["noisy"] / "3.tif").save(pictures["noisy"] / "3.bmp")
    found = survey("pairs", (pictures["noisy"], pictures["clean"]), channels=1, smallest=32)
    assert len(found.items) == 7
    assert found.left_out == [("3", "several of this name (3.bmp, 3.png, 3.tif): which one is of the pair?")]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text(pictures: dict[str, Path]) -> None:
    os.rename(pictures["clean"] / "0.png", pictures["clean"] / os.fsdecode(b"caf\xe9.png"))
    assert len(survey("clean", (pictures["clean"],), channels=1, smallest=32).items) == 8


def test_noisy_clean_images_are_noticed(pictures: dict[str, Path]) -> None:
    assert not any("look noisy" in n for n in survey("clean", (pictures["clean"],), channels=1, smallest=32).notes)
    assert any("look noisy" in n for n in survey("clean", (pictures["noisy"],), channels=1, smallest=32).notes)
    for folders, said in ((("noisy", "clean"), ""), (("clean", "noisy"), "expected first the noisy ones")):
        notes = " ".join(survey("pairs", tuple(pictures[name] for name in folders), channels=1, smallest=32).notes)
        assert (said in notes) if said else ("noisy ones" not in notes and "look noisy" not in notes)


@pytest.mark.parametrize(
    ("noise", "said"),
    [("bayer:20,10", True), ("bayer:20,10+jpeg:85", True), ("gaussian:20", False), ("poisson:20", False)],
)
def test_noise_that_neighbours_share_is_noticed(tmp_path: Path, noise: str, said: bool) -> None:
    """Where nothing but noisy pictures is known, the network would learn to keep it, and the verdict not see it."""
    for i in range(4):
        clean = photographs.astronaut()[60 * i : 60 * i + 128, 40 * i : 40 * i + 128] / np.float32(255)
        noisy = zoo.noise_from_name(noise).sample(clean, np.random.default_rng(i))
        Image.fromarray(np.round(np.clip(noisy, 0, 1) * 255).astype(np.uint8)).save(tmp_path / f"{i}.png")
    found = survey("noisy", (tmp_path,), channels=3, smallest=32)
    assert any("neighbouring pixels share noise" in note for note in found.notes) == said


def test_depths_and_colours_are_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gray = photographs.camera()[:64, :64]
    Image.fromarray(gray).save(tmp_path / "a.png")
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "b.tif")
    Image.fromarray(photographs.astronaut()[:64, :64]).save(tmp_path / "c.jpg")
    found = survey("clean", (tmp_path,), channels=3, smallest=32)
    assert {item.image.shape for item in found.items} == {(64, 64, 3)}
    assert {item.image.dtype.name for item in found.items} == {"uint8", "uint16"}
    values = 3 * 3 * 64 * 64  # which training keeps in 16 bits each
    monkeypatch.setattr("zoo.finetuning.survey.CACHE_BYTES", 2 * values)
    survey("clean", (tmp_path,), channels=3, smallest=32)
    monkeypatch.setattr("zoo.finetuning.survey.CACHE_BYTES", 2 * values - 1)
    with pytest.raises(InputError, match="the images take more than"):
        survey("clean", (tmp_path,), channels=3, smallest=32)


def test_files_of_one_name_in_many_folders(tmp_path: Path) -> None:
    for i in range(6):
        (tmp_path / f"scene{i}").mkdir()
        Image.fromarray(photographs.camera()[40 * i : 40 * i + 64, :64]).save(tmp_path / f"scene{i}" / "shot.png")
    found = survey("clean", (tmp_path,), channels=1, smallest=32)
    assert len({item.name for item in found.items}) == 6
    assert [len(part) for part in split(found.items, 0)] == [1, 1, 4]


def test_too_few(pictures: dict[str, Path], tmp_path: Path) -> None:
    for path in sorted(pictures["clean"].iterdir())[2:]:
        path.unlink()
    with pytest.raises(InputError, match="2 usable of 2 .* expected at least 3"):
        survey("clean", (pictures["clean"],), channels=1, smallest=32)


def test_a_dry_run_writes_nothing(
    parent: Path, pictures: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(os.listdir(tmp_path))
    options = ["--clean", str(pictures["clean"]), "--dry-run"]
    assert main(["finetune", str(parent), *options, "-o", str(tmp_path / "mine")]) == 0
    assert sorted(os.listdir(tmp_path)) == before
    assert "8 clean images" in capsys.readouterr().out
    assert main(["finetune", str(parent), *options, "--noise", "nonsense:3", "-o", str(tmp_path / "mine")]) == 2
    assert "unknown noise" in capsys.readouterr().err
    assert main(["finetune", str(parent), *options, "-o", str(pictures["clean"])]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no images given"),
        ({"clean": "a", "noisy": "b"}, "clean, noisy given"),
        ({"pairs": ("a",)}, "expected two folders"),
        ({"noisy": "a", "noise": "gaussian:5"}, "leave it out"),
        ({"clean": "a", "minutes": 1}, "exactly one budget"),
        ({"clean": "a", "freeze": "head"}, "expected one of none, encoder"),
        ({"clean": "a", "resume": True}, "nothing to resume"),
    ],
)
def test_wrong_usage(parent: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tune(parent, tmp_path / "mine", **options)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["My_Denoiser", "no/folder/mine"])
def test_places_that_cannot_be(parent: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="expected|no existing folder"):
        tune(parent, tmp_path / name, clean=tmp_path)


def test_what_is_there_stays(parent: Path, pictures: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        tune(parent, tmp_path / "mine", clean=pictures["clean"])
    (tmp_path / "other.training").mkdir()
    (tmp_path / "other.training" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="is no run"):
        tune(parent, tmp_path / "other", clean=pictures["clean"])
    assert os.listdir(tmp_path / "other.training") == ["thesis.txt"]
