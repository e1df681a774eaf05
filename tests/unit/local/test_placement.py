import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local.conftest import MODEL_FORM
from tests.unit.local.nodes import CLUSTER, node
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import InferenceService
from trellis.local.nodes import Node, read_nodes
from trellis.local.placement import placement

Read = Callable[[str], InferenceService]

TOLERATION = "tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]"
SELECTOR = "nodeSelector: {accelerator: nvidia}"
GPU = "{limits: {nvidia.com/gpu: 1}}"


def manifest(*predictor: str, resources: str = "{}") -> str:
    fields = "".join(f"    {field}\n" for field in predictor)
    return (
        MODEL_FORM.replace("  predictor:\n", f"  predictor:\n{fields}")
        + f"      resources: {resources}\n"
    )


@pytest.fixture
def placed(service: Read, tmp_path: Path) -> Callable[..., list[Finding]]:
    """The findings of a manifest on these nodes."""

    def place(text: str, *items: dict[str, Any]) -> list[Finding]:
        file = tmp_path / "nodes.json"
        file.write_text(json.dumps({"items": items}))
        nodes: list[Node] = read_nodes(file)
        return list(placement(service(text), nodes))

    return place


Placed = Callable[..., list[Finding]]


def test_without_nodes_nothing_is_foretold(service: Read) -> None:
    assert list(placement(service(manifest(resources=GPU)), [])) == []


@pytest.mark.parametrize(
    "text",
    [
        manifest(),
        manifest(TOLERATION, SELECTOR, resources=GPU),
        manifest("tolerations: [{operator: Exists}]", resources=GPU),
        manifest(resources="{requests: {cpu: 2, memory: 8Gi}, limits: {cpu: 4, memory: 8Gi}}"),
    ],
    ids=["plain", "GPU", "tolerates all", "a whole node"],
)
def test_a_pod_that_a_node_takes(text: str, placed: Placed) -> None:
    assert placed(text, *CLUSTER) == []


def test_a_device_that_no_node_has(placed: Placed) -> None:
    (finding,) = placed(manifest(TOLERATION, resources=GPU), *CLUSTER[:2])
    assert finding.severity is Severity.ERROR
    assert finding.field == "spec.predictor.model.resources.limits.nvidia.com/gpu"
    assert finding.problem == (
        "no node takes a pod of this, it would stay Pending. control-plane, worker: has no"
        " nvidia.com/gpu; control-plane: is kept for others by the taint"
        " node-role.kubernetes.io/control-plane:NoSchedule"
    )
    assert "device plugin" in finding.remedy


def test_a_taint_that_is_not_tolerated_is_what_to_mend(placed: Placed) -> None:
    (finding,) = placed(manifest(SELECTOR, resources=GPU), *CLUSTER)
    assert finding.field == "spec.predictor.tolerations"
    assert finding.remedy == (
        "add to tolerations: key: nvidia.com/gpu, operator: Exists, effect: NoSchedule"
    )


def test_a_label_that_no_node_has(placed: Placed) -> None:
    (finding,) = placed(manifest("nodeSelector: {disk: fast}"), node("a"))
    assert finding.field == "spec.predictor.nodeSelector.disk"
    assert finding.remedy.startswith("kubectl label node a disk=fast")


def test_more_devices_than_a_node_has(placed: Placed) -> None:
    text = manifest(TOLERATION, resources="{limits: {nvidia.com/gpu: 4}}")
    (finding,) = placed(text, *CLUSTER)
    assert "gpu: has less nvidia.com/gpu than the 4 asked for" in finding.problem


def test_what_the_runtime_asks_for_counts_too(placed: Placed) -> None:
    small = node("small")
    small["status"]["allocatable"]["memory"] = "512Mi"
    text = MODEL_FORM + "      runtime: trellis-keras\n"
    (finding,) = placed(text, small)
    assert finding.field == "spec.predictor.model.resources.requests.memory"
    assert finding.problem.endswith(
        "small: has less memory than the 704Mi asked for (by the runtime trellis-keras)"
    )
    assert placed(text, small, node("large")) == []
    assert placed(text + "      resources: {requests: {memory: 256Mi}}\n", small) == []


