"""Looks as the panels of their pages."""

import math
from typing import Any, NamedTuple

from trellis.contracts.rollout_status import GuardrailVerdict, Phase, RolloutView, TracePoint
from trellis.gateway.dashboard.panels import moment
from trellis.gateway.dashboard.panels import share as share_of
from trellis.gateway.dashboard.trials.looks import ExperimentLook, ListLook
from trellis.gateway.dashboard.trials.offers import command_id, offers_of, version_on_trial
from trellis.gateway.dashboard.trials.scales import Kind, kind_of
from trellis.gateway.dashboard.trials.words import FORMATS
from trellis.gateway.pages.files import render
from trellis.gateway.pages.words import sentence

LIST_PANELS = ("rollouts", "experiments")
ROLLOUT_PANELS = ("now", "evidence", "steps", "history")
EXPERIMENT_PANELS = ("now", "arms")
#: Phases in which something is wrong, or went wrong.
BAD_PHASES: frozenset[Phase] = frozenset(("RollingBack", "RolledBack", "Refused"))
#: Moments of the table beside the charts, the newest.
MOST_MOMENTS = 20


class Rail(NamedTuple):
    """One guardrail: ``place`` is its number among those of the spec, which names its chart."""

    place: int
    kind: Kind
    verdict: GuardrailVerdict
    points: tuple[TracePoint, ...]

    @property
    def drawn(self) -> bool:
        """Whether there is an interval to draw."""
        return any(point.interval is not None for point in self.points)


def rails_of(view: RolloutView) -> tuple[Rail, ...]:
    """The guardrails that the verdict speaks of and the spec still has."""
    places = {guardrail.name: place for place, guardrail in enumerate(view.spec.guardrails)}
    verdicts = view.status.verdict.guardrails if view.status.verdict else ()
    return tuple(
        Rail(
            place=places[verdict.name],
            kind=kind_of(view.spec.guardrails[places[verdict.name]]),
            verdict=verdict,
            points=tuple(point for point in view.status.trace if point.name == verdict.name),
        )
        for verdict in verdicts
        if verdict.name in places
    )


def trace_key(trace: tuple[Any, ...]) -> str:
    """Another one whenever the trace has changed: part of a chart's address."""
    return f"{len(trace)}-{1000 * trace[-1].time:.0f}" if trace else "0"


def list_panels(look: ListLook, *, set_up: bool) -> dict[str, str]:
    """``set_up``: whether the gateway knows a controller."""
    return _rendered("list", LIST_PANELS, look=look, set_up=set_up)


def rollout_panels(view: RolloutView) -> dict[str, str]:
    """Everything of one rollout but what can be done with it."""
    return _rendered(
        "rollout",
        ROLLOUT_PANELS,
        view=view,
        status=view.status,
        rails=rails_of(view),
        log_within=-math.log(view.spec.alpha),
        key=trace_key(view.status.trace),
        offers=offers_of(view),
        version=version_on_trial(view),
        command_id=command_id,
        most_moments=MOST_MOMENTS,
    )


def experiment_panels(name: str, look: ExperimentLook) -> dict[str, str]:
    """Everything of one experiment."""
    trace = look.view.status.trace if look.view else ()
    return _rendered(
        "experiment",
        EXPERIMENT_PANELS,
        name=name,
        look=look,
        key=trace_key(trace),
        drawn=any(point.estimate is not None for point in trace),
    )


def _rendered(folder: str, names: tuple[str, ...], **values: Any) -> dict[str, str]:
    shared = {
        **FORMATS,
        "moment": moment,
        "sentence": sentence,
        "share": share_of,
        "bad_phases": BAD_PHASES,
    }
    return {name: render(f"trials/{folder}-{name}.html", **shared, **values) for name in names}
