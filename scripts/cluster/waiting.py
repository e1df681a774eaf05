"""Waiting for the cluster, with words for what is missing."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from scripts.cluster.documents import Document
from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program
from scripts.cluster.progress import Say

_PAUSE = 0.5  # seconds between two looks
_HOPELESS = 4  # restarts: more than a minute of them


def until(
    look: Callable[[], str], patience: float, say: Say, explain: Callable[[], str] = str
) -> None:
    """Look until nothing is missing.

    ``look`` gives what is still missing, in words, or nothing; ``patience`` is in seconds;
    ``explain`` is asked why at the end of it.

    :raises ClusterError: with what is still missing then.
    """
    end = time.monotonic() + patience
    while missing := look():
        say(missing)
        if time.monotonic() > end:
            raise ClusterError(
                f"After {patience:.0f} s there is still no {missing}.",
                explain() or "Run `make cluster` again: it goes on from here.",
            )
        time.sleep(_PAUSE)


def deployments(
    kubectl: Program, namespaces: Iterable[str], say: Say, patience: float = 300
) -> None:
    """Until every Deployment of the namespaces has all its replicas available.

    :raises ClusterError: naming those that have not, with the state of their pods; at once where
        a container has ended so often that more patience will not help.
    """
    wanted = tuple(namespaces)

    def look() -> str:
        told = _list(kubectl, "deployments,pods")
        if hopeless := crashing(told, wanted):
            raise ClusterError(
                f"{', '.join(hopeless)} does not start", _words(kubectl, told, wanted)
            )
        return ", ".join(unavailable(told, wanted))

    def explain() -> str:
        return _words(kubectl, _list(kubectl, "pods"), wanted)

    until(look, patience, say, explain)


def crashing(told: Document, namespaces: Iterable[str]) -> list[str]:
    """Namespace and name of each pod of a list with a container that ended again and again."""
    wanted = frozenset(namespaces)
    return [
        f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in told["items"]
        if item["kind"] == "Pod" and item["metadata"]["namespace"] in wanted
        if any(
            container["restartCount"] >= _HOPELESS and not container["ready"]
            for container in item.get("status", {}).get("containerStatuses", [])
        )
    ]


def _words(kubectl: Program, told: Document, namespaces: Iterable[str]) -> str:
    """Why pods of a list are not ready, with the last words of those that crash."""
    lines = troubles(told, namespaces)
    for name in crashing(told, namespaces):
        namespace, _, pod = name.partition("/")
        try:
            lines.append(kubectl("logs", "-n", namespace, pod, "--previous", "--tail=3").strip())
        except ClusterError:
            continue  # it has left no words
    return "\n  ".join(lines)


def unavailable(told: Document, namespaces: Iterable[str]) -> list[str]:
    """Names of the Deployments of a list that lack replicas of their newest generation."""
    wanted = frozenset(namespaces)
    return [
        f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for item in told["items"]
        if item["kind"] == "Deployment" and item["metadata"]["namespace"] in wanted
        if not _available(item)
    ]


def _available(deployment: Document) -> bool:
    status, replicas = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("updatedReplicas", 0) >= replicas
        and status.get("availableReplicas", 0) >= replicas
    )


def troubles(told: Document, namespaces: Iterable[str]) -> list[str]:
    """A line for each pod of a list that is not ready: the reason its containers give."""
    wanted = frozenset(namespaces)
    lines = []
    for pod in told["items"]:
        status = pod.get("status", {})
        containers: list[dict[str, Any]] = status.get("containerStatuses", [])
        if pod["kind"] != "Pod" or pod["metadata"]["namespace"] not in wanted:
            continue
        if status.get("phase") == "Succeeded":
            continue
        if containers and all(item["ready"] for item in containers):
            continue
        reasons = [
            f"{item['name']}: {waiting.get('reason', '')} {waiting.get('message', '')}".strip()
            for item in containers
            if (waiting := item.get("state", {}).get("waiting"))
        ] or [
            f"{item['reason']}: {item.get('message', '')}"
            for item in status.get("conditions", [])
            if item["status"] != "True" and item.get("reason")
        ]
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        lines.append(f"{name}: {'; '.join(dict.fromkeys(reasons)) or status.get('phase')}")
    return lines


def _list(kubectl: Program, kinds: str) -> Document:
    told: Document = json.loads(kubectl("get", kinds, "--all-namespaces", "-o", "json"))
    return told
