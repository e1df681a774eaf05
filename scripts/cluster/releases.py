"""The official releases that a pulled cluster is made of: every URL and tag of that way."""

import platform
from collections.abc import Mapping

from scripts.cluster.versions import version

_GITHUB = "https://github.com"


def knative_tag(number: str) -> str:
    """The release tag that carries a version of Knative's modules: `0.48.0` is `knative-v1.21.0`."""
    _, minor, patch = number.split(".")
    return f"knative-v1.{int(minor) - 27}.{patch}"


def tools() -> Mapping[str, str]:
    """URLs of the programs; an archive where it ends in `.tar.gz`."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
    kind, kubernetes, helm = version("kind"), version("kubernetes"), version("helm")
    return {
        "kind": f"{_GITHUB}/kubernetes-sigs/kind/releases/download/v{kind}/kind-linux-{machine}",
        "kubectl": f"https://dl.k8s.io/release/v{kubernetes}/bin/linux/{machine}/kubectl",
        "helm": f"https://get.helm.sh/helm-v{helm}-linux-{machine}.tar.gz",
    }


def manifests() -> Mapping[str, tuple[str, ...]]:
    """URLs of each component's YAML."""
    knative = f"knative/serving/releases/download/{knative_tag(version('knative'))}"
    kourier = (
        f"knative-extensions/net-kourier/releases/download/{knative_tag(version('net-kourier'))}"
    )
    kserve, keda = version("kserve"), version("keda")
    metrics = f"kubernetes-sigs/metrics-server/releases/download/v{version('metrics-server')}"
    return {
        "knative": (f"{_GITHUB}/{knative}/serving-core.yaml",),
        "net-kourier": (f"{_GITHUB}/{kourier}/kourier.yaml",),
        "kserve": (f"{_GITHUB}/kserve/kserve/releases/download/v{kserve}/kserve.yaml",),
        "metrics-server": (f"{_GITHUB}/{metrics}/components.yaml",),
        "source-controller": tuple(
            f"{_GITHUB}/fluxcd/{name}/releases/download/v{version(name)}/{name}.{part}.yaml"
            for name in ("source-controller", "kustomize-controller")
            for part in ("crds", "deployment")
        ),
        "keda": (f"{_GITHUB}/kedacore/keda/releases/download/v{keda}/keda-{keda}.yaml",),
    }


def images() -> Mapping[str, str]:
    """Images by name; all else that is pulled is named in the components' YAML."""
    return {
        # kind publishes node images for the last patch releases only; this one it assembles
        # itself from the release (`kind build node-image`).
        "node": f"kindest/node:v{version('kubernetes')}",
        "envoy": f"envoyproxy/envoy:v{version('envoy')}",
        "redis": f"redis:{version('redis')}",
        "prometheus": f"prom/prometheus:v{version('prometheus-release')}",
        "base": f"python:3.11-slim-{version('debian')}",
    }
