"""What all system components have in common on a small kind cluster."""

from typing import Any

from scripts.cluster.documents import Document, Manifest

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"

#: Replicas of the system itself are not what this cluster is for.
_LEFT_OUT = frozenset({"HorizontalPodAutoscaler", "PodDisruptionBudget"})

_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")


def settle(manifest: Manifest) -> None:
    """Fit a component to the cluster: on the control plane, small requests, quick to be ready."""
    manifest.objects = [item for item in manifest.objects if item["kind"] not in _LEFT_OUT]
    for deployment in manifest.of_kind("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        _on_control_plane(pod)
        for container in pod["containers"]:
            _modest(container)
            _quick(container)


def _on_control_plane(pod: Document) -> None:
    pod.setdefault("nodeSelector", {})[_CONTROL_PLANE] = ""
    tolerations: list[dict[str, Any]] = pod.setdefault("tolerations", [])
    toleration = {"key": _CONTROL_PLANE, "operator": "Exists", "effect": "NoSchedule"}
    if toleration not in tolerations:
        tolerations.append(toleration)


def _modest(container: Document) -> None:
    # Together their own requests are more than two cores, and a limit of a tenth of one makes
    # a controller start for half a minute.
    resources = container.setdefault("resources", {})
    resources["requests"] = {"cpu": "10m", "memory": "32Mi"}
    resources.setdefault("limits", {})["cpu"] = "1"
    container["imagePullPolicy"] = "IfNotPresent"


def _quick(container: Document) -> None:
    # The first look comes at once; a liveness probe forgives a slow start on a busy machine.
    for name in _PROBES:
        probe = container.get(name)
        if probe is None:
            continue
        if name == "readinessProbe":
            probe["initialDelaySeconds"] = 0
            probe["periodSeconds"] = 1
            probe["failureThreshold"] = max(probe.get("failureThreshold", 3), 10)
            probe["timeoutSeconds"] = max(probe.get("timeoutSeconds", 1), 3)
        elif name == "livenessProbe":
            probe["failureThreshold"] = max(probe.get("failureThreshold", 3), 12)
            probe["timeoutSeconds"] = max(probe.get("timeoutSeconds", 1), 5)
