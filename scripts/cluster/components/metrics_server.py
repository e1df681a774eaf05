"""metrics-server: CPU and memory of pods, for the HorizontalPodAutoscaler and `kubectl top`."""

from scripts.cluster.components.system import settle
from scripts.cluster.documents import Manifest, read

NAMESPACE = "kube-system"


def manifest(text: str) -> Manifest:
    """What is applied."""
    metrics = read(text)
    pod = metrics.find("Deployment", "metrics-server")["spec"]["template"]["spec"]
    # A kind node's kubelet signs its certificate itself.
    pod["containers"][0]["args"].append("--kubelet-insecure-tls")
    settle(metrics)
    return metrics
