"""What an InferenceService says of replicas and of the requests that each is given, which a cluster
refuses late, or takes for something else without a word.
"""

from collections.abc import Iterator

from trellis.local import fields
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import PREDICTOR, InferenceService
from trellis.local.yaml_lines import FieldPath

ANNOTATIONS: FieldPath = ("metadata", "annotations")
MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER = "serving.kserve.io/autoscalerClass"
KNATIVE_CLASS = "autoscaling.knative.dev/class"
TAG_ROUTING = "serving.kserve.io/enable-tag-routing"

#: "RawDeployment" and "Serverless" are the older names of "Standard" and "Knative".
NO_KNATIVE = frozenset({"Standard", "RawDeployment"})
_MODES = NO_KNATIVE | {"Knative", "Serverless"}
_AUTOSCALERS = frozenset({"external", "hpa", "keda", "none"})
_BY_KNATIVE = frozenset({"concurrency", "rps"})
_BY_KUBERNETES = frozenset({"cpu", "memory"})
#: Seconds; Knative's own, where its operator has chosen no other.
_LONGEST_TIMEOUT = 600
#: A DNS label; each part of a host is one.
_LONGEST_LABEL = 63


def has_no_knative(service: InferenceService) -> bool:
    """Whether the InferenceService asks for KServe's Standard mode."""
    return service.at((*ANNOTATIONS, MODE)) in NO_KNATIVE


def scaling(service: InferenceService) -> Iterator[Finding]:
    """The errors of one service."""
    yield from _known(service, MODE, _MODES)
    yield from _known(service, AUTOSCALER, _AUTOSCALERS)
    yield from _replicas(service)
    yield from _metric(service)
    yield from _tag_host(service)
    yield from _requests_at_once(service)
    yield from _timeout(service)


def _known(service: InferenceService, annotation: str, known: frozenset[str]) -> Iterator[Finding]:
    path = (*ANNOTATIONS, annotation)
    value = service.at(path)
    if value is None or value in known:
        return
    near = fields.near_name(value, known)
    remedy = f"did you mean {near}?" if near else ""
    problem = f"is {value!r}; expected one of {', '.join(sorted(known))}"
    yield service.finding(Severity.ERROR, path, problem, remedy)


def _replicas(service: InferenceService) -> Iterator[Finding]:
    lowest = service.at((*PREDICTOR, "minReplicas"))
    highest = service.at((*PREDICTOR, "maxReplicas"))
    least = 1 if lowest is None else lowest
    if highest and least > highest:  # 0 is no bound
        path = (*PREDICTOR, "maxReplicas" if lowest is None else "minReplicas")
        problem = f"minReplicas is {least} and maxReplicas is {highest}"
        remedy = "raise maxReplicas, or lower minReplicas"
        yield service.finding(Severity.ERROR, path, problem, remedy)
    by_keda = service.at((*ANNOTATIONS, AUTOSCALER)) in {"keda", "external"}
    if lowest == 0 and has_no_knative(service) and not by_keda:
        problem = "is 0 in Standard mode: KServe takes it for 1 without a word"
        remedy = "write 1, or use Knative mode, which scales to zero"
        yield service.finding(Severity.ERROR, (*PREDICTOR, "minReplicas"), problem, remedy)


def _metric(service: InferenceService) -> Iterator[Finding]:
    path = (*PREDICTOR, "scaleMetric")
    metric = service.at(path)
    by_hpa = has_no_knative(service) or str(service.at((*ANNOTATIONS, KNATIVE_CLASS))).startswith(
        "hpa."
    )
    known = _BY_KUBERNETES if by_hpa else _BY_KNATIVE
    if metric is not None and metric not in known:
        scaler = "the HorizontalPodAutoscaler" if by_hpa else "Knative"
        near = fields.near_name(metric, known)
        remedy = f"did you mean {near}?" if near else ""
        problem = f"is {metric!r}; {scaler} scales by {' or '.join(sorted(known))}"
        yield service.finding(Severity.ERROR, path, problem, remedy)
    target = service.at((*PREDICTOR, "scaleTarget"))
    if target is not None and by_hpa and not 1 <= target <= 100:  # percent
        what = "memory" if metric == "memory" else "CPU"
        problem = f"is {target}; expected 1 to 100, percent of the {what} request"
        yield service.finding(Severity.ERROR, (*PREDICTOR, "scaleTarget"), problem)


def _tag_host(service: InferenceService) -> Iterator[Finding]:
    path = (*ANNOTATIONS, TAG_ROUTING)
    label = f"latest-{service.name}-predictor"
    if service.at(path) == "true" and len(label) > _LONGEST_LABEL:
        problem = f"makes the host {label}, {len(label)} characters; DNS allows {_LONGEST_LABEL}"
        remedy = "shorten metadata.name, or drop the annotation"
        yield service.finding(Severity.ERROR, path, problem, remedy)


def _requests_at_once(service: InferenceService) -> Iterator[Finding]:
    path = (*PREDICTOR, "containerConcurrency")
    at_once = service.at(path)
    if at_once and has_no_knative(service):  # 0 is no bound
        problem = f"is {at_once} in Standard mode: nothing there holds requests back"
        remedy = "give the predictor --max_inflight_requests in args, or use Knative mode"
        yield service.finding(Severity.ERROR, path, problem, remedy)


def _timeout(service: InferenceService) -> Iterator[Finding]:
    path = (*PREDICTOR, "timeout")
    seconds = service.at(path)
    if seconds is not None and seconds > _LONGEST_TIMEOUT and not has_no_knative(service):
        problem = (
            f"is {seconds} s; Knative makes no revision with more than its setting"
            f" max-revision-timeout-seconds, {_LONGEST_TIMEOUT} s"
        )
        remedy = f"write {_LONGEST_TIMEOUT} or less, or use Standard mode"
        yield service.finding(Severity.ERROR, path, problem, remedy)
