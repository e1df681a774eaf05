from collections.abc import Callable

import pytest

from tests.unit.local.conftest import CONTAINER_FORM, MODEL_FORM
from trellis.local.findings import Severity
from trellis.local.inference_service import InferenceService
from trellis.local.quantities import quantity
from trellis.local.resources import asked_for, resources

Read = Callable[[str], InferenceService]


def manifest(written: str, runtime: str = "") -> str:
    """The model form with resources, and with a runtime where one is named."""
    named = f"      runtime: {runtime}\n" if runtime else ""
    return f"{MODEL_FORM}{named}      resources: {written}\n"


#: What is written, the field at fault below resources, words of the finding.
WRONG = {
    "a request over its limit": (
        manifest("{requests: {memory: 1Gi}, limits: {memory: 512Mi}}"),
        "requests.memory",
        (
            "is 1Gi, over the limit 512Mi: no pod would be made, and KServe says nothing\n"
            "    remedy: raise the limit"
        ),
    ),
    "a request over the default runtime's limit": (
        manifest("{requests: {memory: 1Gi}}"),
        "requests.memory",
        (
            "is 1Gi, over the limit 512Mi (by the runtime trellis): no pod would be made, and KServe"
            " says nothing\n    remedy: set limits.memory beside it"
        ),
    ),
    "a request over its runtime's limit": (
        manifest("{requests: {cpu: 1500m}}", "trellis-keras"),
        "requests.cpu",
        "is 1500m, over the limit 1 (by the runtime trellis-keras)",
    ),
    "a limit under its runtime's request": (
        manifest("{limits: {memory: 512Mi}}", "trellis-keras"),
        "limits.memory",
        (
            "is 512Mi, under the request 704Mi (by the runtime trellis-keras): no pod would be made,"
            " and KServe says nothing\n    remedy: raise it, or lower requests.memory beside it"
        ),
    ),
    "a device without a limit": (
        manifest("{requests: {nvidia.com/gpu: 1}}"),
        "requests.nvidia.com/gpu",
        "the limit is missing",
    ),
    "half a device": (
        manifest("{limits: {nvidia.com/gpu: 500m}}"),
        "limits.nvidia.com/gpu",
        "expected a whole number of devices",
    ),
}

RIGHT = {
    "none": MODEL_FORM,
    "a request at its limit": manifest(
        '{requests: {cpu: 1, nvidia.com/gpu: 2}, limits: {cpu: 1000m, nvidia.com/gpu: "2"}}'
    ),
    "a request at its runtime's limit": manifest("{requests: {memory: 1Gi}}", "trellis-keras"),
    "a request and a limit over the runtime's": manifest(
        "{requests: {memory: 1Gi}, limits: {memory: 2Gi}}"
    ),
    "both under the runtime's": manifest("{requests: {memory: 64Mi}, limits: {memory: 128Mi}}"),
    "a limit at its runtime's request": manifest("{limits: {memory: 192Mi}}"),
    "a runtime that is not ours": manifest("{requests: {memory: 8Gi}}", "kserve-mlserver"),
    "a format that is not ours": manifest("{requests: {memory: 8Gi}}").replace(
        "{name: trellis}", "{name: sklearn}"
    ),
    "a container, which has no runtime": CONTAINER_FORM
    + "        resources: {requests: {memory: 8Gi}}\n",
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_wrong(case: str, service: Read) -> None:
    text, field, words = WRONG[case]
    (finding,) = resources(service(text))
    assert finding.severity is Severity.ERROR
    assert finding.field == f"spec.predictor.model.resources.{field}"
    assert words in finding.text()
    assert finding.line == len(text.splitlines())


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_right(case: str, service: Read) -> None:
    assert list(resources(service(RIGHT[case]))) == []


def test_the_scheduler_sees_requests_and_limits_where_there_is_no_request(service: Read) -> None:
    text = manifest("{requests: {memory: 1Gi}, limits: {memory: 2Gi, nvidia.com/gpu: 1}}")
    asked = asked_for(service(text))
    assert {name: amount.quantity for name, amount in asked.items()} == {
        "cpu": quantity("100m"),
        "memory": quantity("1Gi"),
        "nvidia.com/gpu": 1,
    }
    assert {name: amount.by for name, amount in asked.items() if amount.by} == {
        "cpu": " (by the runtime trellis)"
    }
