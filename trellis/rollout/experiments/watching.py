"""An experiment's interest in events, pure."""

from collections.abc import Mapping

from trellis.contracts.amounts import seconds
from trellis.contracts.experiment_resource import ExperimentSpec
from trellis.rollout.events.watch import Measure, Watch, measures_of

#: The goal's measure; no guardrail is called so.
GOAL = "(goal)"


def watch_of(
    identity: str,
    experiment: str,
    spec: ExperimentSpec,
    revisions: Mapping[str, str],
    shares: Mapping[str, float],
    era: int,
) -> Watch:
    """``identity`` is another where evidence starts anew; ``experiment`` is the route's name for it,
    ``revisions`` the version of each revision, ``shares`` what the table gives it from ``era`` on.
    """
    kinds = {"conversion": "conversions", "label": "wrongLabels", "score": "scores"}
    goal = Measure.model_validate(
        {
            "name": GOAL,
            "metric": kinds[spec.goal.kind],
            "window": seconds(spec.attribution_window),
        }
    )
    return Watch(
        name=identity,
        model=spec.model,
        experiment=experiment,
        sides=dict(revisions),
        era=era,
        shares=dict(shares),
        measures=(goal, *measures_of(spec.guardrails)),
        returning_only=spec.unit == "returning",
        count_units=True,
    )
