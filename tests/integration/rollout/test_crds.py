"""The definitions in a real API server: taken, and of one mind with the types."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.integration.rollout.api_server import ApiError, ApiServer
from tests.unit.rollout.crds.specs import (
    BAD_EXPERIMENTS,
    BAD_ROLLOUTS,
    GOOD_EXPERIMENTS,
    GOOD_ROLLOUTS,
    Spec,
    experiment,
    rollout,
)
from trellis.contracts.experiment_resource import ArmEvidence, ExperimentResourceStatus
from trellis.contracts.rollout_status import (
    Condition,
    GuardrailVerdict,
    HistoryEntry,
    RolloutStatus,
    Side,
    Verdict,
)
from trellis.contracts.routing_table import WireDocument
from trellis.rollout.crds.definitions import definition
from trellis.rollout.resources import (
    API_VERSION,
    EXPERIMENTS,
    KINDS,
    ROLLOUTS,
    ExperimentResource,
    ResourceKind,
    Rollout,
)


@pytest.fixture(scope="module")
def api(api_server: ApiServer) -> ApiServer:
    api_server.install(definition(kind) for kind in KINDS)
    return api_server


def path_of(kind: ResourceKind, namespace: str, name: str = "") -> str:
    collection = f"/apis/{API_VERSION}/namespaces/{namespace}/{kind.plural}"
    return f"{collection}/{name}" if name else collection


def wire(document: WireDocument) -> dict[str, Any]:
    """As the API server takes it: nothing where nothing is known."""
    return document.model_dump(mode="json", by_alias=True, exclude_none=True)


def send(api: ApiServer, kind: ResourceKind, spec: Spec, namespace: str, **more: Any) -> Any:
    """Create an object named ``one``, unknown fields refused as kubectl has them refused."""
    document = {
        "apiVersion": API_VERSION,
        "kind": kind.kind,
        "metadata": {"name": "one"},
        "spec": spec,
    }
    query = "&".join(
        ["fieldValidation=Strict", *(f"{name}={value}" for name, value in more.items())]
    )
    return api.call("POST", f"{path_of(kind, namespace)}?{query}", document)


def told(api: ApiServer, kind: ResourceKind, spec: Spec) -> str:
    """Why the API server refuses ``spec``; empty where it takes it."""
    try:
        send(api, kind, spec, "default", dryRun="All")
    except ApiError as refused:
        if refused.status not in {400, 422}:
            raise
        return str(refused)
    return ""


def fits(kind: ResourceKind, spec: Spec) -> bool:
    try:
        kind.spec.model_validate_json(json.dumps(spec), strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("spec", GOOD_ROLLOUTS.values(), ids=GOOD_ROLLOUTS)
def test_a_good_rollout_is_taken(api: ApiServer, spec: Spec) -> None:
    assert told(api, ROLLOUTS, spec) == ""


@pytest.mark.parametrize("spec", GOOD_EXPERIMENTS.values(), ids=GOOD_EXPERIMENTS)
def test_a_good_experiment_is_taken(api: ApiServer, spec: Spec) -> None:
    assert told(api, EXPERIMENTS, spec) == ""


@pytest.mark.parametrize(("spec", "words"), BAD_ROLLOUTS.values(), ids=BAD_ROLLOUTS)
def test_a_bad_rollout_is_refused_by_name(api: ApiServer, spec: Spec, words: str) -> None:
    assert words in told(api, ROLLOUTS, spec)


@pytest.mark.parametrize(("spec", "words"), BAD_EXPERIMENTS.values(), ids=BAD_EXPERIMENTS)
def test_a_bad_experiment_is_refused_by_name(api: ApiServer, spec: Spec, words: str) -> None:
    assert words in told(api, EXPERIMENTS, spec)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_what_is_left_out_is_filled_in_as_by_the_type(
    api: ApiServer, namespace: str, kind: ResourceKind
) -> None:
    given = rollout() if kind is ROLLOUTS else experiment()
    filled = send(api, kind, given, namespace)["spec"]
    assert filled == wire(kind.spec.model_validate(given))


@pytest.mark.parametrize(
    ("kind", "spec", "changed"),
    [
        (ROLLOUTS, rollout(), {"inferenceService": "other"}),
        (EXPERIMENTS, experiment(), {"model": "other"}),
    ],
    ids=["service", "model"],
)
def test_what_it_is_about_cannot_be_changed(
    api: ApiServer, namespace: str, kind: ResourceKind, spec: Spec, changed: Spec
) -> None:
    found = send(api, kind, spec, namespace)
    found["spec"] |= changed
    with pytest.raises(ApiError, match="cannot be changed") as refused:
        api.call("PUT", path_of(kind, namespace, "one"), found)
    assert next(iter(changed)) in str(refused.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_a_name_is_as_long_as_the_controller_can_carry_out(
    api: ApiServer, namespace: str, kind: ResourceKind
) -> None:
    spec = rollout() if kind is ROLLOUTS else experiment()
    document: dict[str, Any] = {"apiVersion": API_VERSION, "kind": kind.kind, "spec": spec}
    path = path_of(kind, namespace)
    api.call("POST", path, {**document, "metadata": {"name": "a" * kind.longest_name}})
    with pytest.raises(ApiError, match=r"metadata\.name") as refused:
        api.call("POST", path, {**document, "metadata": {"name": "a" * (kind.longest_name + 1)}})
    assert refused.value.status == 422


durations = st.sampled_from(("0s", "1ms", "30s", "1m", "90s", "1h", "0.5d", "1d", "1d1h", "366d"))
shares = st.sampled_from(("0%", "0.1%", "5%", "33.3%", "50%", "100%", "140%"))
margins = st.fixed_dictionaries(
    {},
    optional={
        "ratio": st.sampled_from((0.5, 1, 1.01, 1.5, 100, 101)),
        "absolute": st.sampled_from(("0.05", "20ms", "1s", "1h", "-1")),
    },
)
guardrails = st.fixed_dictionaries(
    {
        "metric": st.sampled_from(
            ("errors", "latency", "meanLatency", "restarts", "conversions", "scores", "wrongLabels")
        )
    },
    optional={
        "margin": margins,
        "over": durations,
        "limit": shares,
        "negligible": shares,
        "attributionWindow": durations,
    },
)
rollouts = st.fixed_dictionaries(
    {"inferenceService": st.just("tomato")},
    optional={
        "steps": st.lists(
            st.fixed_dictionaries(
                {"weight": st.sampled_from((0, 1, 5, 20, 50, 99, 100))},
                optional={"minimumTime": durations},
            ),
            max_size=3,
        ),
        "guardrails": st.lists(guardrails, max_size=2),
        "deadline": durations,
        "alpha": st.sampled_from((0, 0.05, 0.5, 0.51)),
    },
)
experiments = st.fixed_dictionaries(
    {
        "model": st.just("tomato"),
        "arms": st.lists(
            st.fixed_dictionaries(
                {"version": st.sampled_from(("v1", "v2", "v3", "-"))},
                optional={"weight": st.sampled_from((-1, 0, 0.5, 1, 1e6, 1e7))},
            ),
            max_size=3,
        ),
    },
    optional={
        "strategy": st.sampled_from(("hash", "random", "weighted")),
        "goal": st.fixed_dictionaries(
            {},
            optional={
                "kind": st.sampled_from(("conversion", "score", "label")),
                "better": st.sampled_from(("higher", "lower")),
            },
        ),
        "guardrails": st.lists(guardrails, max_size=1),
        "attributionWindow": durations,
        "minimumShare": shares,
        "epoch": durations,
    },
)


@settings(max_examples=150)
@given(spec=rollouts)
def test_types_and_api_server_agree_on_rollouts(api: ApiServer, spec: Spec) -> None:
    assert fits(ROLLOUTS, spec) is (told(api, ROLLOUTS, spec) == ""), spec


@settings(max_examples=150)
@given(guardrail=guardrails)
def test_types_and_api_server_agree_on_guardrails(api: ApiServer, guardrail: Spec) -> None:
    spec = rollout(guardrails=[guardrail])
    assert fits(ROLLOUTS, spec) is (told(api, ROLLOUTS, spec) == ""), spec


@settings(max_examples=150)
@given(spec=experiments)
def test_types_and_api_server_agree_on_experiments(api: ApiServer, spec: Spec) -> None:
    assert fits(EXPERIMENTS, spec) is (told(api, EXPERIMENTS, spec) == ""), spec


CONDITION = Condition(
    type="Promoted",
    status="False",
    reason="AtStep",
    message="at 5 %",
    last_transition_time="2026-11-21T00:00:00Z",
)
GUARDED = GuardrailVerdict(name="errors", state="undecided", estimate=1.5, interval=(0.5, 4.5))
FULL_ROLLOUT = RolloutStatus(
    observed_generation=1,
    phase="Progressing",
    message="at 5 %: not enough is known",
    stable=Side(revision="tomato-00001", version="v1", identity="a"),
    canary=Side(revision="tomato-00002", version="v2", identity="b"),
    step=1,
    weight=5,
    verdict=Verdict(kind="hold", message="of errors too little is known", guardrails=(GUARDED,)),
    history=(HistoryEntry(time=1.5, what="began", version="v2", weight=0),),
    conditions=(CONDITION,),
    plan={"startedAt": 1.25, "nested": {"list": [1, "two", None]}},
    evidence={"vectors": {"errors": "AAAA"}},
)
FULL_EXPERIMENT = ExperimentResourceStatus(
    phase="Running",
    message="nothing is decided yet",
    exposures=10,
    arms=(
        ArmEvidence(version="v1", weight=0.5, units=5, guardrails=(GUARDED,)),
        ArmEvidence(version="v2", weight=0.5, units=5, difference=(-0.5, 0.5)),
    ),
    incomplete=True,
    dropped=2,
    conditions=(CONDITION,),
    evidence={"seen": [1, 2]},
)


def test_a_rollouts_status_comes_back_as_it_was_written(api: ApiServer, namespace: str) -> None:
    found = send(api, ROLLOUTS, rollout(), namespace)
    found["status"] = wire(FULL_ROLLOUT)
    path = f"{path_of(ROLLOUTS, namespace, 'one')}/status?fieldValidation=Strict"
    read = Rollout.model_validate(api.call("PUT", path, found))
    assert read.status == FULL_ROLLOUT
    assert read.metadata.generation == 1


def test_an_experiments_status_comes_back_as_it_was_written(api: ApiServer, namespace: str) -> None:
    found = send(api, EXPERIMENTS, experiment(), namespace)
    found["status"] = wire(FULL_EXPERIMENT)
    path = f"{path_of(EXPERIMENTS, namespace, 'one')}/status?fieldValidation=Strict"
    read = ExperimentResource.model_validate(api.call("PUT", path, found))
    assert read.status == FULL_EXPERIMENT


def test_whoever_writes_the_spec_writes_no_status(api: ApiServer, namespace: str) -> None:
    found = send(api, ROLLOUTS, rollout(), namespace)
    found["status"] = wire(FULL_ROLLOUT)
    assert "status" not in api.call("PUT", path_of(ROLLOUTS, namespace, "one"), found)
