"""How an invented version behaves, and the traffic that it meets. Data and closed forms only."""

import math
from dataclasses import dataclass, field

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import Guardrail


@dataclass(frozen=True)
class LogNormal:
    """Durations in seconds; ``spread`` is the standard deviation of their logarithm.

    A spread of 0.5 has a p99 of 3.2 medians, one of 1.5 a heavy tail with a p99 of 33 medians.
    """

    median: float = 0.05
    spread: float = 0.5

    def share_over(self, threshold: float) -> float:
        """The part that takes longer than ``threshold`` seconds."""
        return 0.5 * math.erfc(math.log(threshold / self.median) / (self.spread * math.sqrt(2)))

    def slowed(self, factor: float) -> "LogNormal":
        """All durations times ``factor``."""
        return LogNormal(self.median * factor, self.spread)


@dataclass(frozen=True)
class Behaviour:
    """One version: rates are parts of 1 of its requests, restarts are per hour of a pod."""

    error_rate: float = 0.001
    latency: LogNormal = LogNormal()
    restarts_per_hour: float = 0.0
    conversion_rate: float = 0.1
    wrong_label_rate: float = 0.05
    score_mean: float = 0.0
    score_deviation: float = 1.0

    def rate(self, guardrail: Guardrail) -> float:
        """Events of a counted guardrail for each of its total: a request, or a second of a pod.

        Raises ``ValueError`` for a mean.
        """
        rates = {
            "errors": self.error_rate,
            "conversions": self.conversion_rate,
            "wrongLabels": self.wrong_label_rate,
            "restarts": self.restarts_per_hour / 3600,
        }
        if guardrail.over is not None:
            return self.latency.share_over(seconds(guardrail.over))
        if guardrail.metric not in rates:
            raise ValueError(f"{guardrail.metric} is a mean, not a count")
        return rates[guardrail.metric]


@dataclass(frozen=True)
class Shocks:
    """Bad moments that both versions share: ``share`` of the looks have ``errors`` times the errors
    and ``latency`` times the durations.
    """

    share: float = 0.0
    errors: float = 1.0
    latency: float = 1.0


@dataclass(frozen=True)
class ColdStart:
    """A new pod's durations are ``factor`` times as long in its first ``seconds``."""

    seconds: float = 0.0
    factor: float = 1.0


@dataclass(frozen=True)
class Population:
    """Users who return, each to the same version for as long as weights allow.

    ``activity_spread`` is the standard deviation of the logarithm of their request rates: at 1.5
    the busiest hundredth sends about a fifth of all requests. ``prone`` is the share of users
    whose requests fail with ``prone_error_rate``, so that errors come in clusters; on the canary
    ``canary_prone``, the same users and more.
    """

    users: int = 2000
    activity_spread: float = 1.5
    prone: float = 0.0
    canary_prone: float = 0.0
    prone_error_rate: float = 0.5


@dataclass(frozen=True)
class Traffic:
    """What both versions meet. Without a ``population`` each request is split by itself.

    ``canary_pods`` and ``stable_pods`` are all as old as the rollout and much older.
    """

    stable: Behaviour = Behaviour()
    canary: Behaviour = Behaviour()
    requests_per_second: float = 20.0
    population: Population | None = None
    shocks: Shocks = Shocks()
    cold_start: ColdStart = field(default_factory=ColdStart)
    canary_pods: int = 1
    stable_pods: int = 2
