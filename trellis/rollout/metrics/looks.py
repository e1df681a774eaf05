"""The snapshot and what is read now, to the next snapshot and a look, pure.

A look of requests closes once it has ``ENOUGH`` of both sides together, and some of each: with one side
alone there is nothing to compare. (A ``limit`` compares nothing, and waits for no other side.) Only their
numbers decide, never what came of them: then the events' place within the look tells nothing of the
sides. Of n requests 1/n of the information is lost, so that a look of 20 costs a twentieth.
"""

from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count, Look, Moments, SideLook
from trellis.rollout.metrics.blindness import why_blind
from trellis.rollout.metrics.increases import Increase, falls, increase, remember, warm
from trellis.rollout.metrics.order import in_order
from trellis.rollout.metrics.port import BY_POD, BY_REQUEST, Readings
from trellis.rollout.metrics.snapshot import SIDES, PodMemory, Side, SideMemory, Snapshot

#: Requests, or values, of both sides together at which a look closes.
ENOUGH = 20
#: Seconds for which a pod that is no longer listed is remembered: it may only have been left out.
REMEMBERED_SECONDS = 600.0


def next_look(
    before: Snapshot | None,
    readings: Readings,
    revisions: Mapping[str, Side],
    guardrails: Sequence[Guardrail],
    *,
    stage: str,
    weight: int,
    warm_up: float,
) -> tuple[Snapshot, Look]:
    """``revisions`` says on which side each stands; ``stage`` names the span of constant ``weight``,
    the canary's percentage.

    The first reading of a stage is where it is counted from; what waited of the stage before makes
    its last look. ``warm_up`` in seconds of each pod, left out of latency. A guardrail that is blind
    keeps what was counted of it nevertheless: harm that is seen is harm.
    """
    rails = [rail for rail in guardrails if rail.metric in BY_REQUEST | BY_POD]
    if before is None or before.stage != stage:
        snapshot, look = _begun(before, readings, revisions, {rail.name for rail in rails}, stage)
    else:
        readings = in_order(before, readings)
        snapshot, look = _gone_on(before, readings, revisions, rails, warm_up)
    return snapshot, replace(look, blind=why_blind(snapshot, readings, revisions, rails, weight))


def _begun(
    before: Snapshot | None,
    readings: Readings,
    revisions: Mapping[str, Side],
    names: AbstractSet[str],
    stage: str,
) -> tuple[Snapshot, Look]:
    """Counted from now: what a pod that is silent now tells later reaches into the stage before."""
    pods = before.pods if before is not None else {}
    unread = {name: replace(pod, requests=None, moments={}) for name, pod in pods.items()}
    last = before.sides if before is not None else dict.fromkeys(SIDES, SideMemory())
    snapshot = Snapshot(stage, readings.time, _listed(unread, readings, revisions))
    waiting = {name for name, sizes in _sizes(last).items() if sum(sizes) > 0}
    return snapshot, _look(last, waiting & names)


def _gone_on(
    before: Snapshot,
    readings: Readings,
    revisions: Mapping[str, Side],
    rails: Sequence[Guardrail],
    warm_up: float,
) -> tuple[Snapshot, Look]:
    moved = {side: _moved_on(before, readings, revisions, rails, side, warm_up) for side in SIDES}
    canary, asked_of_canary, tagged_canary = moved["canary"]
    stable, asked_of_stable, tagged_stable = moved["stable"]
    sides: dict[Side, SideMemory] = {
        "canary": replace(canary, missed=0 if asked_of_canary else canary.missed + asked_of_stable),
        "stable": replace(stable, missed=0 if asked_of_stable else stable.missed + asked_of_canary),
    }
    closed = _closed(sides, rails)
    snapshot = Snapshot(
        before.stage,
        readings.time,
        _listed(before.pods, readings, revisions),
        {side: _emptied(of, closed) for side, of in sides.items()},
    )
    look = _look(sides, closed & {rail.name for rail in rails})
    return snapshot, replace(look, tagged=tagged_canary + tagged_stable)


