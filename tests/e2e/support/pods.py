"""A pod that runs a few lines of Python under Pod Security "restricted" and ends."""

from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.waiting import NotYet, wait_for

IMAGE = "trellis/predictor:0.1.0"

_PATIENCE = 90.0


def container(name: str, script: str, *arguments: str) -> Document:
    """A container of our image that runs ``script``, with what the namespace asks of it."""
    return {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-c", script, *arguments],
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def output(
    kube: Kube, namespace: str, name: str, labels: dict[str, str], script: str, *arguments: str
) -> str:
    """What a pod of these labels printed; it is removed again."""
    pod: Document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [container("script", script, *arguments)],
        },
    }
    kube.apply(pod, namespace=namespace)

    def look() -> None:
        phase = kube.get("pod", name, namespace)["status"]["phase"]
        if phase == "Failed":
            raise AssertionError(f"{name} failed: {kube.run('logs', name, '-n', namespace)}")
        if phase != "Succeeded":
            raise NotYet(f"it is {phase}")

    try:
        wait_for(f"end of the pod {name}", look, _PATIENCE)
        return kube.run("logs", name, "--namespace", namespace)
    finally:
        kube.delete("pod", name, namespace, wait=False)
