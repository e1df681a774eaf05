import shutil
from pathlib import Path

import pytest

from scripts.charts.outputs import chart_outputs, stale_copies

ROOT = Path(__file__).parents[4]
RUNTIME = "charts/trellis/files/runtimes/trellis.yaml"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("charts", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_what_is_committed_is_what_follows_from_the_sources() -> None:
    for path, text in chart_outputs(ROOT, {}).items():
        assert path.read_text() == text, path
    assert stale_copies(ROOT) == []


def test_no_values_file_is_longer_than_a_person_reads() -> None:
    for chart in ("model", "trellis"):
        lines = (ROOT / "charts" / chart / "values.yaml").read_text().splitlines()
        assert len(lines) < 350


def test_an_edited_manifest_is_carried(checkout: Path) -> None:
    (checkout / "manifests/runtimes/trellis.yaml").write_text("kind: Edited\n")
    assert chart_outputs(checkout, {})[checkout / RUNTIME] == "kind: Edited\n"


def test_a_manifest_that_is_only_about_to_be_written_is_carried(checkout: Path) -> None:
    boards = checkout / "manifests/components/monitoring/boards"
    outputs = chart_outputs(checkout, {boards / "new.json": "{}\n", checkout / "x.json": ""})
    carried = checkout / "charts/trellis/files/monitoring/boards"
    assert outputs[carried / "new.json"] == "{}\n"
    assert carried / "x.json" not in outputs


def test_a_copy_of_a_manifest_that_is_gone_is_found(checkout: Path) -> None:
    (checkout / "manifests/runtimes/trellis.yaml").unlink()
    assert stale_copies(checkout) == [checkout / RUNTIME]
    assert checkout / RUNTIME not in chart_outputs(checkout, {})


def test_an_edited_values_file_changes_schema_and_readme(checkout: Path) -> None:
    values = checkout / "charts/model/values.yaml"
    values.write_text(values.read_text() + "# -- One more.\nmore: 1\n")
    outputs = chart_outputs(checkout, {})
    assert '"more"' in outputs[checkout / "charts/model/values.schema.json"]
    assert "| `more` | integer | `1` | One more. |" in outputs[checkout / "charts/model/README.md"]
