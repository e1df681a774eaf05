import re
from typing import Any, get_args

import pytest

from tests.unit.gateway.dashboard.trials.samples import experiment, rollout
from trellis.contracts.experiment import ArmStatus, Experiment, ExperimentStatus
from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import HistoryEntry, Phase, RolloutView
from trellis.gateway.dashboard.trials.looks import ExperimentLook, ListLook
from trellis.gateway.dashboard.trials.panels import (
    EXPERIMENT_PANELS,
    LIST_PANELS,
    ROLLOUT_PANELS,
    experiment_panels,
    list_panels,
    rails_of,
    rollout_panels,
    trace_key,
)

NOTHING = ListLook(1.0, (), {}, {})


def listed(*views: RolloutView, **problems: str) -> dict[str, str]:
    return list_panels(ListLook(1.0, views, {}, problems), set_up=True)


def looked(view: ExperimentView | None = None, **changed: Any) -> dict[str, str]:
    fields: dict[str, Any] = {
        "time": 1.0,
        "experiment": Experiment.model_validate(
            {
                "model": "tomato",
                "arms": [{"version": "v1", "weight": 1}, {"version": "v2", "weight": 1}],
            }
        ),
        "view": view,
        "counts": None,
        "refusal": None,
        "missing": "",
    }
    return experiment_panels("colours", ExperimentLook(**{**fields, **changed}))


def test_without_a_controller_the_list_says_what_to_set() -> None:
    shown = list_panels(NOTHING, set_up=False)
    assert set(shown) == set(LIST_PANELS)
    assert all("controller" in panel for panel in shown.values())
    assert "controller_url" in shown["rollouts"]


def test_without_a_rollout_the_list_says_how_to_make_one() -> None:
    shown = listed()
    assert "manifests/examples/rollout.yaml" in shown["rollouts"]
    assert "PUT /experiments/NAME" in shown["experiments"]


def test_a_controller_that_does_not_answer_is_told_where_its_part_would_be() -> None:
    shown = listed(rollouts="the controller does not answer; try again in a moment")
    assert "The controller does not answer; try again in a moment." in shown["rollouts"]
    assert "No rollout yet" not in shown["rollouts"]


def test_the_list_has_a_row_a_rollout_with_its_reason() -> None:
    bad = rollout("leaf", "leaf", phase="RolledBack", weight=0, step=0, message="v2 erred")
    rows = listed(rollout(), bad)["rollouts"].partition("<tbody>")[2].split("<tr>")[1:]
    assert 'href="/dashboard/rollouts/tomato"' in rows[0]
    assert "3 of 3" in rows[0]
    assert "state good" in rows[0]
    assert "Rolled back" in rows[1]
    assert "state bad" in rows[1]
    assert "v2 erred." in rows[1]


def test_a_rollout_is_told_whole() -> None:
    shown = rollout_panels(rollout())
    assert set(shown) == set(ROLLOUT_PANELS)
    now = shown["now"]
    for words in ("Progressing", "tomato-00001", "tomato-00002", "Insufficient evidence", "25 min"):
        assert words in now
    assert "v2 has 50 % of traffic (step 3 of 3) for 15m: 1 of 3 guardrails is within." in now
    assert "errors is undecided." in now
    assert "the intervals of all guardrails lie within their margins" in now


def test_each_guardrail_has_its_numbers_in_its_own_units() -> None:
    evidence = rollout_panels(rollout(harm=True))["evidence"]
    errors, latency, mean = (
        evidence.partition("<tbody>")[2].partition("</table>")[0].split("<tr>")[1:]
    )
    assert "harm" in errors
    assert "30 of 3,000 (1 %)" in errors
    assert "3×" in errors  # noqa: RUF001 - the sign of the page
    assert re.search(r"440 .*of 60", errors)
    assert "0.4 %" in latency
    assert "within" in latency
    assert "blind" in mean
    assert "20 ms" in mean


def test_only_what_has_figures_has_a_chart_and_its_address_changes_with_them() -> None:
    evidence = rollout_panels(rollout())["evidence"]
    drawn = set(re.findall(r"/dashboard/rollouts/tomato/charts/(\w+)\.svg", evidence))
    assert drawn == {"0", "1", "evidence"}
    assert trace_key(rollout().status.trace) != trace_key(rollout(minutes=61).status.trace)
    assert "<img" not in rollout_panels(rollout(verdict=None, trace=()))["evidence"]
    assert "No evidence yet" in rollout_panels(rollout(verdict=None, trace=()))["evidence"]


