from typing import Any

import pytest

from tests.unit.rollout.events.events import CONVERSIONS, ERRORS, MEAN, SLOW, met, said, watch_of
from trellis.contracts.events import digest_of_shares
from trellis.contracts.rollout import Guardrail
from trellis.rollout.events.watch import Watch, measures_of


def test_measures_are_those_guardrails_that_events_tell_of() -> None:
    measures = measures_of((ERRORS, SLOW, CONVERSIONS, Guardrail(metric="restarts")))
    assert [(m.name, m.over, m.window) for m in measures] == [
        ("errors", None, None),
        (SLOW.name, 0.25, None),
        ("conversions", None, 100.0),
    ]


def test_it_is_stored_as_it_is() -> None:
    watch = watch_of(ERRORS, SLOW, CONVERSIONS, canary=0.2)
    assert Watch.model_validate_json(watch.model_dump_json(by_alias=True)) == watch


def test_units_without_events_are_remembered_only_where_it_is_needed() -> None:
    assert not watch_of(ERRORS, SLOW).remembers_all
    assert watch_of(ERRORS, MEAN).remembers_all
    assert watch_of(ERRORS, count_units=True).remembers_all
    assert watch_of(CONVERSIONS).ripens
    assert not watch_of(MEAN).ripens


def test_of_an_era_is_what_was_split_by_all_its_shares() -> None:
    before = {"leaf-1": 0.1, "leaf-2": 0.45, "leaf-3": 0.45}
    shares = {"leaf-1": 0.1, "leaf-2": 0.2, "leaf-3": 0.7}
    watch = watch_of(sides={arm: arm for arm in shares}, shares=shares)
    for split, within in ((shares, True), (before, False)):
        told: dict[str, Any] = {"propensity": 0.1, "shares": digest_of_shares(split)}
        assert watch.in_era(met(1, "leaf-1", **told)) is within
        assert watch.in_era(said(1, "conversion", True, "leaf-1", **told)) is within


def test_an_older_gateways_own_share_tells_two_arms_and_not_three() -> None:
    assert watch_of(canary=0.5).in_era(met(1))
    assert not watch_of(canary=0.2).in_era(met(1))
    three = {"leaf-1": 0.5, "leaf-2": 0.3, "leaf-3": 0.2}
    assert not watch_of(sides={arm: arm for arm in three}, shares=three).in_era(met(1, "leaf-1"))


@pytest.mark.parametrize(
    "change",
    [{"shares": {"leaf-2": 1.0}}, {"measures": measures_of((ERRORS, ERRORS))}],
    ids=["shares of other arms", "a measure twice"],
)
def test_what_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"shares of|each once"):
        watch_of(**change)
