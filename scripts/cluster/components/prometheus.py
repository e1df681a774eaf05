"""Prometheus, for tests and for a look: `prometheus.yaml` beside this file."""

import hashlib
from pathlib import Path

from scripts.cluster.components.system import settle
from scripts.cluster.documents import Manifest, read

NAMESPACE = "monitoring"

_FILE = Path(__file__).with_name("prometheus.yaml")


def manifest(image: str) -> Manifest:
    """What is applied, with Prometheus's image."""
    text = _FILE.read_text("utf-8")
    prometheus = read(text)
    template = prometheus.find("Deployment", "prometheus")["spec"]["template"]
    template["spec"]["containers"][0]["image"] = image
    # Prometheus reads its configuration at its start: another one is another pod.
    configuration = prometheus.find("ConfigMap", "prometheus")["data"]["prometheus.yml"]
    template["metadata"]["annotations"] = {
        "trellis.dev/configuration": hashlib.sha256(configuration.encode()).hexdigest()[:16]
    }
    settle(prometheus)
    return prometheus