class _Tally:
    """What a side has gathered for its look, as it grows."""

    def __init__(self, side: SideMemory) -> None:
        self.counts, self.moments = dict(side.counts), dict(side.moments)
        self.requests = self.answered = self.witness = self.tagged = 0.0

    def add(self, grown: Increase, left_out: Container[str]) -> None:
        """Add what one pod counted, without the guardrails ``left_out``."""
        self.answered += grown.requests
        self.witness += grown.witness
        self.tagged += grown.tagged
        self.requests += max((count.total for count in grown.counts.values()), default=0.0)
        for name, count in grown.counts.items():
            if name not in left_out:
                self.count(name, count)
        for name, values in grown.moments.items():
            if name not in left_out:
                so_far = self.moments.get(name, Moments(0, 0, 0))
                self.moments[name] = Moments(*map(sum, zip(so_far, values, strict=True)))

    def count(self, name: str, more: Count) -> None:
        so_far = self.counts.get(name, Count(0, 0))
        self.counts[name] = Count(so_far.events + more.events, so_far.total + more.total)


def _moved_on(
    before: Snapshot,
    readings: Readings,
    revisions: Mapping[str, Side],
    rails: Sequence[Guardrail],
    side: Side,
    warm_up: float,
) -> tuple[SideMemory, float, float]:
    """One side with what its pods counted since, how many requests those are, and how many came by a
    tag beside them.
    """
    memory = before.sides[side]
    tally, fresh = _Tally(memory), memory.fresh
    restarts = [rail.name for rail in rails if rail.metric == "restarts"]
    timed = {rail.name for rail in rails if rail.metric in {"latency", "meanLatency"}}
    elapsed = max(0.0, readings.time - before.time)
    for pod in readings.pods:
        last = before.pods.get(pod.name)
        if revisions.get(pod.revision) != side or last is None or last.side != side:
            continue
        for name in restarts:
            tally.count(name, Count(falls(last, pod), elapsed if last.ready else 0.0))
        now = readings.counters.get(pod.name)
        if now is not None:
            tally.add(increase(last, now), () if warm(last, pod, before.time, warm_up) else timed)
            fresh = fresh if now.sampled is None else max(fresh or 0.0, now.sampled)
    grown = SideMemory(
        missed=memory.missed,
        unwitnessed=0.0 if tally.answered else memory.unwitnessed + tally.witness,
        fresh=fresh,
        counts=tally.counts,
        moments=tally.moments,
    )
    return grown, tally.requests, tally.tagged


def _listed(
    pods: Mapping[str, PodMemory], readings: Readings, revisions: Mapping[str, Side]
) -> dict[str, PodMemory]:
    """All pods that are listed, and those that were not long ago."""
    kept = {
        name: pod
        for name, pod in pods.items()
        if 0 <= readings.time - pod.seen <= REMEMBERED_SECONDS
    }
    for pod in readings.pods:
        side = revisions.get(pod.revision)
        if side is None:
            continue
        counters = readings.counters.get(pod.name)
        memory = remember(kept.get(pod.name), pod, side, readings.time, counters)
        if counters is None and pod.name in readings.unread and memory.silent_since is None:
            memory = replace(memory, silent_since=readings.time)
        kept[pod.name] = memory
    return kept


def _closed(sides: Mapping[Side, SideMemory], rails: Sequence[Guardrail]) -> set[str]:
    """The guardrails of which a look is complete."""
    by_pod = {rail.name for rail in rails if rail.metric in BY_POD}
    one_armed = {rail.name for rail in rails if rail.limit is not None}
    return {
        name
        for name, sizes in _sizes(sides).items()
        if (sum(sizes) >= ENOUGH and (all(sizes) or name in one_armed))
        or (name in by_pod and any(sizes))
    }


def _sizes(sides: Mapping[Side, SideMemory]) -> dict[str, tuple[float, float]]:
    """Of canary and stable, by guardrail."""
    numbers: dict[Side, dict[str, float]] = {
        side: {name: count.total for name, count in of.counts.items()}
        | {name: values.number for name, values in of.moments.items()}
        for side, of in sides.items()
    }
    canary, stable = (numbers[side] for side in SIDES)
    return {name: (canary.get(name, 0.0), stable.get(name, 0.0)) for name in canary | stable}


def _emptied(side: SideMemory, names: AbstractSet[str]) -> SideMemory:
    return replace(
        side,
        counts={name: count for name, count in side.counts.items() if name not in names},
        moments={name: values for name, values in side.moments.items() if name not in names},
    )


def _look(sides: Mapping[Side, SideMemory], names: AbstractSet[str]) -> Look:
    canary, stable = (_side_look(sides[side], names) for side in SIDES)
    return Look("requests", canary, stable)


def _side_look(side: SideMemory, names: AbstractSet[str]) -> SideLook:
    return SideLook(
        counts={name: count for name, count in side.counts.items() if name in names},
        moments={name: values for name, values in side.moments.items() if name in names},
    )
