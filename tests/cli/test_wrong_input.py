"""Wrong input: exit 1 or 2, one line that tells how to mend it, and no file touched. The good one next to it passes."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo.cli import main
from zoo.cli.options import add_data


def jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


PHOTO = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
FLOATS = (PHOTO / 255).astype(np.float32)
NAN = FLOATS.copy()
NAN[3, 4] = np.nan

# Name → (file name, good content, bad content or None for no file, words of the message).
FILES: dict[str, tuple[str, bytes, bytes | None, str]] = {
    "missing": ("in.jpg", jpeg(PHOTO), None, "no such file"),
    "text": ("in.png", jpeg(PHOTO), b"this is no picture\n" * 9, "not an image"),
    "truncated": ("in.jpg", jpeg(PHOTO), jpeg(PHOTO)[:500], "whole"),
    "empty": ("in.jpg", jpeg(PHOTO), b"", "empty"),
    "empty array": ("in.npy", npy(FLOATS), b"", "numpy.save"),
    "truncated array": ("in.npy", npy(FLOATS), npy(FLOATS)[:-100], "numpy.save"),
    "missing array": ("in.npy", npy(FLOATS), None, "no such file"),
    "objects": ("in.npy", npy(FLOATS), npy(np.array([{}, {}])), "numpy.save"),
    "five channels": ("in.npy", npy(FLOATS), npy(np.zeros((8, 8, 5), np.float32)), "channels"),
    "a batch": ("in.npy", npy(FLOATS), npy(np.zeros((2, 8, 8, 1), np.float32)), "expected one image"),
    "no pixels": ("in.npy", npy(FLOATS), npy(np.zeros((0, 8), np.float32)), "no pixels"),
    "NaN": ("in.npy", npy(FLOATS), npy(NAN), "NaN"),
    "whole numbers": ("in.npy", npy(FLOATS), npy(PHOTO.astype(np.int64)), "uint8"),
}


@pytest.fixture
def refused(zoo, tmp_path: Path) -> Callable[..., str]:
    """Run what must be refused: check exit status, a single line, and that no file has changed; give the line."""

    def files() -> dict[Path, bytes | None]:
        return {path: path.read_bytes() if path.is_file() else None for path in tmp_path.rglob("*")}

    def run(*argv: object, status: int = 1) -> str:
        before = files()
        result = zoo(*argv)
        assert (result.status, result.out) == (status, "")
        assert result.err.startswith("zoo: error: ")
        assert result.err.count("\n") == 1
        assert files() == before
        return result.err

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output that is there already, and must stay as it is when the job fails."""
    (tmp_path / "out.png").write_bytes(b"precious")
    return tmp_path / "out.png"


@pytest.mark.parametrize("command", ["denoise", "noise"])
@pytest.mark.parametrize("case", FILES)
def test_a_wrong_picture_is_refused(command, case, zoo, refused, blur, out, tmp_path):
    name, good, bad, words = FILES[case]
    source = tmp_path / name
    options = ["--model", blur(1)] if command == "denoise" else ["--noise", "gaussian:25"]
    if bad is not None:
        source.write_bytes(bad)
    message = refused(command, source, "-o", out, *options)
    assert words in message
    assert str(source) in message
    source.write_bytes(good)
    assert zoo(command, source, "-o", out, *options).status == 0
    assert out.read_bytes() != b"precious"


@pytest.mark.parametrize("command", ["denoise", "noise"])
@pytest.mark.parametrize(
    "name", ["nowhere/out.png", "nowhere/out.npy", "gray.png/out.png", "out.what", "out", "sub.npy"]
)
def test_an_unwritable_output_is_refused(command, name, zoo, refused, blur, gray_file, tmp_path):
    (tmp_path / "sub.npy" / "gray.png").mkdir(parents=True)  # as a folder: OUT/gray.png would be a folder too
    options = ["--model", blur(1)] if command == "denoise" else ["--noise", "gaussian:25"]
    message = refused(command, gray_file, "-o", tmp_path / name, *options)
    assert name in message
    assert zoo(command, gray_file, "-o", tmp_path / "good.png", *options).status == 0


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder in which nobody can write")
@pytest.mark.parametrize("name", ["out.png", "out.npy"])
def test_a_folder_without_permission_is_refused(name, refused, blur, gray_file):
    assert "cannot be written" in refused("denoise", gray_file, "-o", f"/proc/self/{name}", "--model", blur(1))


def test_an_unknown_model_is_refused_and_near_ones_are_named(zoo, refused, blur, gray_file, out, monkeypatch):
    entries = {"resnet-gaussian-gray": blur(1)}
    monkeypatch.setattr("zoo.pretrained.shipped", lambda: entries)
    for name in ("resnet-gausian-gray", "nonsense", ""):
        for argv in (["denoise", gray_file, "-o", out, "--model", name], ["show", name]):
            if name or argv[0] == "show":
                assert "such as resnet-gaussian-gray" in refused(*argv, status=2)
    assert zoo("denoise", gray_file, "-o", out, "--model", "resnet-gaussian-gray").status == 0


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def forget_a_field(path: Path) -> None:
    facts = json.loads(path.read_text())
    del facts["halo"]
    path.write_text(json.dumps(facts))


DAMAGE = [
    ("model.onnx", flip_a_bit),
    ("model.onnx", cut),
    ("model.onnx", Path.unlink),
    ("entry.json", cut),
    ("entry.json", Path.unlink),
    ("entry.json", forget_a_field),
]


