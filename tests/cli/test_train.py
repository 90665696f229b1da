"""``zoo train``: a run from the command line, continued, and refused."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import fields

import pytest
from PIL import Image
from skimage import data

import zoo
from zoo.cli import main
from zoo.training.guide import Guide

SMALL = '{"widths": [4, 6], "encoder_depths": [1, 1], "decoder_depths": [1]}'


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(data.camera()[::2, ::2]).save(folder / "camera.png")
    Image.fromarray(data.coins()).save(folder / "coins.png")
    return folder


def train(pictures, out, *more: str) -> int:
    return main(
        [
            "train",
            "--architecture",
            "resnet",
            "--config",
            SMALL,
            "--data",
            str(pictures),
            "--out",
            str(out),
            "--batch",
            "2",
        ]
        + ["--patch", "32", *more]
    )


def test_a_run_is_made_and_continued(pictures, tmp_path, capsys):
    out = tmp_path / "run"
    assert train(pictures, out, "--noise", "gaussian:0-55", "--steps", "3") == 0
    said = capsys.readouterr().out
    assert "best.weights.h5" in said and "(noisy: " in said and f"--model {out / 'denoiser'}" in said
    entry = zoo.describe(out / "denoiser")
    assert (entry.noise, entry.config, entry.architecture) == ("gaussian:0-55", json.loads(SMALL), "resnet")
    assert entry.recipe["steps"] == 3 and entry.recipe["fit"]["batch"] == 2
    written = "".join((entry.folder / name).read_text(encoding="utf-8") for name in ("entry.json", "card.md"))
    assert str(tmp_path) not in written and entry.recipe["fit"]["data"] == pictures.name
    assert (
        main(["denoise", str(pictures / "coins.png"), "-o", str(tmp_path / "a.png"), "--model", str(entry.folder)]) == 0
    )
    assert {"best.weights.h5", "curve.csv", "curve.png", "run.json"} <= {f.name for f in out.iterdir()}
    assert train(pictures, out, "--noise", "gaussian:0-55", "--steps", "5", "--resume") == 0
    assert json.loads((out / "run.json").read_text())["step"] == 5
    assert zoo.describe(out / "denoiser").recipe["steps"] == 5


def test_pairs_are_trained_on(pictures, tmp_path):
    noisy = tmp_path / "noisy"
    noisy.mkdir()
    for name in ("camera", "coins"):
        assert (
            main(["noise", str(pictures / f"{name}.png"), "-o", str(noisy / f"{name}.png"), "--noise", "gaussian:25"])
            == 0
        )
    assert train(pictures, tmp_path / "run", "--noisy", str(noisy), "--steps", "2") == 0
    (kind,) = zoo.noise_from_name(zoo.describe(tmp_path / "run" / "denoiser").noise).kinds
    assert kind == "gaussian"


def test_noisy_images_alone_are_trained_on_and_augmented_as_is_asked(pictures, tmp_path):
    noisy = tmp_path / "noisy"
    assert main(["noise", str(pictures), "-o", str(noisy), "--noise", "gaussian:25"]) == 0
    options = ["--self-supervised", "--loss", "l2", "--patience", "3", "--revive", "--augment", '{"flip": false}']
    assert train(noisy, tmp_path / "run", "--steps", "2", "--patch", "16", *options) == 0
    entry = zoo.describe(tmp_path / "run" / "denoiser")
    assert 15 < float(entry.noise.partition(":")[2]) < 35
    assert entry.recipe["fit"]["augment"] == {"flip": False}


def test_the_help_names_every_augmentation(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    words = capsys.readouterr().out.split("--augment JSON")[-1].split("--steps")[0]
    assert all(field.name in words for field in fields(zoo.Augment))


def test_swapped_pairs_are_told(pictures, tmp_path, capsys):
    noisy = tmp_path / "noisy"
    assert main(["noise", str(pictures), "-o", str(noisy), "--noise", "gaussian:25"]) == 0
    assert train(noisy, tmp_path / "run", "--noisy", str(pictures), "--steps", "1") == 0
    assert "zoo: warning: the noisy images are cleaner than the clean ones" in capsys.readouterr().err


def test_what_training_does_not_read_is_told(pictures, tmp_path, capsys):
    for name in ("a.tif", "b.webp", "c.TIF", "notes.txt"):
        (pictures / name).write_bytes(b"")
    assert train(pictures, tmp_path / "run", "--noise", "gaussian:25", "--steps", "2") == 0
    assert "2 .tif, 1 .webp" in capsys.readouterr().err


def test_stopped_it_says_what_is_left(pictures, tmp_path, capsys, monkeypatch):
    step = Guide.on_train_batch_end

    def stopped(self, batch, logs=None):
        signal.raise_signal(signal.SIGINT)
        step(self, batch, logs)

    monkeypatch.setattr(Guide, "on_train_batch_end", stopped)
    assert train(pictures, tmp_path / "run", "--noise", "gaussian:25", "--steps", "9") == 130
    assert f"is in {tmp_path / 'run'}, and --resume goes on from there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "status", "said"),
    [
        (["--noise", "gaussian:25"], 2, "--steps --minutes"),
        (["--noise", "gauss", "--steps", "2"], 2, "unknown noise"),
        (["--noise", "gaussian:0", "--steps", "2"], 2, "learn to copy"),
        (["--steps", "2"], 2, "expected"),
        (["--noise", "gaussian:25", "--steps", "2", "--config", "{"], 2, "no JSON"),
        (["--noise", "gaussian:25", "--steps", "2", "--config", '{"depth": 3}'], 2, "has no argument"),
        (["--noise", "gaussian:25", "--steps", "2", "--architecture", "vgg"], 2, "unknown architecture"),
        (["--noise", "gaussian:25", "--steps", "2", "--data", "nowhere"], 1, "no folder"),
        (["--noise", "gaussian:25", "--steps", "2", "--patch", "4096"], 2, "expected at least patch"),
        (["--noise", "gaussian:25", "--steps", "2", "--resume"], 1, "no run to resume"),
        (["--noise", "gaussian:25", "--steps", "2", "--seed", "-1"], 2, "--seed"),
        (["--noise", "gaussian:25", "--steps", "2", "--batch", "0"], 2, "--batch"),
        (["--noise", "gaussian:25", "--minutes", "nan"], 2, "--minutes"),
        (["--noise", "gaussian:25", "--steps", "2", "--config", '{"widths": 3}'], 2, "cannot be built"),
        (["--noise", "gaussian:25", "--steps", "2", "--augment", '{"turn": 3}'], 2, "no 'turn'; expected some of flip"),
        (["--noise", "gaussian:25", "--steps", "2", "--augment", '{"rescale": 9}'], 2, "rescale=9; expected 1 to 4"),
        (["--noise", "gaussian:25", "--steps", "2", "--self-supervised"], 2, "for noisy images, which bring their own"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_leaves_nothing(wrong, status, said, pictures, tmp_path, capsys):
    assert train(pictures, tmp_path / "run", *wrong) == status
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
@pytest.mark.parametrize("cache", ["0", "1000000000"])
def test_names_that_are_no_text(cache, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.training.sources.CACHE_BYTES", int(cache))
    (pictures / "coins.png").rename(pictures / os.fsdecode(b"m\xfcnzen.png"))
    assert train(pictures, tmp_path / "run", "--noise", "gaussian:25", "--steps", "2") == 0


def test_pictures_that_tensorflow_would_not_read_as_they_are(pictures, tmp_path, capsys):
    Image.fromarray(data.astronaut()).quantize(64).save(pictures / "astronaut.bmp")
    assert train(pictures, tmp_path / "run", "--noise", "gaussian:25", "--steps", "2") == 1
    assert "BMP with a palette" in capsys.readouterr().err
