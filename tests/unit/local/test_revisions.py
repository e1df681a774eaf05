"""KServe's canary semantics, row by row as they were measured on a real cluster (docs/local.md)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis.local import revisions
from trellis.local.inference_service import Template
from trellis.local.revisions import ServiceState


def template(version: str) -> Template:
    return Template(digest=version, storage_uri=f"pvc://models/tomato/{version}")


class Service:
    """Writes manifests one after the other; every revision is ready at once unless told."""

    def __init__(self) -> None:
        self.state = ServiceState(name="tomato")
        self.never_ready: set[str] = set()

    def write(self, version: str, percent: int | None = None) -> dict[str, int]:
        self.state = revisions.apply_spec(self.state, template(version), percent)
        return self.settle()

    def settle(self) -> dict[str, int]:
        running = {revision.name for revision in revisions.running(self.state)}
        self.state = revisions.settle(self.state, running - self.never_ready)
        return {name[-1]: share for name, share in self.state.traffic.items()}

    @property
    def rolled_out(self) -> str | None:
        return self.state.rolled_out and self.state.rolled_out[-1]

    @property
    def previous(self) -> str | None:
        return self.state.previous and self.state.previous[-1]


#: Manifests (version, percent) written one after the other; then traffic, rolled out, previous.
ROWS: dict[str, tuple[list[tuple[str, int | None]], dict[str, int], str, str | None]] = {
    "first deploy": ([("v1", None)], {"1": 100}, "1", None),
    "first deploy ignores the field": ([("v1", 20)], {"1": 100}, "1", None),
    "first deploy ignores 0": ([("v1", 0)], {"1": 100}, "1", None),
    "new version without the field": ([("v1", None), ("v2", None)], {"2": 100}, "2", "1"),
    "canary": ([("v1", None), ("v2", 20)], {"1": 80, "2": 20}, "1", None),
    "canary where the first had the field": (
        [("v1", 20), ("v2", 20)],
        {"1": 80, "2": 20},
        "1",
        None,
    ),
    "weight raised": ([("v1", None), ("v2", 20), ("v2", 50)], {"1": 50, "2": 50}, "1", None),
    "promoted by removing the field": (
        [("v1", None), ("v2", 20), ("v2", None)],
        {"2": 100},
        "2",
        "1",
    ),
    "promoted by 100": ([("v1", None), ("v2", 20), ("v2", 100)], {"2": 100}, "2", "1"),
    "rolled back by 0": ([("v1", None), ("v2", 20), ("v2", 0)], {"1": 100, "2": 0}, "1", None),
    "one step back after a promotion": (
        [("v1", None), ("v2", 20), ("v2", None), ("v2", 0)],
        {"1": 100, "2": 0},
        "1",
        "1",
    ),
    "half back after a promotion": (
        [("v1", None), ("v2", 20), ("v2", None), ("v2", 50)],
        {"1": 50, "2": 50},
        "1",
        "1",
    ),
    "back, then forward again": (
        [("v1", None), ("v2", 20), ("v2", None), ("v2", 0), ("v2", None)],
        {"2": 100},
        "2",
        "1",
    ),
    "one step back after two promotions": (
        [("v1", None), ("v2", None), ("v3", None), ("v3", 0)],
        {"2": 100, "3": 0},
        "2",
        "2",
    ),
    "new version after a rollback splits against the rolled back to": (
        [("v1", None), ("v2", None), ("v3", None), ("v3", 0), ("v4", 20)],
        {"2": 80, "4": 20},
        "2",
        "2",
    ),
    "new version after a rejected canary splits against stable": (
        [("v1", None), ("v2", 20), ("v2", 0), ("v3", 20)],
        {"1": 80, "3": 20},
        "1",
        None,
    ),
    "100 left in: the next version takes all at once": (
        [("v1", None), ("v2", 100), ("v3", 100)],
        {"3": 100},
        "3",
        "2",
    ),
    "old version back with the field removed is a new revision": (
        [("v1", None), ("v2", None), ("v1", None)],
        {"3": 100},
        "3",
        "2",
    ),
    "the canary's version changed": (
        [("v1", None), ("v2", 20), ("v3", 20)],
        {"1": 80, "3": 20},
        "1",
        None,
    ),
}


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_traffic_follows_kserve(row: str) -> None:
    writes, traffic, rolled_out, previous = ROWS[row]
    service = Service()
    for version, percent in writes:
        service.write(version, percent)
    assert service.settle() == traffic
    assert (service.rolled_out, service.previous) == (rolled_out, previous)


def test_a_weight_alone_or_the_same_value_makes_no_revision() -> None:
    service = Service()
    for percent in (None, 20, 50, 50, None):
        service.write("v1", percent)
    assert service.state.created == 1


def test_revisions_are_numbered_as_knative_does() -> None:
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    assert [revision.name for revision in service.state.revisions] == [
        "tomato-00001",
        "tomato-00002",
    ]


def test_a_version_that_cannot_start_never_gets_traffic() -> None:
    service = Service()
    service.write("v1")
    service.never_ready = {"tomato-00002"}
    assert service.write("v2", 20) == {"1": 100}
    assert service.write("v2", 50) == {"1": 100}
    assert service.write("v2", None) == {"1": 100}
    assert service.rolled_out == "1"


def test_traffic_moves_once_the_new_one_is_ready() -> None:
    service = Service()
    service.write("v1")
    service.never_ready = {"tomato-00002"}
    service.write("v2", 20)
    service.never_ready = set()
    assert service.settle() == {"1": 80, "2": 20}


def test_a_rejected_version_gets_nothing_while_the_next_one_starts() -> None:
    """KServe sends the share to the latest ready revision, here the rejected one."""
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    service.write("v2", 0)
    service.never_ready = {"tomato-00003"}
    assert service.write("v3", 20) == {"1": 100, "2": 0}


def test_removing_the_field_with_a_new_version_promotes_nothing_meanwhile() -> None:
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    service.never_ready = {"tomato-00003"}
    assert service.write("v3", None) == {"1": 80, "2": 20}
    service.never_ready = set()
    assert service.settle() == {"3": 100}


@pytest.mark.parametrize(("percent", "left"), [(5, 5), (50, 20)])
def test_an_old_canary_shrinks_but_never_grows_while_the_next_one_starts(
    percent: int, left: int
) -> None:
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    service.never_ready = {"tomato-00003"}
    assert service.write("v3", percent) == {"1": 100 - left, "2": left}


def test_0_with_the_next_version_takes_the_old_canary_out_at_once() -> None:
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    service.never_ready = {"tomato-00003"}
    assert service.write("v3", 0) == {"1": 100, "3": 0}


def test_stepping_back_waits_for_the_old_revision_to_run_again() -> None:
    service = Service()
    service.write("v1")
    service.write("v2")
    service.never_ready = {"tomato-00001"}
    assert service.write("v2", 0) == {"2": 100}
    assert "tomato-00001" in [revision.name for revision in revisions.running(service.state)]
    service.never_ready = set()
    assert service.settle() == {"1": 100, "2": 0}


def test_at_a_start_the_share_of_what_cannot_start_goes_to_stable() -> None:
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    state = revisions.without_failed(service.state, {"tomato-00002"}, {"tomato-00001"})
    assert state.traffic == {"tomato-00001": 100}
    assert revisions.settle(state, {"tomato-00001"}).traffic == {"tomato-00001": 100}
    both = {"tomato-00001", "tomato-00002"}
    assert revisions.settle(state, both).traffic == service.state.traffic


def test_at_a_start_nothing_moves_where_no_heir_is_ready() -> None:
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    assert revisions.without_failed(service.state, {"tomato-00002"}, set()) == service.state


def test_roles() -> None:
    service = Service()
    service.write("v1")
    service.write("v2", 20)
    assert revisions.role(service.state, "tomato-00001") == "stable"
    assert revisions.role(service.state, "tomato-00002") == "canary"


def test_a_state_that_names_an_unknown_revision_is_refused() -> None:
    with pytest.raises(ValueError, match="named and not kept"):
        ServiceState(name="tomato", rolled_out="tomato-00009")
    service = Service()
    service.write("v1")
    broken: dict[str, Any] = {**service.state.model_dump(), "traffic": {"tomato-00001": 90}}
    with pytest.raises(ValueError, match="does not sum to 100"):
        ServiceState.model_validate(broken)


WRITE = st.tuples(
    st.sampled_from(["v1", "v2", "v3"]), st.one_of(st.none(), st.integers(0, 100)), st.booleans()
)


@settings(deadline=None)
@given(st.lists(WRITE, min_size=1, max_size=12))
def test_any_history_keeps_its_promises(writes: list[tuple[str, int | None, bool]]) -> None:
    """Whatever is written and whenever it comes up: shares sum to 100, go only to revisions
    that were ready when they got them, and every revision in use is kept and run.
    """
    service = Service()
    first_settled = False
    for version, percent, becomes_ready in writes:
        before = service.state.traffic
        newest = f"tomato-{service.state.created + 1:05d}"
        if not becomes_ready:
            service.never_ready.add(newest)
        service.write(version, percent)
        after = service.state.traffic
        ServiceState.model_validate(service.state.model_dump())
        first_settled = first_settled or bool(after)
        assert sum(after.values()) == (100 if first_settled else 0)
        grown = {name for name in after if after[name] > before.get(name, 0)}
        assert not grown & service.never_ready
        running = {revision.name for revision in revisions.running(service.state)}
        assert set(after) <= running
        assert len(running) <= 4
        again = revisions.settle(service.state, running - service.never_ready)
        assert again == service.state


class Governed(Service):
    """Whose weight a Rollout sets."""

    def admit(self, version: str, *, label: str = "", governed: bool = True) -> dict[str, int]:
        written = template(version)
        written = written.model_copy(update={"digest": written.digest + label})
        self.state = revisions.admit(self.state, written, None, governed=governed)
        return self.settle()

    def weigh(self, percent: int | None) -> dict[str, int]:
        self.state = revisions.weigh(self.state, percent)
        return self.settle()


def test_a_governed_service_gives_another_version_nothing_until_the_rollout_says_so() -> None:
    service = Governed()
    assert service.admit("v1") == {"1": 100}
    assert service.admit("v2") == {"1": 100, "2": 0}
    assert service.weigh(5) == {"1": 95, "2": 5}
    assert service.admit("v2") == {"1": 95, "2": 5}
    assert service.weigh(None) == {"2": 100}
    assert service.admit("v3") == {"2": 100, "3": 0}


def test_a_label_alone_keeps_the_weight_and_is_let_through_after_promotion() -> None:
    service = Governed()
    service.admit("v1")
    service.admit("v2")
    service.weigh(5)
    assert service.admit("v2", label="+") == {"1": 95, "3": 5}
    service.weigh(None)
    assert service.admit("v2", label="++") == {"4": 100}


def test_a_label_alone_begins_at_nothing_where_each_revision_is_tried() -> None:
    service = Governed()
    service.admit("v1")
    relabelled = template("v1").model_copy(update={"digest": "another"})
    service.state = revisions.admit(service.state, relabelled, None, governed=True, trial=True)
    assert service.settle() == {"1": 100, "2": 0}
    service.weigh(5)
    service.state = revisions.admit(service.state, relabelled, None, governed=True, trial=True)
    assert service.settle() == {"1": 95, "2": 5}


def test_what_was_rolled_back_gets_nothing_from_the_version_after_it() -> None:
    service = Governed()
    service.admit("v1")
    service.admit("v2")
    service.weigh(20)
    service.weigh(0)
    service.never_ready = {"tomato-00003"}
    assert service.admit("v3").get("2", 0) == 0
    assert service.weigh(5).get("2", 0) == 0


def test_traffic_stays_where_it_is_when_the_rollout_goes() -> None:
    service = Governed()
    service.admit("v1")
    service.admit("v2")
    service.weigh(20)
    assert service.admit("v2", governed=False) == {"1": 80, "2": 20}
    assert service.admit("v3", governed=False) == {"3": 100}


def test_a_weight_in_the_manifest_is_the_manifests() -> None:
    service = Governed()
    service.admit("v1")
    service.admit("v2")
    service.weigh(20)
    service.state = revisions.admit(service.state, template("v2"), 30, governed=True)
    assert not service.state.ruled
    assert service.settle() == {"1": 70, "2": 30}


def test_identity_is_the_artefact_and_how_it_is_run() -> None:
    one = template("v1")
    assert revisions.identity(one) == revisions.identity(one.model_copy(update={"digest": "x"}))
    for change in ({"storage_uri": "pvc://models/tomato/v2"}, {"args": ("--engine=keras",)}):
        assert revisions.identity(one) != revisions.identity(one.model_copy(update=change))
    some, others = ({"A": "1", "B": "2"}, {"B": "2", "A": "1"})
    assert revisions.identity(one.model_copy(update={"env": some})) == revisions.identity(
        one.model_copy(update={"env": others})
    )
