"""Version folders: found, read, checked by hash, told apart by fingerprint."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from predictors.squares import Squares
from tests.integration.serving import lab
from trellis.serving import Classifier, Predictor
from trellis.serving.version_folder import (
    VersionFolder,
    VersionFolderError,
    find_versions,
    natural_key,
)

MakeFolder = Callable[..., VersionFolder]


def test_a_folder_opens_where_every_hash_holds(make_folder: MakeFolder) -> None:
    folder = make_folder(files={"a.bin": b"one", "b.bin": b""})
    assert folder.title == "squares/v1"
    assert folder.file("a.bin").read_bytes() == b"one"


def test_a_changed_file_is_refused(make_folder: MakeFolder) -> None:
    folder = make_folder(files={"a.bin": b"one"})
    folder.file("a.bin").write_bytes(b"two")
    with pytest.raises(VersionFolderError, match=r"squares/v1: file 'a.bin' has sha256 3fc4\w+…"):
        VersionFolder.open(folder.path)


def test_a_missing_file_is_refused(make_folder: MakeFolder) -> None:
    folder = make_folder(files={"a.bin": b"one"})
    folder.file("a.bin").unlink()
    with pytest.raises(VersionFolderError, match=r"file 'a\.bin' of model\.yaml is missing"):
        folder.check_hashes()


def test_a_file_without_a_hash_is_not_handed_out(make_folder: MakeFolder) -> None:
    folder = make_folder()
    (folder.path / "extra.bin").write_bytes(b"x")
    with pytest.raises(VersionFolderError, match=r"'extra\.bin' has no hash"):
        folder.file("extra.bin")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "v1: no model.yaml in this folder"),
        ("a: [", "v1/model.yaml cannot be read"),
        ("\x00", "v1/model.yaml cannot be read"),
        ("[]", "v1/model.yaml: the document: "),
        ("name: 5", "v1/model.yaml: name: Input should be a valid string"),
        ("name: a/b", "v1/model.yaml: name: "),
    ],
)
def test_what_cannot_be_read_is_named_by_field(
    tmp_path: Path, text: str | None, words: str
) -> None:
    folder = tmp_path / "v1"
    folder.mkdir()
    if text is not None:
        (folder / "model.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(VersionFolderError, match=words):
        VersionFolder.read(folder)


def test_yaml_that_asks_for_code_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text("!!python/object/apply:os.getcwd []", encoding="utf-8")
    with pytest.raises(VersionFolderError, match="cannot be read"):
        VersionFolder.read(tmp_path)


class Cubes(Squares):
    """Another class, with source of its own."""


def fingerprint(
    folder: VersionFolder,
    kind: type[Predictor] = Squares,
    engine: Any = None,
    version: str = "",
) -> str:
    return folder.fingerprint(kind, engine, version)


def test_a_fingerprint_tells_apart_all_that_decides_an_answer(make_folder: MakeFolder) -> None:
    plain = make_folder("a", files={"w.bin": b"one"})
    same = make_folder("b", files={"w.bin": b"one"})
    prints = {
        "as it is": fingerprint(plain),
        "another artefact": fingerprint(make_folder("c", files={"w.bin": b"two"})),
        "another preprocessing": fingerprint(
            make_folder("d", files={"w.bin": b"one"}, preprocessing={"scale": 2})
        ),
        "other labels": fingerprint(make_folder("e", files={"w.bin": b"one"}, labels=["x"])),
        "another engine": fingerprint(plain, engine="onnx"),
        "another engine version": fingerprint(plain, engine="onnx", version="2"),
        "another class": fingerprint(plain, Cubes),
    }
    assert len(set(prints.values())) == len(prints)
    assert fingerprint(same) == prints["as it is"], "name and version decide no answer"
    assert all(found.startswith("sha256:") and len(found) == 71 for found in prints.values())


def test_a_fingerprint_covers_helpers_beside_the_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_folder: MakeFolder
) -> None:
    """What a class calls in its own module decides its answers as much as the class does."""
    folder = make_folder()
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for name, factor in (("first_helper", 2), ("second_helper", 3)):
        (tmp_path / f"{name}.py").write_text(
            "from trellis.serving import Predictor\n"
            f"def helper(x):\n    return x * {factor}\n"
            "class Mine(Predictor):\n    def predict(self, inputs):\n        return helper(inputs)\n",
            encoding="utf-8",
        )
        found.append(fingerprint(folder, __import__(name).Mine))
    assert found[0] != found[1]


def test_a_classifier_has_the_fingerprint_of_its_bases_too(make_folder: MakeFolder) -> None:
    folder = make_folder()
    assert fingerprint(folder, Classifier) != fingerprint(folder, Predictor)


def test_versions_are_found_at_three_depths(tmp_path: Path) -> None:
    for model, version in (("a", "v1"), ("a", "v10"), ("a", "v2"), ("b", "v1")):
        lab.write_squares(tmp_path / "models" / model / version)
    (tmp_path / "models" / "a" / "train.py").write_text("", encoding="utf-8")

    def titles(path: Path) -> list[str]:
        return [folder.title for folder in find_versions(path)]

    assert titles(tmp_path / "models" / "a" / "v2") == ["a/v2"]
    assert titles(tmp_path / "models" / "a") == ["a/v1", "a/v2", "a/v10"]
    assert titles(tmp_path / "models") == ["a/v1", "a/v2", "a/v10", "b/v1"]


def test_a_folder_left_by_a_crash_is_no_version(tmp_path: Path) -> None:
    lab.write_squares(tmp_path / "a" / "v1")
    lab.write_squares(tmp_path / "a" / ".publishing-x1" / "v1", name="a")
    assert [folder.title for folder in find_versions(tmp_path / "a")] == ["a/v1"]


def test_nothing_to_serve_is_told(tmp_path: Path) -> None:
    with pytest.raises(VersionFolderError, match="none: no such folder"):
        find_versions(tmp_path / "none")
    with pytest.raises(
        VersionFolderError, match=r"no model\.yaml here nor one or two folders below"
    ):
        find_versions(tmp_path)


def test_one_version_described_twice_is_refused(tmp_path: Path) -> None:
    lab.write_squares(tmp_path / "one" / "v1", name="same")
    lab.write_squares(tmp_path / "two" / "v1", name="same")
    with pytest.raises(VersionFolderError, match="same/v1 is described twice"):
        find_versions(tmp_path)


def test_versions_sort_as_people_count() -> None:
    names = ["v10", "v9", "v1", "v1.10", "v1.2", "beta", "2", "v9-rc1"]
    assert sorted(names, key=natural_key) == [
        "2",
        "beta",
        "v1",
        "v1.2",
        "v1.10",
        "v9",
        "v9-rc1",
        "v10",
    ]
