from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.charts.helm import PLATFORM, ROOT, Document, Helm, Refused, named, of_kind
from tests.unit.manifests.pod_security import violations

RUNTIMES = sorted(
    path for path in (ROOT / "manifests/runtimes").glob("*.yaml") if path.stem != "kustomization"
)


def runtime(helm: Helm, name: str, values: dict[str, Any] | None = None) -> Document:
    return named(helm.render(PLATFORM, values), "ClusterServingRuntime", name)


@pytest.mark.parametrize("plain", RUNTIMES, ids=lambda path: path.stem)
def test_a_runtime_is_the_plain_manifests(helm: Helm, plain: Path) -> None:
    document = yaml.safe_load(plain.read_text())
    rendered = runtime(helm, plain.stem)
    assert rendered["spec"] == document["spec"]
    assert rendered["metadata"]["labels"].items() >= document["metadata"]["labels"].items()


def test_no_runtime_is_forgotten(helm: Helm) -> None:
    names = {
        item["metadata"]["name"] for item in of_kind(helm.render(PLATFORM), "ClusterServingRuntime")
    }
    assert names == {path.stem for path in RUNTIMES}


def test_images_follow_the_values_and_nothing_else_does(helm: Helm) -> None:
    values = {
        "image": {
            "registry": "registry.example.com/team/",
            "tag": "1.2",
            "pullPolicy": "Always",
            "pullSecrets": ["one", "two"],
        }
    }
    spec = runtime(helm, "trellis-keras", values)["spec"]
    assert spec.pop("imagePullSecrets") == [{"name": "one"}, {"name": "two"}]
    (container,) = spec["containers"]
    assert container["image"] == "registry.example.com/team/trellis/predictor-keras:1.2"
    assert container["imagePullPolicy"] == "Always"
    plain = runtime(helm, "trellis-keras")["spec"]
    for field in ("image", "imagePullPolicy"):
        container[field] = plain["containers"][0][field]
    assert spec == plain


@pytest.mark.parametrize("plain", RUNTIMES, ids=lambda path: path.stem)
def test_a_runtimes_pod_is_restricted(helm: Helm, plain: Path) -> None:
    spec = runtime(helm, plain.stem)["spec"]
    assert list(violations(spec)) == []
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_second_release_installs_none(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, {"runtimes": {"install": []}})
    assert of_kind(rendered, "ClusterServingRuntime") == []


def test_an_unknown_runtime_is_told_by_name(helm: Helm) -> None:
    with pytest.raises(Refused, match='"trelis" is no runtime of this chart'):
        helm.render(PLATFORM, {"runtimes": {"install": ["trelis"]}})
