from typing import Any

import pytest

from tests.unit.gateway.dashboard.snapshots import snapshot
from tests.unit.gateway.dashboard.windows import EMPTY
from trellis.contracts.control import RevisionState
from trellis.contracts.experiment import ArmStatus, ExperimentStatus
from trellis.gateway.dashboard.figures import figures_of
from trellis.gateway.dashboard.panels import (
    PANELS,
    charts_with_data,
    duration,
    moment,
    rate,
    render_panels,
    share,
    size,
    span,
)
from trellis.gateway.dashboard.snapshot import Jobs, Revision
from trellis.gateway.jobs.types import Backlog, JobRecord


def panels(*, can_move: bool = True, **changed: Any) -> dict[str, str]:
    return render_panels(snapshot(**changed), can_move=can_move, words="counted here")


def dead_job(**changed: Any) -> JobRecord:
    fields: dict[str, Any] = {
        "id": "e1-abc",
        "state": "dead",
        "model": "leaf",
        "method": "POST",
        "path": "/predict/leaf",
        "created_at": 1.0,
        "started_at": 2.0,
        "finished_at": 1_800_000_000.0,
        "attempts": 8,
        "status": 503,
        "headers": (),
        "body": b"",
        "error": "the model's predictor <is> down",
        "caller": None,
        "callback": None,
    }
    return JobRecord(**{**fields, **changed})


def test_every_panel_says_what_to_do_while_there_is_nothing() -> None:
    shown = panels(figures=figures_of(EMPTY), revisions=(), table_version=None)
    assert set(shown) == set(PANELS)
    assert "No requests yet" in shown["traffic"]
    assert "trellis up" in shown["models"]
    assert "appear here after the first" in shown["answers"]
    assert "redis_url" in shown["jobs"]
    assert "none yet" in shown["now"]
    assert "<img" not in "".join(shown.values())


def test_figures_stand_in_the_row_of_their_version() -> None:
    _, first, second = panels()["models"].partition("<tbody>")[2].split("<tr>")
    assert "10.0 %" in first
    assert "198.0 ms" not in first
    assert "198 ms" in first
    assert "not ready" in second
    assert "its image cannot be pulled" in second


def test_only_a_gateway_with_a_controller_offers_to_move_traffic() -> None:
    assert 'action="/dashboard/models/leaf/versions/v2/activate"' in panels()["models"]
    without = panels(can_move=False)["models"]
    assert "<form" not in without
    assert "controller_url" in without


def test_all_traffic_cannot_be_activated_again_nor_none_taken_back() -> None:
    rows = tuple(
        Revision("leaf", RevisionState(version=v, revision=v, weight=weight, ready=True))
        for v, weight in (("v1", 1.0), ("v2", 0.0))
    )
    models = panels(revisions=rows)["models"]
    assert "versions/v1/activate" not in models
    assert "versions/v1/rollback" in models
    assert "versions/v2/activate" in models
    assert "versions/v2/rollback" not in models


def test_what_predictors_and_clients_say_is_escaped() -> None:
    jobs = Jobs(Backlog(1, 2, 3, 1), (dead_job(),))
    row = Revision(
        '"><script>', RevisionState(version="v1", revision="<b>", ready=False, reason="<i>")
    )
    shown = "".join(panels(jobs=jobs, revisions=(row,)).values())
    assert "predictor &lt;is&gt; down" in shown
    for broken in ("<script>", "<b>", "<i>"):
        assert broken not in shown


def test_dead_jobs_can_be_replayed_one_by_one() -> None:
    shown = panels(jobs=Jobs(Backlog(1, 2, 3, 1), (dead_job(),)))["jobs"]
    assert 'action="/dashboard/jobs/e1-abc/replay"' in shown
    assert "2027-01-15 08:00:00Z" in shown


def test_an_experiment_with_lost_events_says_so() -> None:
    arm = ArmStatus(
        arm="leaf-1",
        version="v1",
        weight=0.5,
        exposures=100,
        conversions=10,
        conversion_rate=0.1,
        conversion_wilson95=(0.055, 0.174),
    )
    status = ExperimentStatus(
        experiment="tone", models=("leaf",), arms=(arm,), incomplete=True, dropped=7
    )
    shown = panels(experiments=(status,))["experiments"]
    assert "5.5 % to 17.4 %" in shown
    assert "7 events" in shown
    assert "no evidence" in shown


@pytest.mark.parametrize("panel", ["models", "experiments", "jobs", "traffic"])
def test_what_is_down_is_told_in_its_own_panel(panel: str) -> None:
    changed: dict[str, Any] = {"figures": None} if panel == "traffic" else {}
    shown = panels(problems={panel: "the Redis of X does not answer"}, **changed)
    assert "The Redis of X does not answer." in shown[panel]


def test_a_chart_is_only_asked_for_where_it_has_something_to_show() -> None:
    assert charts_with_data(None) == frozenset()
    assert charts_with_data(figures_of(EMPTY)) == frozenset()
    assert charts_with_data(snapshot().figures) == {"traffic", "latency", "labels", "confidence"}


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (rate(0), "0"),
        (rate(0.25), "0.25"),
        (rate(3.44), "3.4"),
        (rate(1234.5), "1,234"),
        (share(None), "\N{EN DASH}"),
        (share(0.0012), "0.12 %"),
        (share(1), "100.0 %"),
        (duration(None), "\N{EN DASH}"),
        (duration(0.0042), "4.2 ms"),
        (duration(1.5), "1500 ms"),
        (duration(12), "12.0 s"),
        (size(512), "512 B"),
        (size(3 * 2**20), "3.0 MB"),
        (span(1), "second"),
        (span(40), "40 seconds"),
        (span(60), "1 minute"),
        (span(300), "5 minutes"),
        (span(3 * 3600), "3 hours"),
        (span(3 * 86400), "3 days"),
        (moment(None), ""),
    ],
)
def test_numbers_are_written_as_people_read_them(shown: str, wanted: str) -> None:
    assert shown == wanted


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"figures": None}, "No source of figures is set"),
        ({"figures": None, "problems": {"traffic": "no Prometheus"}}, "No Prometheus. The figures"),
        ({"figures": figures_of(EMPTY._replace(predictors=False))}, "set <code>prometheus_url"),
    ],
)
def test_answers_that_cannot_come_are_not_promised(changed: dict[str, Any], words: str) -> None:
    shown = panels(**changed)["answers"]
    assert words in shown
    assert "after the first" not in shown
