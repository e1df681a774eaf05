"""Every generated file of the charts, and its text."""

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from scripts.charts.readme import with_table
from scripts.charts.schema import schema_text
from scripts.charts.values_file import read_values

#: Folders of manifests that the platform chart carries as they are, and where. A chart can read
#: no file outside itself.
CARRIED = (
    ("crds", "*.yaml", "crds"),
    ("runtimes", "*.yaml", "runtimes"),
    ("components/network-policy", "*.yaml", "network-policies"),
    ("components/monitoring", "*.yaml", "monitoring"),
    ("components/monitoring/boards", "*.json", "monitoring/boards"),
)
_NOT_CARRIED = frozenset({"kustomization.yaml"})


def chart_outputs(root: Path, generated: Mapping[Path, str]) -> dict[Path, str]:
    """Path and text of each file below the project's ``root``; ``generated`` are manifests that
    are about to be written. Raises ``BadValues`` where a values.yaml does not say enough,
    ``NoMarks`` where a README has no place for its table.
    """
    outputs: dict[Path, str] = {}
    for chart in (root / "charts/model", root / "charts/trellis"):
        values = read_values(chart / "values.yaml")
        readme = (chart / "README.md").read_text("utf-8")
        title = f"Values of the chart {chart.name}"
        outputs[chart / "values.schema.json"] = schema_text(title, values)
        outputs[chart / "README.md"] = with_table(readme, values)
    return {**outputs, **_carried(root, generated)}


def stale_copies(root: Path) -> list[Path]:
    """Files that the platform chart carries of manifests that are there no more."""
    wanted = _carried(root, {})
    folder = root / "charts/trellis/files"
    held = [path for _, glob, name in CARRIED for path in (folder / name).glob(glob)]
    return sorted(path for path in held if path not in wanted)


def _carried(root: Path, generated: Mapping[Path, str]) -> dict[Path, str]:
    carried: dict[Path, str] = {}
    for folder, glob, name in CARRIED:
        here = root / "manifests" / folder
        texts = {path: path.read_text("utf-8") for path in here.glob(glob)}
        texts |= {
            path: text
            for path, text in generated.items()
            if path.parent == here and fnmatch(path.name, glob)
        }
        carried |= {
            root / "charts/trellis/files" / name / path.name: text
            for path, text in sorted(texts.items())
            if path.name not in _NOT_CARRIED
        }
    return carried
