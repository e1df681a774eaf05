"""docs/deployment.md says of the runtimes what they are."""

import re
from pathlib import Path

import pytest
import yaml

from tests.unit.manifests.conftest import MANIFESTS, ROOT

PAGE = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
#: name, image, memory request, memory limit, seconds of the progress deadline
ROW = re.compile(
    r"^\| `(trellis[\w-]*)`[^|]*\| `([^`]+)` \|[^|]*\| (\w+), (\w+)[^|]*\| (\d+) s \|$",
    re.MULTILINE,
)
ROWS = ROW.findall(PAGE)


def test_every_runtime_has_a_row() -> None:
    files = (MANIFESTS / "runtimes").glob("trellis*.yaml")
    assert sorted(row[0] for row in ROWS) == sorted(file.stem for file in files)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_is_what_the_runtime_is(row: tuple[str, ...]) -> None:
    name, image, request, limit, deadline = row
    spec = yaml.safe_load((MANIFESTS / f"runtimes/{name}.yaml").read_text())["spec"]
    (container,) = spec["containers"]
    assert container["image"].rpartition(":")[0] == image
    assert container["resources"]["requests"]["memory"] == request
    assert container["resources"]["limits"]["memory"] == limit
    assert spec["annotations"]["serving.knative.dev/progress-deadline"] == f"{deadline}s"


@pytest.mark.parametrize(
    "page",
    [ROOT / "docs/deployment.md", ROOT / "docs/network-flows.md", *MANIFESTS.rglob("README.md")],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target
