"""Data that a person gives with ``--data``."""

from pathlib import Path

import numpy as np
import pytest

from models.pictures import from_folder
from models.sentiment.train import LABELS, RECIPES, read_csv, train
from models.tomato.folders import folder_names
from models.tomato.leaves import LABELS as DISEASES
from models.tomato.leaves import draw

PLANT_VILLAGE = (
    "Tomato___Bacterial_spot",
    "Tomato___Early_blight",
    "Tomato___Late_blight",
    "Tomato___Leaf_Mold",
    "Tomato___Septoria_leaf_spot",
    "Tomato___Spider_mites Two-spotted_spider_mite",
    "Tomato___Target_Spot",
    "Tomato___Tomato_Yellow_Leaf_Curl_Virus",
    "Tomato___Tomato_mosaic_virus",
    "Tomato___healthy",
)
UNDERSCORES = (
    "Tomato_Bacterial_spot",
    "Tomato_Early_blight",
    "Tomato_Late_blight",
    "Tomato_Leaf_Mold",
    "Tomato_Septoria_leaf_spot",
    "Tomato_Spider_mites_Two_spotted_spider_mite",
    "Tomato__Target_Spot",
    "Tomato__Tomato_YellowLeaf__Curl_Virus",
    "Tomato__Tomato_mosaic_virus",
    "Tomato_healthy",
)


@pytest.mark.parametrize(
    "folders", [PLANT_VILLAGE, UNDERSCORES, DISEASES], ids=["dashes", "underscores", "ours"]
)
def test_the_usual_folders_are_read(folders: tuple[str, ...], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, label in zip(folders, DISEASES, strict=True):
        (tmp_path / name).mkdir()
        for index in range(5):
            (tmp_path / name / f"{index}.JPG").write_bytes(draw(rng, label, (32, 24)))
        (tmp_path / name / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (tmp_path / "Potato___healthy").mkdir()
    sets = from_folder(tmp_path, folder_names(), held_out_share=0.2, seed=0)
    assert np.bincount(sets.learn.truth).tolist() == [4] * 10
    assert np.bincount(sets.judge.truth).tolist() == [1] * 10
    assert not sets.synthetic


def test_a_missing_label_is_named(tmp_path: Path) -> None:
    (tmp_path / "Tomato___healthy").mkdir()
    with pytest.raises(ValueError, match="no pictures for 10 labels"):
        from_folder(tmp_path, folder_names(), held_out_share=0.2, seed=0)


@pytest.mark.parametrize(
    "content",
    [
        "text,label\nfine,positive\nbad,negative\n",
        "label,text\npos,fine\nneg,bad\n",
        'fine,1\n"bad",0\n',
        "sentence,sentiment\nfine,Positive\nbad, Negative \n",
    ],
    ids=["header", "label first", "no header", "other names"],
)
def test_a_csv_of_two_columns_is_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(content)
    rows = read_csv(tmp_path / "rows.csv")
    assert rows.texts == ["fine", "bad"]
    assert rows.truth.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "text,label\nfine,positive\nmeh,neutral\n",
            "line 3: neither column is positive or negative",
        ),
        ("text,label\nfine,positive,really\n", "line 2: 3 columns, expected text and label"),
    ],
)
def test_a_line_that_does_not_fit_is_named(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(ValueError, match=says):
        read_csv(tmp_path / "rows.csv")


def test_a_given_csv_is_trained_on(tmp_path: Path) -> None:
    rows = [f"good thing {n % 7},positive\nawful thing {n % 5},negative" for n in range(40)]
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    written = train("v1", tmp_path / "v1", data=tmp_path / "rows.csv", recipe=RECIPES["v1"])
    assert written.labels == LABELS
    assert written.data is not None
    assert (written.data.name, written.data.synthetic, written.data.held_out_rows) == (
        "rows.csv",
        False,
        16,
    )
    assert written.metrics["accuracy"] == 1