def test_every_chart_has_words_that_say_the_same() -> None:
    evidence = rollout_panels(rollout())["evidence"]
    alts = re.findall(r'<img [^>]*alt="([^"]+)"', evidence)
    assert len(alts) == 3
    assert "margin 1.5×" in alts[0]  # noqa: RUF001 - the sign of the page


def test_a_guardrail_that_the_spec_no_longer_has_is_left_out() -> None:
    view = rollout()
    spec = view.spec.model_copy(update={"guardrails": view.spec.guardrails[1:]})
    rails = rails_of(RolloutView(name="r", spec=spec, status=view.status))
    assert [(rail.verdict.name, rail.place) for rail in rails] == [
        ("latency>250ms", 0),
        ("meanLatency", 1),
    ]


@pytest.mark.parametrize(
    ("phase", "step", "places"),
    [
        ("Progressing", 2, ["done", "now", "ahead", "ahead"]),
        ("Idle", 0, ["ahead"] * 4),
        ("Promoting", 3, ["done", "done", "done", "now"]),
        ("Promoted", 0, ["done"] * 4),
        ("RolledBack", 0, ["ahead"] * 4),
    ],
)
def test_the_present_step_is_marked(phase: Phase, step: int, places: list[str]) -> None:
    shown = rollout_panels(rollout(phase=phase, step=step))["steps"]
    assert re.findall(r'<li class="(\w+)"', shown) == places
    assert shown.count("aria-current") == places.count("now")


def test_the_history_is_told_from_its_end_with_who_asked() -> None:
    rows = rollout_panels(rollout())["history"].split("<tr>")[2:]
    assert len(rows) == 5
    assert "Resumed" in rows[0]
    assert "ada" in rows[0]
    assert "Began" in rows[-1]
    assert "2027-01-15 08:00:00Z" in rows[-1]
    assert "Nothing has happened yet" in rollout_panels(rollout(history=()))["history"]


@pytest.mark.parametrize("phase", get_args(Phase))
def test_every_phase_has_a_page_even_with_nothing_known(phase: Phase) -> None:
    bare: dict[str, Any] = {
        "stable": None,
        "canary": None,
        "verdict": None,
        "history": (),
        "trace": (),
    }
    shown = rollout_panels(rollout(phase=phase, step=0, weight=0, message="", **bare))
    assert "The controller has not looked at it yet." in shown["now"]


def test_what_versions_and_people_say_is_escaped() -> None:
    entry = HistoryEntry(time=1.0, what="paused", message="<script>", actor='"><b>')
    shown = "".join(rollout_panels(rollout(message="<i>", history=(entry,))).values())
    assert "&lt;script&gt;" in shown
    for broken in ("<script>", "<b>", "<i>"):
        assert broken not in shown


def test_an_experiment_shows_its_arms_its_winner_and_what_one_has_over_the_first() -> None:
    shown = looked(experiment())
    assert set(shown) == set(EXPERIMENT_PANELS)
    assert "v2 is best" in shown["now"]
    assert "Decided" in shown["now"]
    first, second = shown["arms"].partition("<tbody>")[2].partition("</table>")[0].split("<tr>")[1:]
    assert "winner" in second
    assert "winner" not in first
    assert "13.4 % to 18.6 %" in second
    assert "2 % to 10 %" in second
    assert "/dashboard/experiments/colours/charts/arms.svg" in shown["arms"]


def test_an_experiment_with_lost_events_says_how_many() -> None:
    shown = looked(experiment(incomplete=True, dropped=7, unjoined=3))["now"]
    assert "incomplete" in shown
    assert "7 exposures were not stored" in shown


def test_without_evidence_an_experiment_shows_what_gateways_counted() -> None:
    arm = ArmStatus(arm="leaf-1", version="v1", weight=0.5, exposures=123, conversions=10)
    counts = ExperimentStatus(experiment="colours", models=("tomato",), arms=(arm,))
    shown = looked(counts=counts, missing="no evidence is gathered of 'colours'")
    assert "123" in shown["arms"]
    assert "it is no evidence" in shown["arms"]
    assert "No evidence is gathered of &#39;colours&#39;." in shown["now"]
    assert "redis_url" in looked()["arms"]
