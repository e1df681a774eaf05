from pathlib import Path

import pytest

from trellis.local.storage import (
    BadUri,
    OnlyInCluster,
    resolve,
    version_folder_problem,
    versions_in,
)

MODELS = Path("there")


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("pvc://models/tomato/v2", MODELS / "tomato/v2"),
        ("pvc://models/tomato/v2/", MODELS / "tomato/v2"),
        ("pvc://models", MODELS),
        ("file:///a/b", Path("/a/b")),
        ("file:///a/with%20space", Path("/a/with space")),
    ],
)
def test_local_uris(uri: str, folder: Path) -> None:
    assert resolve(uri, MODELS) == folder


@pytest.mark.parametrize("uri", ["s3://b/k", "gs://b/k", "oci://r/i:1", "https://h/m", "hf://o/m"])
def test_what_only_a_cluster_fetches(uri: str) -> None:
    with pytest.raises(OnlyInCluster, match=uri):
        resolve(uri, MODELS)


def test_another_claim_has_no_folder() -> None:
    with pytest.raises(OnlyInCluster, match="the claim 'other'"):
        resolve("pvc://other/tomato", MODELS)


@pytest.mark.parametrize(
    "uri",
    ["models/tomato", "pvc://models/../etc", "/models", "pvc://[models/x", "pvc://models/a%00b"],
)
def test_bad_uris(uri: str) -> None:
    with pytest.raises(BadUri):
        resolve(uri, MODELS)


def test_version_folders(models: Path) -> None:
    assert version_folder_problem(models / "tomato/v1") is None
    assert version_folder_problem(models / "tomato") is None
    assert versions_in(models / "tomato") == ["v1", "v2"]
    assert versions_in(models / "tomato/v1") == []
    assert "holds v1, v2" in (version_folder_problem(models / "tomato/v3") or "")
    assert "cannot be read: File name too long" in (
        version_folder_problem(models / ("x" * 300)) or ""
    )
    (models / "empty").mkdir()
    assert "holds no model.yaml" in (version_folder_problem(models / "empty") or "")
