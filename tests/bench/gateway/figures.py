"""What is measured of the gateway beside requests a second."""

from dataclasses import dataclass

from tests.bench.results import Verdict


@dataclass(frozen=True)
class Figures:
    """One measurement: what it was held against, a table of what was seen, and how it was done."""

    key: str
    title: str
    verdicts: tuple[Verdict, ...]
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    note: str


def at_most(what: str, most: float, got: float, unit: str) -> Verdict:
    """A verdict on something that should be small."""
    return Verdict(what, f"≤ {most:g} {unit}", f"{got:.3g} {unit}", got <= most)


def at_least(what: str, least: float, got: float, unit: str, by_cpu: float) -> Verdict:
    """A verdict on something that should be large; ``by_cpu`` is what idle cores would give."""
    seen = f"{got:,.0f} {unit}"
    return Verdict(what, f"≥ {least:,g} {unit}", seen, got >= least, f"{by_cpu:,.0f} {unit}")
