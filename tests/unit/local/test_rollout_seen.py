"""What a rollout is told of a local service."""

from trellis.local import revisions
from trellis.local.inference_service import Template
from trellis.local.revisions import Revision, ServiceState
from trellis.local.rollout_seen import service_seen, token


def template(version: str, digest: str = "") -> Template:
    return Template(digest=digest or version, storage_uri=f"pvc://models/tomato/{version}")


def version_of(revision: Revision) -> str:
    return str(revision.template.storage_uri).rpartition("/")[2]


def on_trial(percent: int | None) -> ServiceState:
    state = revisions.apply_spec(ServiceState(name="tomato"), template("v1"), None)
    state = revisions.settle(state, {"tomato-00001"})
    state = revisions.admit(state, template("v2"), None, governed=True)
    return revisions.weigh(state, percent)


def test_a_version_that_starts_is_created_and_not_ready() -> None:
    state = revisions.settle(on_trial(0), {"tomato-00001"})
    seen = service_seen(state, {"tomato-00001"}, {"tomato-00002": "it died"}, version_of)
    assert (seen.created, seen.ready, seen.rolled_out) == (
        "tomato-00002",
        "tomato-00001",
        "tomato-00001",
    )
    assert not seen.settled
    assert seen.newest is not None
    assert (seen.newest.failing, seen.newest.version) == ("it died", "v2")
    assert (seen.weight, seen.weight_owner, dict(seen.traffic)) == (0, "us", {"tomato-00001": 100})


def test_a_ready_one_has_the_weight_that_the_rollout_set() -> None:
    ready = {"tomato-00001", "tomato-00002"}
    state = revisions.settle(on_trial(20), ready)
    seen = service_seen(state, ready, {}, version_of)
    assert seen.settled
    assert dict(seen.traffic) == {"tomato-00001": 80, "tomato-00002": 20}
    assert seen.wanted_identity == seen.revisions["tomato-00002"].identity
    assert seen.wanted_identity != seen.revisions["tomato-00001"].identity


def test_a_weight_of_the_manifest_is_somebody_elses() -> None:
    state = revisions.admit(on_trial(20), template("v2"), 30, governed=True)
    seen = service_seen(state, set(), {}, version_of)
    assert (seen.weight, seen.weight_owner, seen.weight_owner_name) == (
        30,
        "applier",
        "the manifest",
    )
    state = revisions.weigh(state, None)
    assert service_seen(state, set(), {}, version_of).weight_owner == "nobody"


def test_the_token_changes_with_the_state_alone() -> None:
    state = on_trial(20)
    assert token(state) == token(state.model_copy())
    assert token(state) != token(revisions.weigh(state, 50))
