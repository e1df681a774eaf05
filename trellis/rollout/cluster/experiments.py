"""Experiments as objects of the API: read, and their status written by compare-and-swap."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from pydantic import ValidationError

from trellis.contracts.amounts import duration, seconds
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.facts import Key, Raw, key_of
from trellis.rollout.cluster.informer import Kind
from trellis.rollout.cluster.rollouts import API_VERSION
from trellis.rollout.cluster.statuses import put_status
from trellis.rollout.experiments.ports import ExperimentFound

EXPERIMENTS = Kind(f"/apis/{API_VERSION}", "experiments")


def experiment(raw: Raw) -> ExperimentFound:
    """Of an object as the API gives it."""
    metadata = raw["metadata"]
    return ExperimentFound(
        key=key_of(raw),
        uid=metadata["uid"],
        token=metadata["resourceVersion"],
        generation=metadata["generation"],
        created=str(metadata.get("creationTimestamp") or ""),
        deleting="deletionTimestamp" in metadata,
        spec=orjson.dumps(raw.get("spec") or {}),
        raw_status=orjson.dumps(raw.get("status") or {}),
    )


async def write_status(
    api: Api, found: ExperimentFound, status: ExperimentResourceStatus
) -> ExperimentFound:
    """The Experiment with its new status. Raises as ``put_status``."""
    return experiment(await put_status(api, EXPERIMENTS, "Experiment", found, status))


def spec_of(found: ExperimentFound) -> ExperimentSpec | None:
    """None where a rule is broken that the CRD does not hold."""
    return _spec(found.spec)


def services_of(found: ExperimentFound) -> frozenset[Key]:
    """The InferenceServices that it is about: its arms', and the one of the model's name."""
    spec = spec_of(found)
    if spec is None:
        return frozenset()
    names = {spec.model, *(arm.inference_service or spec.model for arm in spec.arms)}
    return frozenset((found.key[0], name) for name in names)


def applied_spec(
    asked: Experiment, known: ExperimentSpec | None, serving: Mapping[str, str]
) -> dict[str, Any]:
    """What is applied for an experiment that was asked for over HTTP, which knows versions only.

    Where a version is served, and how the window is written, stay as they are ``known``; ``serving`` has
    the InferenceService of versions that are new.
    """
    before = {arm.version: arm.inference_service for arm in known.arms} if known else {}
    places = {**serving, **{version: place for version, place in before.items() if place}}
    window = duration(asked.attribution_window)
    if known is not None and seconds(known.attribution_window) == asked.attribution_window:
        window = known.attribution_window
    arms: list[dict[str, Any]] = []
    for arm in asked.arms:
        place = places.get(arm.version)
        named = {"inferenceService": place} if place else {}
        arms.append({"version": arm.version, **named, "weight": arm.weight})
    return {
        "model": asked.model,
        "arms": arms,
        "strategy": asked.strategy,
        "enabled": asked.enabled,
        "attributionWindow": window,
    }


@lru_cache(maxsize=4096)
def _spec(text: bytes) -> ExperimentSpec | None:
    try:
        return ExperimentSpec.model_validate_json(text)
    except ValidationError:
        return None
