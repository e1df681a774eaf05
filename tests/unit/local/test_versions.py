from pathlib import Path

from trellis.local.inference_service import Template
from trellis.local.versions import template_of, version_of


def models_with(tmp_path: Path, *versions: str) -> Path:
    for version in versions:
        folder = tmp_path / "tomato" / version
        folder.mkdir(parents=True)
        (folder / "model.yaml").write_text(f"name: tomato\nversion: {version}\n")
    return tmp_path


def template(uri: str | None, **env: str) -> Template:
    return Template(digest="d", storage_uri=uri, env=env)


def test_a_version_is_read_from_the_folder_that_is_served(tmp_path: Path) -> None:
    models = models_with(tmp_path, "v1")
    assert version_of(template("pvc://models/tomato/v1"), models) == "v1"
    assert version_of(template("pvc://models/tomato/v9"), models) is None
    assert version_of(template("s3://bucket/tomato/v1"), models) is None
    assert version_of(template(None), models) is None


def test_a_file_that_is_no_model_yaml_has_no_version(tmp_path: Path) -> None:
    models = models_with(tmp_path, "v1")
    for text in ("- a list", "version: 3", "{", "\0"):
        (tmp_path / "tomato" / "v1" / "model.yaml").write_text(text)
        assert version_of(template("pvc://models/tomato/v1"), models) is None


def test_another_version_lies_beside(tmp_path: Path) -> None:
    models = models_with(tmp_path, "v1", "v2")
    other = template_of("v2", template("pvc://models/tomato/v1/"), models)
    assert other is not None
    assert (other.storage_uri, other.digest) == ("pvc://models/tomato/v2", "d:v2")
    assert template_of("v3", template("pvc://models/tomato/v1"), models) is None
    assert template_of("v2", template(None), models) is None


def test_a_container_is_told_where_its_version_lies(tmp_path: Path) -> None:
    models = models_with(tmp_path, "v1", "v2")
    uri = "pvc://models/tomato/v1"
    other = template_of("v2", template(uri, STORAGE_URI=uri, OTHER="kept"), models)
    assert other is not None
    assert other.env == {"STORAGE_URI": "pvc://models/tomato/v2", "OTHER": "kept"}


def test_a_version_does_not_climb_out(tmp_path: Path) -> None:
    models = models_with(tmp_path, "v1")
    assert template_of("../../etc", template("pvc://models/tomato/v1"), models) is None