def test_a_node_whose_devices_are_gone_has_none(placed: Placed) -> None:
    (finding,) = placed(manifest(resources=GPU), node("a", gpus=0))
    assert "a: has no nvidia.com/gpu" in finding.problem


def test_a_cordoned_node_takes_nothing(placed: Placed) -> None:
    taint = "node.kubernetes.io/unschedulable:NoSchedule"
    (finding,) = placed(manifest(), node("a", taints=(taint,), cordoned=True))
    assert finding.problem.endswith("a: takes no new pods (cordoned)")


def test_a_preference_of_a_node_keeps_nobody_off(placed: Placed) -> None:
    assert placed(manifest(), node("a", taints=("old:PreferNoSchedule",))) == []


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        ("{key: team, operator: Equal, value: blue, effect: NoSchedule}", True),
        ("{key: team, value: blue}", True),
        ("{key: team, operator: Exists}", True),
        ("{key: team, value: red}", False),
        ("{key: team, operator: Exists, effect: NoExecute}", False),
        ("{key: other, operator: Exists}", False),
    ],
)
def test_tolerations(toleration: str, fits: bool, placed: Placed) -> None:
    found = placed(
        manifest(f"tolerations: [{toleration}]"), node("a", taints=("team=blue:NoSchedule",))
    )
    assert (found == []) is fits


ZONE_A = node("n", {"zone": "a", "size": "8"})


def required(terms: str) -> str:
    """A manifest whose node affinity requires one of these terms."""
    affinity = f"requiredDuringSchedulingIgnoredDuringExecution: {{nodeSelectorTerms: [{terms}]}}"
    return manifest(f"affinity: {{nodeAffinity: {{{affinity}}}}}")


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("{key: zone, operator: In, values: [a, b]}", True),
        ("{key: zone, operator: In, values: [c]}", False),
        ("{key: zone, operator: NotIn, values: [c]}", True),
        ("{key: zone, operator: Exists}", True),
        ("{key: rack, operator: Exists}", False),
        ("{key: rack, operator: DoesNotExist}", True),
        ('{key: size, operator: Gt, values: ["7"]}', True),
        ('{key: size, operator: Lt, values: ["7"]}', False),
        ('{key: zone, operator: Gt, values: ["7"]}', False),
        ("{key: zone, operator: Near, values: [a]}", False),
    ],
)
def test_required_node_affinity(expression: str, fits: bool, placed: Placed) -> None:
    found = placed(required(f"{{matchExpressions: [{expression}]}}"), ZONE_A)
    assert (found == []) is fits


@pytest.mark.parametrize(
    ("term", "fits"),
    [
        ("{matchFields: [{key: metadata.name, operator: In, values: [n]}]}", True),
        ("{matchFields: [{key: metadata.name, operator: In, values: [m]}]}", False),
        ("{matchFields: [{key: metadata.name, operator: NotIn, values: [m]}]}", True),
        ("{matchFields: [{key: metadata.name, operator: NotIn, values: [n]}]}", False),
        ("{matchFields: [{key: metadata.name, operator: Exists}]}", False),
        ("{matchFields: [{key: metadata.uid, operator: NotIn, values: [m]}]}", False),
        (
            (
                "{matchFields: [{key: metadata.name, operator: In, values: [n]}],"
                " matchExpressions: [{key: zone, operator: Exists}]}"
            ),
            True,
        ),
        (
            (
                "{matchFields: [{key: metadata.name, operator: In, values: [n]}],"
                " matchExpressions: [{key: rack, operator: Exists}]}"
            ),
            False,
        ),
        ("{}", False),
        ("{matchExpressions: []}", False),
        ("{matchExpressions: [n]}", False),
        ("{matchFields: n}", False),
        ("n", False),
    ],
)
def test_a_term_of_the_required_node_affinity(term: str, fits: bool, placed: Placed) -> None:
    assert (placed(required(term), ZONE_A) == []) is fits


def test_one_term_that_fits_is_enough(placed: Placed) -> None:
    terms = "{}, {matchFields: [{key: metadata.name, operator: In, values: [n]}]}"
    assert placed(required(terms), ZONE_A) == []
