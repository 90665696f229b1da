from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import onnx
import pytest

import zoo
from export import publish
from export.card import card
from export.entry import exported_again, measured
from zoo.errors import ParityError, UsageError
from zoo.pretrained import Pretrained, sha256

Small = Callable[..., keras.Model]
CONFIG = {"channels": 3, "widths": (6, 8), "takes_sigma": True}
DATA = {
    "name": "hills",
    "images": 3,
    "megapixels": 1.5,
    "licenses": {"CC-BY-4.0": 3},
    "sources": [{"source": "hill|pictures", "license": "CC-BY-4.0", "images": 3, "authors": ["Ann", "Zoe"]}],
}
SCORE = {"set": "Kodak24", "noise": "gaussian:25", "psnr": 31.456, "ssim": 0.87654, "noisy_psnr": 20.17}
SCORE |= {"noisy_ssim": 0.4, "count": 24}
CLEAN = SCORE | {"noise": "gaussian:0", "psnr": 44.0, "noisy_psnr": None, "noisy_ssim": 1.0}


def put(model: keras.Model, folder: Path, **changes: Any) -> Pretrained:
    facts: dict[str, Any] = {
        "architecture": "shallow",
        "config": CONFIG,
        "noise": "gaussian:0-55",
        "recipe": {"command": "python scripts/recipes/x.py", "docstring": "Trained on hills.", "steps": 1000},
        "training_data": DATA,
        "scores": [SCORE, CLEAN],
    }
    return publish(model, folder, **(facts | changes))


@pytest.fixture(scope="module")
def trained(small: Small) -> keras.Model:
    """Compiled and trained a little, so that it has an optimizer with state."""
    model = small("shallow", **CONFIG)
    model.compile("adam", "mae", jit_compile=False)
    image = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    model.fit([image, np.full((2, 1), 0.1, np.float32)], image, verbose=0)
    return model


