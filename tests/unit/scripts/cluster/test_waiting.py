import json
from pathlib import Path

import pytest

from scripts.cluster import waiting
from scripts.cluster.documents import Document
from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program


def deployment(namespace: str, name: str, **status: int) -> Document:
    return {
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": name, "generation": 2},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 2, "updatedReplicas": 1, "availableReplicas": 1, **status},
    }


@pytest.mark.parametrize(
    "status",
    [{"availableReplicas": 0}, {"updatedReplicas": 0}, {"observedGeneration": 1}],
    ids=["no replica", "old replica", "not seen"],
)
def test_a_deployment_that_lacks_something_is_named(status: dict[str, int]) -> None:
    told = {"items": [deployment("kserve", "manager", **status), deployment("kserve", "whole")]}
    assert waiting.unavailable(told, ["kserve"]) == ["kserve/manager"]


def test_other_namespaces_are_not_waited_for() -> None:
    told = {"items": [deployment("default", "yours", availableReplicas=0)]}
    assert waiting.unavailable(told, ["kserve"]) == []


def test_scaled_to_zero_is_whole() -> None:
    idle = deployment("kserve", "idle", updatedReplicas=0, availableReplicas=0)
    idle["spec"]["replicas"] = 0
    assert waiting.unavailable({"items": [idle]}, ["kserve"]) == []


def pod(status: Document) -> Document:
    metadata = {"namespace": "kserve", "name": "manager-1"}
    return {"items": [{"kind": "Pod", "metadata": metadata, "status": status}]}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    {
                        "name": "manager",
                        "ready": False,
                        "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}},
                    }
                ],
            },
            "kserve/manager-1: manager: ErrImagePull not found",
        ),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes are available",
                    }
                ],
            },
            "kserve/manager-1: Unschedulable: 0/3 nodes are available",
        ),
        ({"phase": "Pending"}, "kserve/manager-1: Pending"),
    ],
    ids=["image", "unschedulable", "nothing known"],
)
def test_a_pod_that_is_not_ready_says_why(status: Document, expected: str) -> None:
    assert waiting.troubles(pod(status), ["kserve"]) == [expected]


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Running", "containerStatuses": [{"name": "manager", "ready": True}]},
        {"phase": "Succeeded", "containerStatuses": [{"name": "job", "ready": False}]},
    ],
    ids=["ready", "ended well"],
)
def test_a_pod_that_is_well_is_not_mentioned(status: Document) -> None:
    assert waiting.troubles(pod(status), ["kserve"]) == []


def test_waiting_ends_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE", 0.0)
    missing, said = iter(["node b", "node b", ""]), list[str]()
    waiting.until(lambda: next(missing), patience=60, say=said.append)
    assert said == ["node b", "node b"]


def test_waiting_too_long_names_what_is_missing_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAUSE", 0.0)
    with pytest.raises(ClusterError, match="still no ready node b") as caught:
        waiting.until(lambda: "ready node b", 0.0, say=lambda _: None, explain=lambda: "it is cold")
    assert caught.value.remedy == "it is cold"


@pytest.mark.parametrize(
    ("restarts", "ready", "hopeless"),
    [(4, False, True), (1, False, False), (9, True, False)],
    ids=["again and again", "once", "well now"],
)
def test_a_container_that_ends_again_and_again_is_given_up(
    *, restarts: int, ready: bool, hopeless: bool
) -> None:
    container = {"name": "manager", "ready": ready, "restartCount": restarts}
    told = pod({"containerStatuses": [container]})
    assert waiting.crashing(told, ["kserve"]) == (["kserve/manager-1"] if hopeless else [])


def test_its_last_words_are_told(tmp_path: Path) -> None:
    container = {
        "name": "manager",
        "ready": False,
        "restartCount": 5,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
    }
    told = json.dumps(pod({"containerStatuses": [container]}))
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"""#!/bin/sh\ntest "$1" = logs && echo 'no such flag' || echo '{told}'\n""")
    kubectl.chmod(0o755)
    with pytest.raises(ClusterError, match="kserve/manager-1 does not start") as caught:
        waiting.deployments(Program(kubectl), ["kserve"], say=lambda _: None)
    assert "manager: CrashLoopBackOff" in caught.value.remedy
    assert "no such flag" in caught.value.remedy
