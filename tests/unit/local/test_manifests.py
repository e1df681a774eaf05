from pathlib import Path

import pytest

from tests.unit.local.conftest import CONTAINER_FORM, MODEL_FORM, Write
from trellis.local.findings import Severity
from trellis.local.manifests import manifest_files, read_paths


def test_a_folder_gives_its_own_manifests_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.json", "kustomization.yaml", "readme.md", "below/d.yaml"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    names = [file.name for file in manifest_files([tmp_path])]
    assert names == ["a.yml", "b.yaml", "c.json"]


def test_a_file_that_a_folder_names_too_is_read_once(write: Write) -> None:
    file = write(MODEL_FORM)
    assert manifest_files([file, file.parent]) == [file]


def test_missing_and_empty_paths_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such file"):
        manifest_files([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match="holds no"):
        manifest_files([tmp_path])


def test_other_kinds_are_named_and_skipped(write: Write) -> None:
    text = f"{MODEL_FORM}---\nkind: ConfigMap\nmetadata: {{name: x}}\n---\n{CONTAINER_FORM}"
    reading = read_paths([write(text)])
    assert [service.name for service in reading.services] == ["tomato", "squares"]
    (finding,) = reading.findings
    assert finding.severity is Severity.NOTE
    assert "ConfigMap x is skipped" in finding.text()
    assert finding.line == 11


def test_the_items_of_a_list_are_read_each_with_its_own_lines(write: Write) -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n"
    for document in (MODEL_FORM, CONTAINER_FORM.replace("image:", "imagine:")):
        first, *rest = document.splitlines(keepends=True)
        text += f"- {first}" + "".join(f"  {line}" for line in rest)
    reading = read_paths([write(text)])
    assert [service.name for service in reading.services] == ["tomato"]
    assert reading.services[0].line(("metadata", "name")) == 7
    (finding,) = reading.findings
    assert finding.field == "spec.predictor.containers[0].imagine"
    assert finding.line == 4 + 9 + 8
    assert read_paths([write("kind: List\nitems: 5\n")]).failed


def test_two_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(MODEL_FORM)
    reading = read_paths([tmp_path])
    assert reading.failed
    assert f"'tomato' is already at {tmp_path / 'a.yaml'}:4" in reading.findings[0].text()
    assert reading.findings[0].file.name == "b.yaml"


def test_json_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(
        '{"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",'
        ' "metadata": {"name": "tomato"}, "spec": {"predictor": {"model":'
        ' {"modelFormat": {"name": "trellis"}, "storageUri": "pvc://models/tomato/v1"}}}}'
    )
    assert [service.name for service in read_paths([file]).services] == ["tomato"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "is a list; expected a Kubernetes resource"),
        ("just text", "expected a Kubernetes resource"),
        ("a: 1", "kind: is missing"),
        ("kind: [1]", "kind: is missing"),
        ("a: [1,", "not YAML"),
    ],
)
def test_what_is_no_resource_is_an_error(text: str, words: str, write: Write) -> None:
    reading = read_paths([write(text)])
    assert reading.failed
    assert words in reading.findings[0].text()


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in read_paths([file]).findings[0].text()


@pytest.mark.parametrize("length", range(1, len(MODEL_FORM), 7))
def test_any_half_of_a_file_is_read_without_a_fault(length: int, write: Write) -> None:
    """An editor may be caught at any byte; what remains may be fit or not, never a crash."""
    read_paths([write(MODEL_FORM[:length])])