@pytest.fixture(scope="module")
def entry(trained: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    """An entry that is only read."""
    return put(trained, tmp_path_factory.mktemp("entries") / "hills-color")


def test_facts(entry: Pretrained, trained: keras.Model) -> None:
    accounting = zoo.accounting(trained)
    assert (entry.name, entry.architecture, entry.channels) == ("hills-color", "shallow", 3)
    assert entry.config == {"channels": 3, "widths": [6, 8], "takes_sigma": True}
    assert entry.takes_sigma and entry.noise == "gaussian:0-55" and entry.license == "Apache-2.0"
    assert (entry.halo, entry.multiple_of) == (accounting.halo, accounting.multiple_of)
    assert (entry.num_params, entry.macs_per_pixel) == (trained.count_params(), accounting.macs_per_pixel)
    assert sum(row["parameters"] for row in entry.layers) == entry.num_params
    assert entry.scores == [SCORE, CLEAN] and entry.training_data == DATA
    assert sorted(os.listdir(entry.folder)) == ["card.md", "entry.json", "model.onnx", "model.weights.h5"]
    assert entry.files == {name: sha256(entry.folder / name) for name in ("model.weights.h5", "model.onnx")}
    assert zoo.describe(entry.folder) == entry
    facts = {fact.key: fact.value for fact in onnx.load(entry.file("model.onnx")).metadata_props}
    assert facts["weights_sha256"] == entry.files["model.weights.h5"]
    assert (facts["name"], facts["noise"], facts["license"]) == ("hills-color", "gaussian:0-55", "Apache-2.0")
    assert facts["training_data"] == "hills: 3 images, 1.5 megapixels: CC-BY-4.0 (3)"


def test_it_works_like_the_model(entry: Pretrained, trained: keras.Model) -> None:
    image = np.random.default_rng(1).random((37, 22, 3), np.float32)
    inputs = [image[None], np.array([[30 / 255]], np.float32)]
    wanted = trained(inputs, training=False).numpy()[0]
    assert np.abs(wanted - image).max() > 0.05
    np.testing.assert_allclose(zoo.load(entry.folder)(image, sigma=30), wanted, rtol=0, atol=1e-5)
    again = zoo.load_keras(str(entry.folder))
    np.testing.assert_array_equal(again(inputs, training=False).numpy()[0], wanted)


def test_weights_without_the_optimizer(entry: Pretrained) -> None:
    names: list[str] = []
    with h5py.File(entry.file("model.weights.h5")) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    assert len(names) == len(zoo.load_keras(str(entry.folder)).weights)
    assert not [name for name in names if "optimizer" in name]


def test_card(entry: Pretrained) -> None:
    card = (entry.folder / "card.md").read_text(encoding="utf-8")
    for needed in (
        "# hills-color\n",
        'zoo.load("./hills-color")',
        "denoise(noisy, sigma=25)",
        "--sigma 25",
        "| Kodak24 | 24 | gaussian:25 | 20.17 | 31.46 | 0.4000 | 0.8765 |",
        "| Kodak24 | 24 | gaussian:0 | ∞ | 44.00 | 1.0000 | 0.8765 |",
        "python scripts/recipes/x.py",
        "Trained on hills.",
        "- steps: 1000",
        "hills: 3 images, 1.5 megapixels: CC-BY-4.0 (3)",
        "| hill\\|pictures | CC-BY-4.0 | 3 | Ann; Zoe |",
        "## Limits",
    ):
        assert needed in card, needed


@pytest.mark.parametrize(
    ("augment", "words"),
    [
        ({}, "made much larger, sharpened or smoothed afterwards"),
        ({"enlarge": 1, "sharpen": 0, "smooth": 0}, "made much larger, sharpened or smoothed afterwards"),
        ({"enlarge": 2, "sharpen": 1}, "made much larger or smoothed afterwards"),
        ({"smooth": 1.5, "sharpen": 1}, "made much larger afterwards"),
    ],
)
def test_limits_name_what_it_was_not_trained_for(entry: Pretrained, augment: dict[str, Any], words: str) -> None:
    """Wherever a recipe has it: the project's own by stages, a user's among his options."""
    for recipe in (
        {"augment": augment},
        {"finish": [{"minutes": 1}, {"augment": augment}]},
        {"fit": {"augment": augment}},
    ):
        text = card(replace(entry, noise="bayer:0-40,0-25", recipe=recipe))
        assert f"Noise that was {words} (as phones and cameras do)" in text
        assert ("over a few pixels" in text) == (augment.get("enlarge") == 2)


def test_publishing_again_gives_the_same_and_replaces(trained: keras.Model, tmp_path: Path) -> None:
    first = put(trained, tmp_path / "mine")
    (tmp_path / "mine" / "before-after.png").write_text("of the earlier one")
    again = put(trained, tmp_path / "mine")
    assert again == first and os.listdir(tmp_path) == ["mine"]
    assert "before-after.png" not in os.listdir(tmp_path / "mine")


@pytest.mark.parametrize(
    "config",
    [{**CONFIG, "activation": "leaky_relu"}, {**CONFIG, "predicts": "noise"}, {**CONFIG, "widths": [6, 9]}],
)
def test_config_of_another_model(trained: keras.Model, tmp_path: Path, config: dict[str, Any]) -> None:
    first = put(trained, tmp_path / "mine")
    with pytest.raises(UsageError, match="makes another model than the one that was trained"):
        put(trained, tmp_path / "mine", config=config)
    assert zoo.describe(tmp_path / "mine") == first and os.listdir(tmp_path) == ["mine"]


def test_mismatch_leaves_nothing(trained: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(*_: object) -> None:
        raise ParityError("differs")

    monkeypatch.setattr("export.onnx_file.check_parity", differs)
    with pytest.raises(ParityError):
        put(trained, tmp_path / "mine")
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"noise": "hiss:3"}, "unknown noise"),
        ({"recipe": {"command": object()}}, "recipe does not fit into JSON"),
        ({"architecture": "deeper"}, "unknown architecture"),
    ],
)
def test_facts_that_do_not_fit(trained: keras.Model, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        put(trained, tmp_path / "mine", **changes)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["", "My Model", "..", "-x"])
def test_names_that_are_none(trained: keras.Model, name: str) -> None:
    with pytest.raises(UsageError, match="entry name"):
        put(trained, name)  # type: ignore[arg-type]


