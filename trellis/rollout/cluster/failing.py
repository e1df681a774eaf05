"""Why a pod's containers do not run, in words, as soon as their states tell."""

from collections.abc import Iterator, Mapping
from typing import Any

#: Reasons of the kubelet for waiting that no patience mends.
_STUCK = frozenset(
    (
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImageInspectError",
        "ImagePullBackOff",
        "InvalidImageName",
        "RunContainerError",
    )
)
_MOST_LETTERS = 300


def failing(pod: Mapping[str, Any]) -> str:
    """A sentence; empty where nothing is wrong or nothing is known yet."""
    status = pod.get("status") or {}
    for kind, container in _containers(status):
        state = container.get("state") or {}
        name = f"{kind} {container.get('name', '')}"
        waiting = state.get("waiting") or {}
        ended = state.get("terminated") or {}
        before = (container.get("lastState") or {}).get("terminated") or {}
        if waiting.get("reason") in _STUCK:
            return _sentence(f"{name}: {waiting['reason']}", _why(before) or waiting.get("message"))
        if ended.get("exitCode") or (before.get("exitCode") and not container.get("ready")):
            times = container.get("restartCount", 0)
            return _sentence(f"{name} ended {times + bool(ended)} times", _why(ended or before))
    for condition in status.get("conditions") or []:
        if condition.get("reason") == "Unschedulable" and condition.get("status") == "False":
            return _sentence("no node takes the pod", condition.get("message"))
    return ""


def restarts(pod: Mapping[str, Any]) -> int:
    """How often its containers were started again, all together."""
    status = pod.get("status") or {}
    return sum(int(container.get("restartCount") or 0) for _, container in _containers(status))


def _containers(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for field, kind in (
        ("initContainerStatuses", "init container"),
        ("containerStatuses", "container"),
    ):
        for container in status.get(field) or []:
            yield kind, container


def _why(ended: Mapping[str, Any]) -> str:
    if not ended:
        return ""
    reason = str(ended.get("reason") or "Error")
    told = str(ended.get("message") or "").strip()
    return f"{reason}, exit code {ended.get('exitCode')}" + (f": {told}" if told else "")


def _sentence(what: str, why: Any) -> str:
    whole = f"{what} ({' '.join(str(why).split())})" if why else what
    return whole if len(whole) <= _MOST_LETTERS else f"{whole[: _MOST_LETTERS - 1]}…"
