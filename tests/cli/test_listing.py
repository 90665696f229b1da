"""``zoo list`` and ``zoo show``: what is known of the entries."""

from __future__ import annotations

import dataclasses
import json

import pytest

from zoo.cli.listing import headline
from zoo.pretrained import describe, list_pretrained


@pytest.fixture
def two(blur, monkeypatch):
    entries = {"blur-1": blur(1), "blur-3": blur(3)}
    monkeypatch.setattr("zoo.pretrained.shipped", lambda: entries)
    return entries


def test_a_line_per_entry(two, zoo):
    result = zoo("list")
    head, *lines = result.out.splitlines()
    assert result.status == 0
    assert head.split() == ["name", "noise", "channels", "parameters", "kMAC/pixel", "score"]
    assert [line.split()[:5] for line in lines] == [
        ["blur-1", "gaussian:0-55", "1", "9", "0.0"],
        ["blur-3", "gaussian:0-55", "3", "27", "0.0"],
    ]
    assert all(line.endswith("25.00 dB (ours, gaussian:25)") for line in lines)


def test_the_score_is_one_on_the_noise_that_an_entry_is_for(two):
    entry = describe(two["blur-1"])
    (row,) = entry.scores
    clean, other, usual = ({**row, "noise": noise} for noise in ("gaussian:0", "poisson:4", "gaussian:25"))
    clean |= {"noisy_psnr": None, "psnr": 91.0}
    for noise, told in (("poisson:1-100", "poisson:4"), ("gaussian:0-55", "gaussian:25"), ("blocks:1-25", "poisson:4")):
        found = headline(dataclasses.replace(entry, noise=noise, scores=[clean, other, usual]))
        assert found == f"25.00 dB (ours, {told})"
    assert headline(dataclasses.replace(entry, scores=[clean])) == "91.00 dB (ours, gaussian:0)"
    assert headline(dataclasses.replace(entry, scores=[])) == "not measured"


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--channels", "1"], ["blur-1"]),
        (["--noise", "gaussian"], ["blur-1", "blur-3"]),
        (["--noise", "gaussian:0-55", "--channels", "3"], ["blur-3"]),
        (["--noise", "poisson"], []),
        (["--architecture", "resnet"], []),
    ],
)
def test_only_those_that_fit(options, names, two, zoo):
    result = zoo("list", *options)
    assert [line.split()[0] for line in result.out.splitlines()[1:]] == names
    assert result.err == ("" if names else "no entry fits\n")
    assert [entry["name"] for entry in json.loads(zoo("list", *options, "--json").out)] == names


def test_an_entry_without_scores_says_so(two, zoo):
    facts = json.loads((two["blur-1"] / "entry.json").read_text())
    (two["blur-1"] / "entry.json").write_text(json.dumps({**facts, "scores": []}))
    assert "not measured" in zoo("list").out
    assert zoo("show", "blur-1").status == 0


def test_the_facts_are_shown_by_name_and_by_folder(two, zoo):
    result = zoo("show", "blur-3")
    assert result.status == 0
    for fact in ("blur-3", "colour", "gaussian:0-55", "27", "Apache-2.0", "nothing", "25.00", "20.20", "0.7000"):
        assert fact in result.out
    assert zoo("show", two["blur-3"]).out == result.out


def test_json_is_the_entry_file(two, zoo):
    assert zoo("show", "blur-1", "--json").out == (two["blur-1"] / "entry.json").read_text()


def test_entries_are_shipped():
    assert list_pretrained()


@pytest.mark.parametrize("name", list_pretrained())
def test_a_shipped_entry_is_shown_layer_by_layer(name, zoo):
    result = zoo("show", name)
    assert result.status == 0
    entry = describe(name)
    assert entry.layers
    for layer in entry.layers:
        line = next(line for line in result.out.splitlines() if line.startswith(f"{layer['name']} "))
        cells = line.split()
        assert cells[1] == layer["kind"]
        wanted = [layer[key] for key in ("Ni", "No", "d", "s", "p") if layer[key] is not None]
        wanted += [layer["receptive_field"]] if layer["receptive_field"] else []  # the noise level sees no pixel
        assert cells[4 : 4 + len(wanted)] == [f"{value:,}" if isinstance(value, int) else value for value in wanted]
        assert not layer["parameters"] or f"{layer['parameters']:,}" in cells
    assert f"{entry.num_params:,}" in result.out
    assert name in zoo("list").out
