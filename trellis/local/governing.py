"""What Rollouts, Experiments and InferenceServices of the same files say against each other."""

from collections.abc import Iterator, Sequence
from typing import Any

from trellis.local.custom_resources import CustomResource, Experiment, Rollout
from trellis.local.findings import Finding, Severity
from trellis.local.inference_service import PREDICTOR, InferenceService
from trellis.local.scaling import ANNOTATIONS, MODE, TAG_ROUTING, has_no_knative

_SERVICE = ("spec", "inferenceService")


def governing(
    services: Sequence[InferenceService],
    rollouts: Sequence[Rollout],
    experiments: Sequence[Experiment],
) -> Iterator[Finding]:
    """All findings, those of Rollouts first."""
    by_name = {service.name: service for service in services}
    yield from _named_twice(rollouts)
    yield from _named_twice(experiments)
    first: dict[str, Rollout] = {}
    for rollout in rollouts:
        name = rollout.spec.inference_service
        if other := first.get(name):
            yield rollout.finding(
                Severity.ERROR,
                _SERVICE,
                f"{name} has the Rollout {other.name} already, at {other.place}",
                "remove one: two would move the same weight",
            )
            continue
        first[name] = rollout
        yield from _rollout(rollout, by_name.get(name))
    yield from _experiments(experiments, by_name, first)


def _named_twice(resources: Sequence[CustomResource[Any]]) -> Iterator[Finding]:
    first: dict[str, CustomResource[Any]] = {}
    for resource in resources:
        other = first.setdefault(resource.name, resource)
        if other is not resource:
            problem = f"{resource.name!r} is already at {other.place}"
            path = ("metadata", "name")
            yield resource.finding(Severity.ERROR, path, problem, "rename or remove one")


def _rollout(rollout: Rollout, service: InferenceService | None) -> Iterator[Finding]:
    if service is None:
        name = rollout.spec.inference_service
        yield rollout.finding(Severity.NOTE, _SERVICE, f"{name} is not among these files")
        return
    if service.canary_percent is not None:
        yield service.finding(
            Severity.ERROR,
            (*PREDICTOR, "canaryTrafficPercent"),
            f"is {service.canary_percent}, and the Rollout {rollout.name} at {rollout.place} moves"
            " the weight: it would move nothing",
            "leave canaryTrafficPercent out, or remove the Rollout",
        )
    if has_no_knative(service):
        mode = service.at(("metadata", "annotations", MODE))
        yield rollout.finding(
            Severity.ERROR,
            _SERVICE,
            f"{service.name} is in {mode} mode, in which KServe splits no traffic by this field",
            f"drop the annotation {MODE}, or the Rollout",
        )
    if rollout.spec.split == "unit" and service.at((*ANNOTATIONS, TAG_ROUTING)) != "true":
        yield rollout.finding(
            Severity.ERROR,
            ("spec", "split"),
            f"is unit, and {service.name} has no annotation {TAG_ROUTING}: in a cluster each request is"
            " split",
            f'give it {TAG_ROUTING}: "true", or leave split out',
        )


def _experiments(
    experiments: Sequence[Experiment],
    services: dict[str, InferenceService],
    rollouts: dict[str, Rollout],
) -> Iterator[Finding]:
    first: dict[str, Experiment] = {}
    for experiment in experiments:
        spec = experiment.spec
        if not spec.enabled:
            continue
        other = first.setdefault(spec.model, experiment)
        if other is not experiment:
            yield experiment.finding(
                Severity.ERROR,
                ("spec", "model"),
                f"{spec.model} is in the Experiment {other.name} already, at {other.place}",
                "set enabled: false in one of them: a unit meets one experiment of a model",
            )
        yield from _arms(experiment, services, rollouts)


def _arms(
    experiment: Experiment, services: dict[str, InferenceService], rollouts: dict[str, Rollout]
) -> Iterator[Finding]:
    spec = experiment.spec
    serving = [arm.inference_service or spec.model for arm in spec.arms]
    for index, (arm, name) in enumerate(zip(spec.arms, serving, strict=True)):
        path = ("spec", "arms", index)
        if rollout := rollouts.get(name):
            yield experiment.finding(
                Severity.ERROR,
                path,
                f"is served by {name}, whose version the Rollout {rollout.name} at"
                f" {rollout.place} replaces",
                "give the arm an InferenceService of its own, or remove the Rollout",
            )
        first = serving.index(name)
        if first != index:
            yield experiment.finding(
                Severity.NOTE,
                path,
                f"is served by {name}, as {spec.arms[first].version} is: one machine runs both, a"
                " cluster needs an InferenceService for each arm",
            )
        elif name not in services:
            problem = f"{name} is not among these files"
            yield experiment.finding(Severity.NOTE, path, problem)
        elif serving.count(name) == 1:
            yield from _other_version(experiment, path, arm.version, services[name])
    if spec.model not in serving and (rollout := rollouts.get(spec.model)):
        yield experiment.finding(
            Severity.ERROR,
            ("spec", "model"),
            f"is {spec.model}, whose traffic the Rollout {rollout.name} at {rollout.place} moves",
            "remove the Rollout, or set enabled: false",
        )


def _other_version(
    experiment: Experiment, path: tuple[str | int, ...], version: str, service: InferenceService
) -> Iterator[Finding]:
    uri = service.template.storage_uri
    if uri and uri.rstrip("/").rpartition("/")[2] != version:
        problem = f"is of version {version}, and {service.name} serves {uri}"
        yield experiment.finding(Severity.NOTE, path, problem)
