from collections.abc import Callable

import pytest

from tests.unit.local.conftest import MODEL_FORM
from trellis.local.findings import Severity
from trellis.local.inference_service import InferenceService
from trellis.local.scaling import scaling

Read = Callable[[str], InferenceService]

STANDARD = "serving.kserve.io/deploymentMode: Standard"


def manifest(
    predictor: str = "",
    annotations: tuple[str, ...] = (),
    name: str = "tomato",
) -> str:
    """The model form with fields of the predictor, and annotations."""
    text = MODEL_FORM.replace("  name: tomato\n", f"  name: {name}\n")
    if annotations:
        written = "".join(f"    {annotation}\n" for annotation in annotations)
        text = text.replace("spec:\n", f"  annotations:\n{written}spec:\n", 1)
    fields = "".join(f"    {field}\n" for field in predictor.split("; ") if field)
    return text.replace("  predictor:\n", f"  predictor:\n{fields}")


#: What is written, the field at fault, words of the finding.
WRONG = {
    "more than the most": (
        manifest("minReplicas: 3; maxReplicas: 2"),
        "spec.predictor.minReplicas",
        "minReplicas is 3 and maxReplicas is 2",
    ),
    "CPU in Knative mode": (
        manifest("scaleMetric: cpu"),
        "spec.predictor.scaleMetric",
        "is 'cpu'; Knative scales by concurrency or rps",
    ),
    "a misspelt metric": (
        manifest("scaleMetric: concurency"),
        "spec.predictor.scaleMetric",
        "did you mean concurrency?",
    ),
    "concurrency in Standard mode": (
        manifest("scaleMetric: concurrency", (STANDARD,)),
        "spec.predictor.scaleMetric",
        "the HorizontalPodAutoscaler scales by cpu or memory",
    ),
    "over a hundred percent": (
        manifest("scaleTarget: 150", (STANDARD,)),
        "spec.predictor.scaleTarget",
        "expected 1 to 100",
    ),
    "zero in Standard mode": (
        manifest("minReplicas: 0", (STANDARD,)),
        "spec.predictor.minReplicas",
        "takes it for 1 without a word",
    ),
    "an unknown mode": (
        manifest(annotations=("serving.kserve.io/deploymentMode: Standart",)),
        "metadata.annotations.serving.kserve.io/deploymentMode",
        "did you mean Standard?",
    ),
    "an unknown autoscaler": (
        manifest(annotations=("serving.kserve.io/autoscalerClass: vpa",)),
        "metadata.annotations.serving.kserve.io/autoscalerClass",
        "expected one of external, hpa, keda, none",
    ),
    "a tagged host that is too long": (
        manifest(name="t" * 47, annotations=('serving.kserve.io/enable-tag-routing: "true"',)),
        "metadata.annotations.serving.kserve.io/enable-tag-routing",
        "64 characters; DNS allows 63",
    ),
    "over a hundred percent of memory": (
        manifest("scaleMetric: memory; scaleTarget: 600", (STANDARD,)),
        "spec.predictor.scaleTarget",
        "is 600; expected 1 to 100, percent of the memory request",
    ),
    "requests at once in Standard mode": (
        manifest("containerConcurrency: 4", (STANDARD,)),
        "spec.predictor.containerConcurrency",
        "is 4 in Standard mode: nothing there holds requests back",
    ),
    "a timeout that Knative refuses": (
        manifest("timeout: 601"),
        "spec.predictor.timeout",
        "max-revision-timeout-seconds, 600 s",
    ),
}

RIGHT = {
    "plain": manifest(),
    "no bound": manifest("minReplicas: 3; maxReplicas: 0"),
    "scale to zero": manifest("minReplicas: 0; maxReplicas: 3; scaleMetric: rps; scaleTarget: 200"),
    "HPA": manifest("scaleMetric: cpu; scaleTarget: 70", (STANDARD,)),
    "HPA of memory": manifest("scaleMetric: memory; scaleTarget: 100", (STANDARD,)),
    "HPA in Knative mode": manifest(
        "scaleMetric: cpu; scaleTarget: 70",
        ("autoscaling.knative.dev/class: hpa.autoscaling.knative.dev",),
    ),
    "KEDA to zero": manifest(
        "minReplicas: 0", (STANDARD, "serving.kserve.io/autoscalerClass: external")
    ),
    "a tagged host": manifest(
        name="t" * 46, annotations=('serving.kserve.io/enable-tag-routing: "true"',)
    ),
    "requests at once": manifest("containerConcurrency: 4"),
    "no bound of requests at once": manifest("containerConcurrency: 0", (STANDARD,)),
    "Knative's longest timeout": manifest("timeout: 600"),
    "a longer timeout in Standard mode": manifest("timeout: 601", (STANDARD,)),
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_wrong(case: str, service: Read) -> None:
    text, field, words = WRONG[case]
    (finding,) = scaling(service(text))
    assert (finding.severity, finding.field) == (Severity.ERROR, field)
    assert words in finding.text()
    assert finding.line > 1


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_right(case: str, service: Read) -> None:
    assert list(scaling(service(RIGHT[case]))) == []
