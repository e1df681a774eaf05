"""What to expect of a rollout, by guardrail and weight: ``trellis plan``'s answer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from trellis.contracts.rollout import Guardrail, RolloutSpec
from trellis.rollout.planning.crossings import crossings
from trellis.rollout.planning.expected import Finding
from trellis.rollout.planning.power import POWER
from trellis.rollout.planning.rates import Rates, Regression, asked


@dataclass(frozen=True)
class Wait:
    """Canary requests until something is found; infinite where most histories do not come to it."""

    median: float
    most: float  # of 80 % of all histories

    def seconds(self, requests_per_second: float, weight: float) -> float:
        """Of the greater of both, at so many requests a second to both versions together."""
        return self.most / (requests_per_second * weight / 100)


@dataclass(frozen=True)
class WeightOutlook:
    """One guardrail at one weight in percent."""

    guardrail: str
    weight: int
    caught: Wait  # the regression is rolled back
    passed: Wait  # a version that is like stable lies within the margin


@dataclass(frozen=True)
class Outlook:
    """Of a whole rollout. ``unplanned`` are the guardrails of which nothing can be said."""

    requests_per_second: float
    alpha: float
    regressions: Mapping[str, Rates]
    weights: tuple[WeightOutlook, ...]
    unplanned: tuple[str, ...]

    def caught_seconds(self, weight: int) -> float:
        """Until some guardrail catches its regression at this weight, if each has its own."""
        return min(self._seconds(weight, "caught"), default=math.inf)

    def passed_seconds(self, weight: int) -> float:
        """Until all guardrails let a version pass that is like stable."""
        return max(self._seconds(weight, "passed"), default=math.inf)

    def _seconds(self, weight: int, which: str) -> list[float]:
        waits: list[Wait] = [getattr(row, which) for row in self.weights if row.weight == weight]
        return [one.seconds(self.requests_per_second, weight) for one in waits]


def outlook(
    spec: RolloutSpec,
    stable: Mapping[str, float],
    requests_per_second: float,
    regression: Regression | None = None,
    weights: tuple[int, ...] | None = None,
) -> Outlook:
    """At the spec's steps, or at other ``weights``.

    ``stable`` are its rates by the guardrail's name: errors, or requests over the threshold, for
    each request. Without a ``regression`` each guardrail has the smallest that is of interest.
    Raises ``ValueError`` for rates, regressions and guardrails that do not fit each other, and
    where nothing can be planned.
    """
    regressions = asked(spec, stable, requests_per_second, regression)
    alpha = spec.alpha / len(spec.guardrails)
    rows = tuple(
        WeightOutlook(
            guardrail.name,
            weight,
            wait(guardrail, alpha, rates, weight, "harm"),
            wait(guardrail, spec.alpha, Rates(rates.stable, rates.stable), weight, "within"),
        )
        for guardrail, rates in regressions
        for weight in weights or tuple(step.weight for step in spec.steps)
    )
    by_name = {guardrail.name: rates for guardrail, rates in regressions}
    rest = tuple(guardrail.name for guardrail in spec.guardrails if guardrail.name not in by_name)
    return Outlook(requests_per_second, spec.alpha, by_name, rows, rest)


def wait(guardrail: Guardrail, alpha: float, rates: Rates, weight: int, finding: Finding) -> Wait:
    """Until the finding; ``alpha`` is the guardrail's own."""
    found = crossings(guardrail, alpha, rates, weight, finding)
    median, most = (float(found[math.ceil(part * len(found)) - 1]) for part in (0.5, POWER))
    return Wait(median, most)
