from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.charts.helm import MODEL, PLATFORM, Helm


@pytest.mark.parametrize("chart", [MODEL, PLATFORM], ids=lambda chart: chart.name)
def test_helm_has_nothing_to_warn_of(helm: Helm, chart: Path) -> None:
    judged = helm.lint(chart)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.parametrize(
    ("chart", "values"),
    [(MODEL, {}), (PLATFORM, {"gateway": {"existingSecret": "mine"}})],
    ids=["model", "trellis"],
)
def test_a_second_rendering_is_the_first(
    helm: Helm, chart: Path, values: dict[str, Any], tmp_path: Path
) -> None:
    # A name or a password that is drawn anew would start a new revision at each upgrade.
    assert helm.render(chart, values) == helm.fresh(tmp_path).render(chart, values)


@pytest.mark.parametrize("chart", [MODEL, PLATFORM], ids=lambda chart: chart.name)
def test_the_images_are_of_the_packages_version(chart: Path) -> None:
    described = yaml.safe_load((chart / "Chart.yaml").read_text())
    project = (MODEL.parents[1] / "pyproject.toml").read_text()
    assert f'version = "{described["appVersion"]}"' in project
