"""Blocks of a rollout's watch to looks of evidence, pure."""

from collections.abc import Iterable, Sequence

from trellis.contracts.rollout import Guardrail
from trellis.rollout.events.blocks import UNITS, Block
from trellis.rollout.looks import Count, Look, Moments, SideLook


def looks_of(blocks: Iterable[Block]) -> tuple[Look, ...]:
    """One look by unit for each block, of the sides ``canary`` and ``stable``."""
    return tuple(
        Look("units", canary=_side(block, "canary"), stable=_side(block, "stable"))
        for block in blocks
    )


def blind_look(guardrails: Sequence[Guardrail], why: str, *, by_unit: bool = False) -> Look:
    """Where events cannot be read: nothing is known of what only they tell.

    With ``by_unit``, where gateways split by unit and no requests are counted, that is errors and
    latency too: all but restarts.
    """
    told_by_events = {"conversions", "wrongLabels", "scores"}
    if by_unit:
        told_by_events |= {"errors", "latency", "meanLatency"}
    return Look(
        "units",
        blind={rail.name: why for rail in guardrails if rail.metric in told_by_events},
    )


def _side(block: Block, side: str) -> SideLook:
    counts: dict[str, Count] = {}
    moments: dict[str, Moments] = {}
    for measure, sides in block.tallies.items():
        if measure == UNITS:
            continue
        values = sides.get(side)
        number = len(next(iter(sides.values())))
        if number == 2:
            total, events = values or (0.0, 0.0)
            counts[measure] = Count(events, total)
        else:
            moments[measure] = Moments(*(values or (0.0, 0.0, 0.0)))
    return SideLook(counts, moments)
