from __future__ import annotations

from pathlib import Path

import pytest

from export.training_data import training_data
from zoo.errors import InputError

ROWS = """file,width,height,source,original,licence,author
train/a.jpg,1000,500,hill/pictures,x.jpg,CC-BY-4.0,"Dale, Ann"
train/b.jpg,1000,1000,hill/pictures,y.jpg,CC-BY-4.0,Zoe
train/more/c.jpg,1000,1000,sea,z.jpg,CC0-1.0,Zoe
train/d.jpg,500,1000,hill/pictures,z.jpg,CC-BY-4.0,Zoe
val/e.png,9000,9000,sea,e.png,Unsplash,Max
"""


def test_summary(tmp_path: Path) -> None:
    (tmp_path / "S.csv").write_text(ROWS, encoding="utf-8")
    assert training_data(tmp_path / "S.csv", name="hills") == {
        "name": "hills",
        "images": 4,
        "megapixels": 3.0,
        "licenses": {"CC-BY-4.0": 3, "CC0-1.0": 1},
        "sources": [
            {"source": "hill/pictures", "license": "CC-BY-4.0", "images": 3, "authors": ["Dale, Ann", "Zoe"]},
            {"source": "sea", "license": "CC0-1.0", "images": 1, "authors": ["Zoe"]},
        ],
    }
    assert training_data(tmp_path / "S.csv", name="all", folders=("train", "val"))["images"] == 5
    (tmp_path / "S.csv").write_text(ROWS, encoding="utf-8-sig")  # as a spreadsheet writes it
    assert training_data(tmp_path / "S.csv", name="hills")["images"] == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,width\na,1\n", "no column height, source"),
        (ROWS.replace("train/", "test/"), "no image in train"),
        (ROWS.replace("500", "wide"), "cannot be read"),
        (ROWS + "train/f.jpg,10,10,sea\n", "row of 'train/f.jpg' has no licence, author"),
        (None, "cannot be read"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "S.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        training_data(tmp_path / "S.csv", name="hills")
