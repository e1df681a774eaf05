"""Bad values and bad manifests are refused, with the name of the field."""

import copy
from collections.abc import Callable

import pytest

from scripts.cluster.program import Program, ProgramFailed
from scripts.cluster.settings import NAMESPACE
from tests.e2e.support.kube import Document, Kube
from tests.e2e.support.processes import chart
from tests.e2e.support.services import model

Change = Callable[[Document], object]

BAD_MANIFESTS: dict[str, tuple[Change, str]] = {
    "a weight that is no number": (
        lambda spec: spec.update(canaryTrafficPercent="a fifth"),
        "spec.predictor.canaryTrafficPercent",
    ),
    "replicas that are no number": (
        lambda spec: spec.update(minReplicas="one"),
        "spec.predictor.minReplicas",
    ),
    "a field that is misspelt": (
        lambda spec: spec.update(canaryTraficPercent=20),
        'unknown field "canaryTraficPercent"',
    ),
    "a metric that nothing scales by": (
        lambda spec: spec.update(scaleMetric="cows"),
        "spec.predictor.scaleMetric",
    ),
    "fewer replicas at most than at least": (
        lambda spec: spec.update(minReplicas=3, maxReplicas=2),
        "MinReplicas",
    ),
    "a variable without a name": (
        lambda spec: spec["model"].update(env=[{"value": "x"}]),
        "spec.predictor.model.env[0]",
    ),
}

BAD_VALUES = {
    "a value that is misspelt": ("canaryTraficPercent=20", "canaryTraficPercent"),
    "a weight over 100": ("canaryTrafficPercent=101", "canaryTrafficPercent"),
    "no mode": ("mode=Serverless", "mode"),
    "a nested value that is misspelt": ("scaling.minReplica=1", "minReplica"),
    "values that contradict": ("mode=Standard,canaryTrafficPercent=20", "canaryTrafficPercent"),
}

#: A pod that Pod Security "restricted" must not let in, and the words that say what is wrong.
LOOSE_POD: Document = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "loose"},
    "spec": {"containers": [{"name": "loose", "image": "trellis/predictor:0.1.0"}]},
}
TIGHT = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.mark.parametrize("case", BAD_MANIFESTS)
def test_bad_manifest(case: str, kube: Kube) -> None:
    change, field = BAD_MANIFESTS[case]
    document = model(kube, "diabetes")
    document["metadata"]["name"] = "bad"
    change(document["spec"]["predictor"])
    assert field in kube.refusal(document, namespace=NAMESPACE)


def test_same_manifest_without_a_mistake_is_taken(kube: Kube) -> None:
    document = model(kube, "diabetes")
    document["metadata"]["name"] = "good"
    with pytest.raises(AssertionError, match="the API took it"):
        kube.refusal(document, namespace=NAMESPACE)


@pytest.mark.parametrize("case", BAD_VALUES)
def test_bad_value(case: str, helm: Program) -> None:
    value, field = BAD_VALUES[case]
    with pytest.raises(ProgramFailed) as refused:
        helm(
            "install",
            "bad",
            str(chart("model")),
            "--namespace",
            NAMESPACE,
            "--dry-run=server",
            "--set",
            value,
        )
    assert field in refused.value.said


def test_bad_value_of_the_platform(helm: Program) -> None:
    with pytest.raises(ProgramFailed) as refused:
        helm(
            "upgrade", "trellis", str(chart("trellis")), "--namespace", NAMESPACE,
            "--dry-run=server", "--reuse-values", "--set", "redis.durabel.memory=64",
        )  # fmt: skip
    assert "durabel" in refused.value.said


@pytest.mark.parametrize("missing", TIGHT)
def test_loose_pod(missing: str, kube: Kube) -> None:
    pod = copy.deepcopy(LOOSE_POD)
    pod["spec"]["containers"][0]["securityContext"] = {
        key: value for key, value in TIGHT.items() if key != missing
    }
    said = kube.refusal(pod, namespace=NAMESPACE)
    assert 'violates PodSecurity "restricted' in said
    assert missing in said


def test_tight_pod_is_taken(kube: Kube) -> None:
    pod = copy.deepcopy(LOOSE_POD)
    pod["spec"]["containers"][0]["securityContext"] = TIGHT
    with pytest.raises(AssertionError, match="the API took it"):
        kube.refusal(pod, namespace=NAMESPACE)
