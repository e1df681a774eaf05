from typing import Any

import pytest

from tests.unit.gateway.dashboard.snapshots import snapshot
from tests.unit.gateway.dashboard.test_panels import dead_job
from tests.unit.gateway.dashboard.windows import V1, window
from trellis.contracts.control import RevisionState
from trellis.contracts.experiment import ExperimentStatus
from trellis.gateway.access.callers import ANYONE, Caller
from trellis.gateway.dashboard.figures import figures_of
from trellis.gateway.dashboard.own_part import own_part
from trellis.gateway.dashboard.panels import render_panels
from trellis.gateway.dashboard.snapshot import Jobs, Revision, Snapshot
from trellis.gateway.dashboard.window import DURATION, PREDICTIONS, REQUESTS, Point
from trellis.gateway.jobs.types import Backlog

OTHER = ("tumour", "v7", "tumour-7")


def limited(*models: str) -> Caller:
    return Caller("k", frozenset(("admin",)), frozenset(models))


def both() -> Snapshot:
    """``leaf``, and ``tumour`` in every part of the look."""
    alone = window()
    increases = {name: dict(values) for name, values in alone.increases.items()}
    increases[REQUESTS][(*OTHER, "200")] = 600.0
    increases[DURATION][(*OTHER, "5.0")] = 600.0
    increases[PREDICTIONS][(*OTHER, "malignant")] = 600.0
    points = (Point(1000.0, 10.0),)
    seen = alone._replace(
        increases=increases,
        traffic={**alone.traffic, OTHER: points},
        latency={**alone.latency, OTHER: points},
    )
    state = RevisionState(version="v7", revision="tumour-7", weight=1.0, ready=True)
    first = snapshot()
    return first._replace(
        window=seen,
        figures=figures_of(seen),
        revisions=(*first.revisions, Revision("tumour", state)),
        experiments=tuple(
            ExperimentStatus(experiment=name, models=models, arms=(), incomplete=False)
            for name, models in (
                ("tone", ("leaf",)),
                ("ward", ("tumour",)),
                ("shared", ("leaf", "tumour")),
            )
        ),
        jobs=Jobs(Backlog(11, 12, 13, 2), (dead_job(), dead_job(id="e1-other", model="tumour"))),
    )


def text(seen: Snapshot) -> str:
    return "".join(render_panels(seen, can_move=True, words="counted here").values())


def test_who_has_every_model_sees_all() -> None:
    seen = both()
    assert own_part(seen, ANYONE) is seen
    assert "tumour" in text(seen)


@pytest.mark.parametrize("models", [("leaf",), ("le*", "none")])
def test_a_key_for_some_models_sees_those_and_no_word_of_others(models: tuple[str, ...]) -> None:
    own = own_part(both(), limited(*models))
    shown = text(own)
    for word in ("tumour", "malignant", "ward", "shared", "e1-other"):
        assert word not in shown
    for word in ("leaf", "tone", "e1-abc", "Early blight"):
        assert word in shown
    assert own.models == frozenset(models)


def test_sums_are_of_the_key_s_own_models() -> None:
    own = own_part(both(), limited("leaf"))
    alone = figures_of(window())
    assert own.figures is not None
    assert own.figures.total == alone.total
    assert own.figures.versions.keys() == alone.versions.keys()
    assert own.figures.traffic.keys() == own.figures.latency.keys() == {V1}


def test_what_cannot_be_told_by_model_is_not_told() -> None:
    own = own_part(both(), limited("leaf"))
    assert own.figures is not None
    assert (own.figures.refused, own.figures.jobs) == (0, {})
    assert own.jobs is not None
    assert own.jobs.backlog is None
    assert "this key is for some" in text(own)
    for count in (11, 12, 13):
        assert f"<dd>{count}</dd>" not in text(own)


@pytest.mark.parametrize("missing", ["figures", "experiments", "jobs"])
def test_a_part_that_is_not_there_stays_away(missing: str) -> None:
    gone: dict[str, Any] = {missing: None}
    if missing == "figures":
        gone["window"] = None
    own = own_part(both()._replace(**gone), limited("leaf"))
    assert getattr(own, missing) is None
