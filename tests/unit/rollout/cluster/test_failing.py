from typing import Any

import pytest

from trellis.rollout.cluster.failing import failing, restarts


def pod(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"status": {"containerStatuses": list(containers), "initContainerStatuses": list(init)}}


def container(**status: Any) -> dict[str, Any]:
    return {"name": "kserve-container", "restartCount": 0, "ready": False, **status}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        (pod(container(state={"waiting": {"reason": "ContainerCreating"}})), ""),
        (pod(container(state={"running": {}})), ""),
        (
            pod(
                container(state={"waiting": {"reason": "ImagePullBackOff", "message": "no\n such"}})
            ),
            "container kserve-container: ImagePullBackOff (no such)",
        ),
        (
            pod(
                container(
                    restartCount=4,
                    state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m"}},
                    lastState={"terminated": {"exitCode": 139, "reason": "Error"}},
                )
            ),
            "container kserve-container: CrashLoopBackOff (Error, exit code 139)",
        ),
        (
            pod(
                container(
                    restartCount=1,
                    state={"running": {}},
                    lastState={"terminated": {"exitCode": 1, "reason": "Error", "message": "oh"}},
                )
            ),
            "container kserve-container ended 1 times (Error, exit code 1: oh)",
        ),
        (
            pod(init=(container(name="storage", state={"terminated": {"exitCode": 2}}),)),
            "init container storage ended 1 times (Error, exit code 2)",
        ),
    ],
    ids=["nothing", "creating", "running", "image", "crashes", "between crashes", "init"],
)
def test_a_container_that_does_not_run_is_told(given: dict[str, Any], words: str) -> None:
    assert failing(given) == words


def test_one_that_was_killed_once_and_is_ready_again_is_well() -> None:
    well = container(
        ready=True,
        restartCount=1,
        state={"running": {}},
        lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    )
    assert failing(pod(well)) == ""
    assert restarts(pod(well)) == 1


def test_one_that_no_node_takes_is_told() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    given = {"status": {"conditions": [{**condition, "message": "no nvidia.com/gpu"}]}}
    assert failing(given) == "no node takes the pod (no nvidia.com/gpu)"


def test_a_long_story_is_cut() -> None:
    told = pod(container(state={"waiting": {"reason": "ErrImagePull", "message": "x" * 9000}}))
    assert len(failing(told)) == 300
