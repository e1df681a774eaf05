"""What a failed test leaves behind: logs, events and descriptions of everything in a folder."""

from pathlib import Path

from scripts.cluster.errors import ClusterError
from tests.e2e.support.kube import Document, Kube

#: What is described, and listed as YAML, where the cluster knows the kind.
KINDS = (
    "nodes",
    "pods",
    "inferenceservices.serving.kserve.io",
    "services.serving.knative.dev",
    "routes.serving.knative.dev",
    "revisions.serving.knative.dev",
    "ingresses.networking.internal.knative.dev",
    "podautoscalers.autoscaling.internal.knative.dev",
    "deployments.apps",
    "statefulsets.apps",
    "services",
    "horizontalpodautoscalers.autoscaling",
    "scaledobjects.keda.sh",
    "persistentvolumeclaims",
    "poddisruptionbudgets.policy",
)
_LINES = "--tail=3000"


def collect(kube: Kube, folder: Path) -> None:
    """Write the cluster's state to ``folder``; what cannot be had is written in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    everywhere = "--all-namespaces"
    _write(kube, folder / "events.txt", "get", "events", everywhere, "--sort-by=.lastTimestamp")
    _write(kube, folder / "pods.txt", "get", "pods", everywhere, "-o", "wide")
    for kind in KINDS:
        short = kind.partition(".")[0] if "knative" not in kind else f"knative-{kind.split('.')[0]}"
        _write(kube, folder / "describe" / f"{short}.txt", "describe", kind, everywhere)
        _write(kube, folder / "yaml" / f"{short}.yaml", "get", kind, everywhere, "-o", "yaml")
    try:
        pods = kube.all("pods")
    except ClusterError:
        return  # pods.txt says why
    for pod in pods:
        _logs(kube, pod, folder / "logs")


def _logs(kube: Kube, pod: Document, folder: Path) -> None:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    statuses = pod.get("status", {}).get("containerStatuses", [])
    for status in statuses:
        container = status["name"]
        call = ("logs", name, "--namespace", namespace, "--container", container, _LINES)
        file = folder / namespace / f"{name}.{container}.log"
        _write(kube, file, *call)
        if status.get("restartCount"):
            _write(kube, file.with_suffix(".previous.log"), *call, "--previous")


def _write(kube: Kube, file: Path, *arguments: str) -> None:
    try:
        told = kube.run(*arguments, timeout=60)
    except ClusterError as error:
        told = f"{error}\n"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(told, encoding="utf-8")
