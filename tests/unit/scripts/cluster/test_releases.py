import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cluster import releases
from scripts.cluster.versions import version

MODULES = Path(releases.__file__).with_name("offline") / "modules"


def urls() -> Iterator[tuple[str, str]]:
    yield from releases.tools().items()
    for name, addresses in releases.manifests().items():
        for address in addresses:
            # Flux's two controllers have a version each.
            yield "kustomize-controller" if "/kustomize-controller/" in address else name, address


@pytest.mark.parametrize(("name", "url"), list(urls()), ids=[name for name, _ in urls()])
def test_each_url_is_an_official_release_of_the_pinned_version(name: str, url: str) -> None:
    assert re.fullmatch(
        r"https://(github\.com/[\w.-]+/[\w.-]+/releases/download/[\w.-]+/[\w.-]+"
        r"|dl\.k8s\.io/release/v[\d.]+/bin/linux/\w+/kubectl"
        r"|get\.helm\.sh/helm-v[\d.]+-linux-\w+\.tar\.gz)",
        url,
    )
    number = version("kubernetes" if name == "kubectl" else name)
    tag = releases.knative_tag(number) if "knative" in url else f"v{number}"
    assert f"/{tag}/" in url or f"-{tag}-" in url


@pytest.mark.parametrize("name", list(releases.images()))
def test_each_image_has_the_pinned_version_as_its_tag(name: str) -> None:
    image = releases.images()[name]
    assert re.fullmatch(r"[a-z]+(/[a-z]+)?:[\w.-]+", image)
    pinned = version(
        {"node": "kubernetes", "base": "debian", "prometheus": "prometheus-release"}.get(name, name)
    )
    assert pinned in image.partition(":")[2]
    assert "latest" not in image


def test_the_release_of_prometheus_is_that_of_its_module() -> None:
    _, minor, patch = version("prometheus").split(".")
    assert version("prometheus-release") == f"3.{int(minor) - 300}.{patch}"


def test_knative_tags_follow_the_modules_versions() -> None:
    assert releases.knative_tag("0.48.0") == "knative-v1.21.0"
    assert releases.knative_tag("0.37.2") == "knative-v1.10.2"


@pytest.mark.parametrize(
    ("module", "path", "name"),
    [
        ("kind", "sigs.k8s.io/kind", "kind"),
        ("helm", "helm.sh/helm/v3", "helm"),
        ("kubernetes", "k8s.io/kubernetes", "kubernetes"),
        ("knative", "knative.dev/serving", "knative"),
        ("knative", "knative.dev/net-kourier", "net-kourier"),
        ("kserve", "github.com/kserve/kserve", "kserve"),
        ("metrics-server", "sigs.k8s.io/metrics-server", "metrics-server"),
        ("keda", "github.com/kedacore/keda/v2", "keda"),
        ("prometheus", "github.com/prometheus/prometheus", "prometheus"),
    ],
)
def test_the_built_way_has_the_same_version(module: str, path: str, name: str) -> None:
    required = re.search(
        rf"^\s*(?:require )?{re.escape(path)} v(\S+)",
        (MODULES / module / "go.mod").read_text(),
        re.MULTILINE,
    )
    assert required is not None
    assert required[1] == version(name)


def test_the_file_of_versions_says_no_version_twice() -> None:
    tables = tomllib.loads(Path(releases.__file__).with_name("versions.toml").read_text())
    names = [name for table in tables.values() for name in table]
    assert len(names) == len(set(names))
