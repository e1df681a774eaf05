"""Stored counts and the routing table as an experiment's status, pure."""

from collections.abc import Iterable, Mapping

from trellis.contracts.experiment import ArmStatus, ExperimentStatus
from trellis.contracts.routing_table import Arm
from trellis.gateway.events.wilson import wilson95


def experiment_status(
    name: str, models: Iterable[str], arms: Iterable[Arm], counts: Mapping[str, str]
) -> ExperimentStatus:
    """``arms`` are those of the routing table now; ``counts`` is what ``EventStore.counts`` gives.

    Arms that only the counts know have left the table: their weight is 0.
    """
    current = {arm.revision: arm for arm in arms}
    counted = [field.partition(":")[2] for field in counts if field.startswith("exposures:")]
    names = [*current, *sorted(set(counted) - current.keys())]
    dropped, unjoined = int(counts.get("dropped", 0)), int(counts.get("unjoined", 0))
    return ExperimentStatus(
        experiment=name,
        models=tuple(sorted(models)),
        arms=tuple(_arm(arm, current.get(arm), counts) for arm in names),
        incomplete=dropped + unjoined > 0,
        dropped=dropped,
        unjoined=unjoined,
    )


def _arm(name: str, current: Arm | None, counts: Mapping[str, str]) -> ArmStatus:
    def count(what: str) -> int:
        return int(counts.get(f"{what}:{name}", 0))

    exposures, conversions, scores = count("exposures"), count("conversions"), count("scores")
    return ArmStatus(
        arm=name,
        version=current.version if current else counts.get(f"version:{name}"),
        weight=current.weight if current else 0.0,
        exposures=exposures,
        units=count("units"),
        errors=count("errors"),
        labels=count("labels"),
        scores=scores,
        mean_score=float(counts[f"score-sum:{name}"]) / scores if scores else None,
        conversions=conversions,
        # A reused request id may leave more outcomes than exposures; no rate is over 1.
        conversion_rate=min(1.0, conversions / exposures) if exposures else None,
        conversion_wilson95=wilson95(min(conversions, exposures), exposures) if exposures else None,
    )