def test_folder_of_something_else(trained: keras.Model, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear").write_text("dear")
    with pytest.raises(UsageError, match="which would be lost"):
        put(trained, tmp_path / "letters")
    assert os.listdir(tmp_path / "letters") == ["dear"]
    # An entry is replaced, with what the zoo drew of it, but not with what somebody else put there.
    put(trained, tmp_path / "mine")
    (tmp_path / "mine" / "strip.webp").touch()
    put(trained, tmp_path / "mine")
    (tmp_path / "mine" / "photos").mkdir()
    with pytest.raises(UsageError, match="holds photos, which would be lost"):
        put(trained, tmp_path / "mine")
    assert (tmp_path / "mine" / "photos").is_dir()


def test_mixed_precision_is_published_in_float32(small: Small, tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        put(small("shallow", **CONFIG), tmp_path / "mine")
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    image = np.random.default_rng(1).random((9, 7, 3), np.float32)
    wanted = small("shallow", **CONFIG)([image[None], np.array([[0.1]], np.float32)], training=False).numpy()[0]
    np.testing.assert_allclose(zoo.load(tmp_path / "mine")(image, sigma=25.5), wanted, rtol=0, atol=1e-5)


def test_half_precision_in_both_files(trained: keras.Model, tmp_path: Path) -> None:
    """Rounded once, and then the same everywhere."""
    half = put(trained, tmp_path / "half", storage="float16")
    kinds = set()
    with h5py.File(half.folder / "model.weights.h5") as file:
        file.visititems(lambda _, item: kinds.add(item.dtype) if isinstance(item, h5py.Dataset) else None)
    assert kinds == {np.dtype(np.float16)}
    weights = onnx.load(half.folder / "model.onnx").graph.initializer
    large = [weight for weight in weights if "/kernel" in weight.name]
    assert large and all(weight.data_type == onnx.TensorProto.FLOAT16 for weight in large)
    loaded = zoo.load_keras(half.folder)
    for found, wanted in zip(loaded.get_weights(), trained.get_weights(), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, wanted.astype(np.float16))
    image = np.random.default_rng(0).random((33, 18, 3)).astype(np.float32)
    inputs = [image[None], np.array([[0.1]], np.float32)]
    np.testing.assert_allclose(
        zoo.load(half.folder)(image, sigma=25.5), np.asarray(loaded(inputs))[0], rtol=0, atol=1e-5
    )
    weights = trained.get_weights()
    try:
        trained.set_weights([np.full_like(values, 1e6) for values in weights])
        with pytest.raises(UsageError, match="expected finite float16 weights"):
            put(trained, tmp_path / "large", storage="float16")
    finally:
        trained.set_weights(weights)
    assert not (tmp_path / "large").exists()


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_the_onnx_file_is_written_again_from_the_weights(trained: keras.Model, tmp_path: Path, storage: str) -> None:
    first = put(trained, tmp_path / "hills-color", storage=storage)
    before = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    (first.folder / "model.onnx").write_bytes(b"of another time")
    again = exported_again(first)
    assert again == first == zoo.describe(first.folder)
    assert {path.name: path.read_bytes() for path in first.folder.iterdir()} == before


def test_scores_can_be_measured_later(trained: keras.Model, tmp_path: Path) -> None:
    first = put(trained, tmp_path / "mine", scores=None)
    assert first.scores == [] and "Not measured" in (first.folder / "card.md").read_text(encoding="utf-8")
    measured(first, scores=[SCORE])
    second = zoo.describe(first.folder)
    assert second.scores == [SCORE] and second.files == first.files
    assert "31.46" in (first.folder / "card.md").read_text(encoding="utf-8")
    assert json.loads((first.folder / "entry.json").read_text(encoding="utf-8"))["recipe"]["steps"] == 1000


def test_a_network_of_ones_own(tmp_path: Path) -> None:
    """Of halves, so that it takes even sizes only; in half precision, and published again as it was loaded."""
    image = keras.Input((None, None, 3))
    half = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(image)
    noise = keras.layers.Conv2DTranspose(3, 2, strides=2)(half)
    model = keras.Model(image, keras.layers.Subtract()([image, noise]), name="halves")
    model.compile("adam", "mae", jit_compile=False)
    batch = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    model.fit(batch, batch, verbose=0)
    entry = publish(model, tmp_path / "mine", noise="gaussian:25", storage="float16")
    assert (entry.architecture, entry.config, entry.multiple_of, entry.channels) == ("own", {}, 2, 3)
    assert set(entry.files) == {"model.weights.h5", "model.onnx", "model.json"}
    assert "a network of its makers' own" in (entry.folder / "card.md").read_text(encoding="utf-8")
    odd = np.random.default_rng(1).random((7, 11, 3), np.float32)
    loaded = zoo.load_keras(entry.folder)
    np.testing.assert_allclose(zoo.load(entry.folder)(odd), loaded(odd[None], training=False)[0], atol=1e-6)
    np.testing.assert_allclose(loaded(batch, training=False), model(batch, training=False), atol=1e-3)
    again = publish(loaded, tmp_path / "again", noise="gaussian:25", storage="float16")
    assert (again.halo, again.num_params) == (entry.halo, entry.num_params)
    np.testing.assert_array_equal(zoo.load(again.folder)(odd), zoo.load(entry.folder)(odd))