@pytest.mark.parametrize(("file", "damage"), DAMAGE)
def test_a_damaged_entry_is_refused(file, damage, zoo, refused, blur, gray_file, out):
    folder = blur(1)
    good = (folder / file).read_bytes()
    damage(folder / file)
    message = refused("denoise", gray_file, "-o", out, "--model", folder)
    assert file in message
    if file == "entry.json":
        refused("show", folder)
    (folder / file).write_bytes(good)
    assert zoo("denoise", gray_file, "-o", out, "--model", folder).status == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "required"),
        (["frobnicate"], "invalid choice"),
        (["denoise"], "required"),
        (["denoise", "in.png"], "-o"),
        (["denoise", "in.png", "-o", "out.png", "--tile", "0"], "--tile"),
        (["denoise", "in.png", "-o", "out.png", "--tile", "big"], "--tile"),
        (["denoise", "in.png", "-o", "out.png", "--threads", "-1"], "--threads"),
        (["denoise", "in.png", "-o", "out.png", "--sigma", "much"], "--sigma"),
        (["noise", "in.png", "-o", "out.png"], "--noise"),
        (["noise", "in.png", "-o", "out.png", "--noise", "hiss:3"], "gaussian"),
        (["noise", "in.png", "-o", "out.png", "--noise", "gaussian:300"], "255"),
        (["noise", "in.png", "-o", "out.png", "--noise", "gaussian:25", "--seed", "x"], "--seed"),
        (["list", "--architecture", "vgg"], "resnet"),
        (["list", "--channels", "2"], "--channels"),
        (["evaluate", "model", "images"], "--noise"),
        (["evaluate", "model", "images", "--noise", "hiss:3"], "gaussian"),
        (["export", "model", "--to", "stone", "-o", "out"], "onnx"),
    ],
)
def test_wrong_usage_is_told_in_a_line(argv, words, refused):
    assert words in refused(*argv, status=2)


@pytest.mark.parametrize("sigma", ["-1", "256", "nan", "loud"])
def test_a_noise_level_must_fit(sigma, zoo, refused, blur, gray_file, out):
    model = blur(1, takes_sigma=True)
    assert "sigma" in refused("denoise", gray_file, "-o", out, "--model", model, f"--sigma={sigma}", status=2)
    assert "sigma" in refused("denoise", gray_file, "-o", out, "--model", model, status=2)
    assert zoo("denoise", gray_file, "-o", out, "--model", model, "--sigma", "25").status == 0


def test_a_model_without_a_level_refuses_one(refused, blur, gray_file, out):
    assert "leave it out" in refused("denoise", gray_file, "-o", out, "--model", blur(1), "--sigma", 25, status=2)


def test_interrupting_is_no_traceback(zoo, gray_file, out, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zoo.inference.folder.denoise_file", interrupted)
    result = zoo("denoise", gray_file, "-o", out)
    assert (result.status, result.err) == (130, "zoo: error: interrupted\n")
    assert out.read_bytes() == b"precious"


def test_a_reader_that_has_enough_is_no_error(blur):
    """As of ``zoo show NAME | head -1``."""
    code = f"import sys; from zoo.cli import main; sys.exit(main(['show', {str(blur(1))!r}]))"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        process = subprocess.run(
            [sys.executable, "-c", code], stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert process.stderr == ""


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["denoise", "--help"], ["train", "--help"]])
def test_asking_for_help_is_no_error(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 0
    assert capsys.readouterr().out


def test_libraries_do_not_talk_beside_the_command(tmp_path):
    """libtiff prints past Python; the command says one line, and standard error is whole again afterwards."""
    Image.fromarray(np.zeros((64, 64), np.uint8)).convert("P").save(tmp_path / "in.tif", compression="tiff_lzw")
    content = bytearray((tmp_path / "in.tif").read_bytes())
    content[8:60] = bytes(52)  # the strips, which come first
    (tmp_path / "in.tif").write_bytes(content)
    with pytest.raises(OSError), Image.open(tmp_path / "in.tif") as image:
        image.load()
    program = (
        "import os, sys\nfrom zoo.cli import main\n"
        f"status = main(['denoise', {str(tmp_path / 'in.tif')!r}, '-o', {str(tmp_path / 'out.tif')!r}])\n"
        "os.write(2, b'afterwards\\n')\nprint('and Python', file=sys.stderr)\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    error, *rest = done.stderr.splitlines()
    assert error.startswith("zoo: error: ") and "in.tif" in error
    assert rest == ["afterwards", "and Python"]


def test_a_folder_that_lacks_what_it_is_to_hold(tmp_path, monkeypatch, capsys):
    (tmp_path / "train").mkdir()
    monkeypatch.delenv("DENOISE_ZOO_DATA", raising=False)
    for names, optional, given, said in (
        (["train"], False, [], "required: --data"),
        (["train"], False, ["--data", str(tmp_path)], None),
        (["test", "train", "val"], False, ["--data", str(tmp_path)], "holds no folder test and val"),
        (["train"], True, [], None),
    ):
        parser = argparse.ArgumentParser()
        add_data(parser, *names, optional=optional)
        if said is None:
            assert parser.parse_args(given).data == (tmp_path if given else None)
        else:
            with pytest.raises(SystemExit):
                parser.parse_args(given)
            assert said in capsys.readouterr().err
    monkeypatch.setenv("DENOISE_ZOO_DATA", str(tmp_path))
    parser = argparse.ArgumentParser()
    add_data(parser, "train")
    assert parser.parse_args([]).data == tmp_path
