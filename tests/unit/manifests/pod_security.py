"""Pod Security "restricted" on a pod's template, as the API server's admission judges it."""

from collections.abc import Iterator, Mapping
from typing import Any

_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)
_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC")
_PROFILES = frozenset({"RuntimeDefault", "Localhost"})


def violations(pod: Mapping[str, Any]) -> Iterator[str]:
    """What the namespace would refuse the pod for, a sentence each."""
    for name in _HOST_FIELDS:
        if pod.get(name):
            yield f"{name} is true"
    for volume in pod.get("volumes") or []:
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']} is a {', '.join(sorted(kinds - _VOLUMES))}"
    whole = pod.get("securityContext") or {}
    for container in [*(pod.get("initContainers") or []), *pod["containers"]]:
        for problem in _container(container, whole):
            yield f"container {container['name']}: {problem}"


def _container(container: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    own = container.get("securityContext") or {}
    if own.get("privileged"):
        yield "is privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if own.get("runAsNonRoot", whole.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    if own.get("runAsUser", whole.get("runAsUser")) == 0:
        yield "runs as root"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield "does not drop ALL capabilities"
    if not set(capabilities.get("add") or []) <= {"NET_BIND_SERVICE"}:
        yield "adds capabilities"
    profile = own.get("seccompProfile") or whole.get("seccompProfile") or {}
    if profile.get("type") not in _PROFILES:
        yield "has no seccomp profile"
    if any(port.get("hostPort") for port in container.get("ports") or []):
        yield "has a port of the host"
