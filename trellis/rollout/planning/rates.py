"""What is assumed of both versions when a rollout is planned."""

from collections.abc import Mapping
from dataclasses import dataclass

from trellis.contracts.amounts import share
from trellis.contracts.rollout import COUNTED, Guardrail, RolloutSpec

#: The ratio of rates that stands where a guardrail names no margin.
DEFAULT_RATIO = 1.5


@dataclass(frozen=True)
class Rates:
    """Events for each request (or second of a pod, for restarts) of both sides."""

    canary: float
    stable: float


@dataclass(frozen=True)
class Regression:
    """How much worse a version is: its rate as a multiple of stable's, or the rate itself.

    Raises ``ValueError`` unless exactly one is given, and where it is none.
    """

    ratio: float | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        if (self.ratio is None) == (self.rate is None):
            raise ValueError("expected exactly one of ratio and rate")
        if self.ratio is not None and self.ratio <= 1:
            raise ValueError(f"a ratio of {self.ratio:g} is no regression; expected over 1")
        if self.rate is not None and not 0 <= self.rate <= 1:
            raise ValueError(f"a rate of {self.rate:g} does not lie between 0 and 1")

    def rates(self, guardrail: Guardrail, stable: float) -> Rates:
        """Of a version with this regression; conversions fall where other events rise.

        Raises ``ValueError`` where that would be no worse than stable.
        """
        falls = guardrail.metric == "conversions"
        if self.rate is not None:
            canary = self.rate
        elif self.ratio is not None:
            canary = stable / self.ratio if falls else min(1.0, stable * self.ratio)
        if canary >= stable if falls else canary <= stable:
            raise ValueError(
                f"{guardrail.name}: a rate of {canary:g} is no regression from {stable:g}"
            )
        return Rates(canary, stable)


def smallest_of_interest(guardrail: Guardrail, stable: float) -> Rates:
    """The regression that a rollout by ``noHarm`` is laid out for: twice the margin's ratio, and
    twice the negligible share or the limit where that is more.

    Raises ``ValueError`` where stable never errs and nothing says which share is too much.
    """
    floors = [share(field) for field in (guardrail.negligible, guardrail.limit) if field]
    ratio = 2 * (
        guardrail.margin.ratio if guardrail.margin and guardrail.margin.ratio else DEFAULT_RATIO
    )
    if guardrail.metric == "conversions":
        return Rates(stable / ratio, stable)
    relative = 0.0 if guardrail.limit else ratio * stable
    canary = min(1.0, max(relative, *(2 * floor for floor in floors), 0.0))
    if canary <= stable:
        raise ValueError(
            f"{guardrail.name}: a stable rate of {stable:g} leaves no regression to look for"
        )
    return Rates(canary, stable)


def regressed(guardrail: Guardrail, stable: float, regression: Regression | None) -> Rates:
    """With the regression, or the smallest of interest. Raises ``ValueError`` as these two do."""
    if regression is None:
        return smallest_of_interest(guardrail, stable)
    return regression.rates(guardrail, stable)


def planned(spec: RolloutSpec, stable: Mapping[str, float]) -> tuple[Guardrail, ...]:
    """The spec's guardrails that can be planned: counted by request, with a known rate of stable's.

    Raises ``ValueError`` for a rate of a guardrail that the spec does not have.
    """
    by_name = {guardrail.name: guardrail for guardrail in spec.guardrails}
    unknown = sorted(set(stable) - set(by_name))
    if unknown:
        raise ValueError(f"no guardrail {unknown[0]!r}; there are {', '.join(by_name)}")
    return tuple(
        guardrail
        for guardrail in spec.guardrails
        if guardrail.metric in COUNTED - {"restarts"} and guardrail.name in stable
    )


def asked(
    spec: RolloutSpec,
    stable: Mapping[str, float],
    requests_per_second: float,
    regression: Regression | None,
) -> tuple[tuple[Guardrail, Rates], ...]:
    """Each guardrail that can be planned, with the rates of its regression.

    Raises ``ValueError`` where there is none, or no traffic, and as ``planned`` and ``regressed`` do.
    """
    if requests_per_second <= 0:
        raise ValueError(f"{requests_per_second:g} requests a second bring no evidence")
    guardrails = planned(spec, stable)
    if not guardrails:
        raise ValueError("expected the rate of at least one guardrail that is counted by request")
    return tuple(
        (guardrail, regressed(guardrail, stable[guardrail.name], regression))
        for guardrail in guardrails
    )
