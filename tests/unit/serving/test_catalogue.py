"""What a process may serve, and which version of it by default."""

from pathlib import Path

import pytest

from tests.integration.serving import lab
from trellis.serving.catalogue import Folders, default_versions, load_order, read_folders
from trellis.serving.version_folder import VersionFolderError


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for model, version in (("a", "v1"), ("a", "v9"), ("a", "v10"), ("b", "v1")):
        lab.write_squares(tmp_path / "models" / model / version)
    return tmp_path / "models"


@pytest.fixture
def folders(models: Path) -> Folders:
    return read_folders(models, None)


def test_folders_by_model_and_version(folders: Folders) -> None:
    assert {model: list(versions) for model, versions in folders.items()} == {
        "a": ["v1", "v9", "v10"],
        "b": ["v1"],
    }


def test_a_single_model_may_answer_to_another_name(models: Path) -> None:
    assert list(read_folders(models / "a", "renamed")) == ["renamed"]
    with pytest.raises(
        VersionFolderError, match=r"needs a folder of one model, found \['a', 'b'\]"
    ):
        read_folders(models, "renamed")


def test_the_highest_version_answers_unless_another_is_chosen(folders: Folders) -> None:
    assert default_versions(folders, {}) == {"a": "v10", "b": "v1"}
    assert default_versions(folders, {"a": "v9"}) == {"a": "v9", "b": "v1"}


@pytest.mark.parametrize("chosen", [{"a": "v3"}, {"c": "v1"}])
def test_a_default_that_is_not_there_is_refused(folders: Folders, chosen: dict[str, str]) -> None:
    with pytest.raises(VersionFolderError, match="which is not there"):
        default_versions(folders, chosen)


def test_defaults_load_first(folders: Folders) -> None:
    order = load_order(folders, default_versions(folders, {"a": "v9"}))
    assert order[:2] == [("a", "v9"), ("b", "v1")]
    assert sorted(order[2:]) == [("a", "v1"), ("a", "v10")]
