import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trellis.contracts.tensors import TensorSpec
from trellis.serving.publish.held_out import HeldOut, HeldOutError

TEXT = TensorSpec(name="text", datatype="BYTES", shape=(-1,), content="text")
FEATURES = TensorSpec(name="features", datatype="FP32", shape=(-1, 2))
IMAGE = TensorSpec(name="image", datatype="BYTES", shape=(-1,), content="image")
LABELS = ("no", "yes")


def written(folder: Path, name: str, content: str) -> Path:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    return file


def test_text_from_csv(tmp_path: Path) -> None:
    file = written(tmp_path, "rows.csv", 'label,text\nyes,"a, b"\nno,Grüße\n')
    held_out = HeldOut.read(file, [TEXT], LABELS)
    assert held_out.inputs["text"].tolist() == [b"a, b", "Grüße".encode()]
    assert held_out.truth is not None
    assert held_out.truth.tolist() == [1, 0]
    assert held_out.rows == 2


def test_features_from_csv(tmp_path: Path) -> None:
    file = written(tmp_path, "rows.csv", "age,bmi,label\n1,2.5,0\n3,4,1\n")
    held_out = HeldOut.read(file, [FEATURES], LABELS)
    assert held_out.inputs["features"].dtype == np.float32
    assert held_out.inputs["features"].tolist() == [[1, 2.5], [3, 4]]
    assert held_out.truth is not None
    assert held_out.truth.tolist() == [0, 1]


def test_arrays_from_npz(tmp_path: Path) -> None:
    file = tmp_path / "rows.npz"
    np.savez(file, features=np.ones((3, 2), np.float32), label=np.array(["yes", "no", "yes"]))
    held_out = HeldOut.read(file, [FEATURES], LABELS)
    assert held_out.part(1, 3)["features"].shape == (2, 2)
    assert held_out.truth is not None
    assert held_out.truth.tolist() == [1, 0, 1]


def test_pictures_from_a_folder_a_label(tmp_path: Path) -> None:
    for label, count in (("no", 1), ("yes", 2)):
        (tmp_path / label).mkdir()
        for index in range(count):
            Image.new("RGB", (2, 2)).save(tmp_path / label / f"{index}.png")
        (tmp_path / label / "notes.txt").write_text("not a picture")
    held_out = HeldOut.read(tmp_path, [IMAGE], LABELS)
    assert held_out.rows == 3
    assert held_out.truth is not None
    assert held_out.truth.tolist() == [0, 1, 1]
    Image.open(io.BytesIO(held_out.inputs["image"][0])).verify()


def test_without_labels_there_is_no_truth(tmp_path: Path) -> None:
    assert (
        HeldOut.read(written(tmp_path, "rows.csv", "text\nhello\n"), [TEXT], LABELS).truth is None
    )


@pytest.mark.parametrize(
    ("name", "content", "spec", "says"),
    [
        ("rows.csv", "label,text\nmaybe,x\n", TEXT, r"label 'maybe' is not one of no, yes"),
        ("rows.csv", "label,words\nyes,x\n", TEXT, r"no column 'text', only \['words'\]"),
        ("rows.csv", "text\n", TEXT, "no rows below the header"),
        ("rows.csv", "a,b\n1,two\n", FEATURES, "a value is no number"),
        ("rows.csv", "a,b\n1\n", FEATURES, "a value is no number"),
        ("rows.txt", "", TEXT, r"expected a \.npz, a \.csv or a folder"),
    ],
)
def test_what_cannot_be_read_is_named(
    name: str, content: str, spec: TensorSpec, says: str, tmp_path: Path
) -> None:
    with pytest.raises(HeldOutError, match=says):
        HeldOut.read(written(tmp_path, name, content), [spec], LABELS)


def test_an_empty_folder_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(HeldOutError, match="no pictures in folders named no, yes"):
        HeldOut.read(tmp_path, [IMAGE], LABELS)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", other=np.ones(3))
    with pytest.raises(HeldOutError, match="no array 'features'"):
        HeldOut.read(tmp_path / "rows.npz", [FEATURES], LABELS)
