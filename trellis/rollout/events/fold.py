"""Exposures and outcomes of one watch, folded by unit, pure.

At once (errors, latency): a unit is at risk in every look in which it sent something and before which it
had no such event; its first event of the whole rollout counts, later ones never (a product of
each stage's first errors would count a heavy user's again and again). Under no difference between the
arms their labels are exchangeable among those at risk, for the hash that assigns does not know who
errs.

Ripe (conversions, labels, scores): each unit once, on the side and in the era in which it was met, at
the end of its window and not before: outcomes that come early would else speak for all. Where each
request is a unit it never returns, and is forgotten a while after its last window.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trellis.contracts.events import Exposure, Outcome
from trellis.rollout.events.blocks import (
    ENOUGH,
    LONG_SECONDS,
    MOST_ERAS,
    UNITS,
    Active,
    FoldState,
    Tallies,
    add,
    size,
)
from trellis.rollout.events.units import MOST_UNITS, OVER, OVER_SECONDS, UnitMemory, in_sample
from trellis.rollout.events.watch import AT_ONCE, FIRST, RIPE, Measure, Watch

_METRIC_OF = {"conversion": "conversions", "label": "wrongLabels", "score": "scores"}


@dataclass
class Fold:
    """What changes: ``units`` that are to be stored, members of ``ripening`` to be added with their
    second, those that have ``ripened``, and units that are ``forgotten``.
    """

    state: FoldState
    units: dict[str, UnitMemory] = field(default_factory=dict)
    ripening: dict[str, float] = field(default_factory=dict)
    ripened: list[str] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)


def fold(
    watch: Watch,
    state: FoldState,
    known: Mapping[str, UnitMemory],
    events: Sequence[Exposure | Outcome],
    due: Iterable[str] = (),
) -> Fold:
    """``known`` are the units of ``events`` and ``due`` that are remembered; ``due`` members of
    ``ripening`` whose second has come. Neither ``state`` nor ``known`` is changed.
    """
    begun = state.copy()
    if state.era < 0 and events:
        # A Redis that was emptied begins anew, with numbers beyond those that readers know.
        begun.seq = int(1000 * min(event.time for event in events))
    folding = _Folding(watch, begun, known)
    for member in due:
        folding.ripen(member)
    for event in sorted(events, key=lambda event: event.time):
        if not folding.concerns(event):
            continue
        if isinstance(event, Exposure):
            folding.exposed(event)
        else:
            folding.told(event)
    return folding.end()


def concerned(watch: Watch, event: Exposure | Outcome) -> bool:
    """Whether the event is of the watch's arms, and of a random assignment."""
    if watch.split == "request" and event.arm in watch.sides:
        return False  # a gateway split it by its unit: no request of its own
    return (
        event.model == watch.model
        and event.experiment == watch.experiment
        and watch.arm_of(event) in watch.sides
        and not event.asked
        and (event.sticky or not watch.returning_only)
    )


class _Folding:
    def __init__(self, watch: Watch, state: FoldState, known: Mapping[str, UnitMemory]) -> None:
        self._watch = watch
        self._known = known
        self._result = Fold(state)
        self._measures = {measure.name: measure for measure in watch.measures}
        self._at_once = [m for m in watch.measures if m.metric in AT_ONCE]
        if watch.era > state.era:
            self._close_active()
            state.era = watch.era
            by_side: dict[str, float] = {}
            for revision, share in watch.shares.items():
                side = watch.sides[revision]
                by_side[side] = by_side.get(side, 0.0) + share
            state.shares[watch.era] = by_side
            state.open.setdefault(watch.era, {})

    def concerns(self, event: Exposure | Outcome) -> bool:
        sample = self._result.state.sample
        return concerned(self._watch, event) and in_sample(self._watch.unit_of(event), sample)

    def exposed(self, event: Exposure) -> None:
        """A unit met an arm."""
        state, watch = self._result.state, self._watch
        name, side = watch.unit_of(event), watch.sides[watch.arm_of(event)]
        unit = self._unit(name)
        if unit is None and self._was_forgotten(event.time):
            return
        before = unit.events if unit else []
        happened = [measure for measure in self._happened(event) if measure not in before]
        in_era = watch.in_era(event)
        if in_era:
            self._count_look(event.time)
            state.exposures[side] = state.exposures.get(side, 0) + 1
            if self._answered_by_arm(event):
                active = state.active.setdefault(name, Active(side, list(before)))
                active.now += [measure for measure in happened if measure not in active.before]
        if not happened and not watch.remembers_all:
            return
        unit = unit or UnitMemory()
        unit.events += happened
        if (in_era or unit.side) and watch.remembers_all:
            self._meet(name, unit, side, event.time)
            self._count_unit(unit)
        if in_era and watch.remembers_all:
            self._first_values(event, unit, side)
        self._result.units[name] = unit

    def told(self, event: Outcome) -> None:
        """Something came of a request; its exposure may be read later only."""
        measures = [m for m in self._measures.values() if m.metric == _METRIC_OF[event.kind]]
        if not measures:
            return
        watch = self._watch
        name, side = watch.unit_of(event), watch.sides[watch.arm_of(event)]
        known = self._unit(name)
        if known is None and self._was_forgotten(event.exposed_at):
            return
        unit = known or UnitMemory()
        if not unit.side and not watch.in_era(event):
            return
        self._meet(name, unit, side, event.exposed_at)
        value = _value_of(event)
        for measure in measures:
            late = measure.name in unit.done or event.time > _end(unit, measure)
            if value is None or late or unit.side != side:
                continue
            if event.kind == "conversion":  # once converted, always
                unit.values[measure.name] = max(value, unit.values.get(measure.name, 0.0))
            else:  # the first that is told is the unit's one
                unit.values.setdefault(measure.name, value)
        self._result.units[name] = unit

    def ripen(self, member: str) -> None:
        """A unit's window is over: count what came of it."""
        name, _, who = member.rpartition(":")
        self._result.ripened.append(member)
        unit, measure = self._unit(who), self._measures.get(name)
        if name == OVER and unit is not None:
            self._forget(who, unit)
        if unit is None or measure is None or name in unit.done:
            return
        value = unit.values.pop(name, None)
        unit.done.append(name)
        self._result.units[who] = unit
        if measure.metric == "conversions":
            self._count(unit.era, name, unit.side, (1.0, value or 0.0))
        elif value is not None:
            values = (1.0, value) if measure.metric == "wrongLabels" else (1.0, value, value**2)
            self._count(unit.era, name, unit.side, values)

    def end(self) -> Fold:
        """Close what is large enough, and keep within bounds."""
        state = self._result.state
        if len(state.active) >= ENOUGH:
            self._close_active()
        for era, tallies in list(state.open.items()):
            if era <= state.era - MOST_ERAS:
                if tallies:
                    state.close(era, tallies)
                del state.open[era], state.shares[era]
        state.remembered += len(self._result.units.keys() - self._known.keys())
        if state.remembered > MOST_UNITS:
            state.sample += 1
            state.active = {
                unit: one for unit, one in state.active.items() if in_sample(unit, state.sample)
            }
        return self._result

    def _unit(self, name: str) -> UnitMemory | None:
        if name in self._result.forgotten:
            return None
        if name not in self._result.units and name in self._known:
            return self._known[name].copy()
        return self._result.units.get(name)

    def _forget(self, name: str, unit: UnitMemory) -> None:
        state = self._result.state
        self._result.units.pop(name, None)
        self._result.forgotten.add(name)
        state.remembered -= 1
        state.forgotten = max(state.forgotten, unit.met_at)

    def _was_forgotten(self, met_at: float) -> bool:
        return met_at <= self._result.state.forgotten

    def _failed_over(self, event: Exposure) -> bool:
        """The other side answered in place of the unit's own, which was down."""
        sides = self._watch.sides
        answered = sides.get(event.revision)
        return answered is not None and answered != sides[self._watch.arm_of(event)]

    def _answered_by_arm(self, event: Exposure) -> bool:
        """Whether the arm itself was at risk: a cached answer cannot fail, and a revision that is none
        of the watch's is what a tag's host has come to mean since. One of the same side took the arm's place.
        """
        return not event.cached and event.revision in self._watch.sides

    def _happened(self, event: Exposure) -> list[str]:
        if not self._answered_by_arm(event):
            return []
        failed = event.code >= 500 or self._failed_over(event)
        return [
            measure.name
            for measure in self._at_once
            if (failed if measure.over is None else event.seconds > measure.over)
        ]

    def _meet(self, name: str, unit: UnitMemory, side: str, time: float) -> None:
        if unit.side:
            return
        unit.side, unit.era, unit.met_at = side, self._result.state.era, time
        for measure in self._measures.values():
            if measure.metric in RIPE:
                self._result.ripening[f"{measure.name}:{name}"] = _end(unit, measure)
        if self._watch.split == "request":
            last = max((_end(unit, measure) for measure in self._measures.values()), default=time)
            self._result.ripening[f"{OVER}:{name}"] = last + OVER_SECONDS

    def _count_unit(self, unit: UnitMemory) -> None:
        """Once, by its exposure: a reader that is behind hears of outcomes first, and they come more
        often of one side than of the other.
        """
        if UNITS not in unit.done:
            unit.done.append(UNITS)
            self._count(unit.era, UNITS, unit.side, (1.0,))

    def _first_values(self, event: Exposure, unit: UnitMemory, side: str) -> None:
        if not self._answered_by_arm(event) or unit.side != side:
            return
        for measure in self._measures.values():
            if measure.metric in FIRST and measure.name not in unit.done:
                unit.done.append(measure.name)
                values = (1.0, event.seconds, event.seconds**2)
                self._count(unit.era, measure.name, side, values)

    def _count(self, era: int, measure: str, side: str, values: tuple[float, ...]) -> None:
        """Of an era that is closed nothing is counted any more.

        A block closes at once when it is large enough, so that what ripens by the hundred still makes
        small ones: a comparison bets on each by what it learnt of those before.
        """
        state = self._result.state
        tallies = state.open.get(era)
        if tallies is None:
            return
        add(tallies, measure, side, values)
        if size(tallies, measure) >= ENOUGH:
            state.close(era, {measure: tallies.pop(measure)})

    def _count_look(self, time: float) -> None:
        """One exposure more; of few units that return it closes the look before, which has lasted."""
        state = self._result.state
        if state.looked >= ENOUGH and time - state.opened >= LONG_SECONDS:
            self._close_active()
        if not state.looked:
            state.opened = time
        state.looked += 1

    def _close_active(self) -> None:
        state = self._result.state
        tallies: Tallies = {}
        for one in state.active.values():
            for measure in self._at_once:
                if measure.name not in one.before:
                    happened = float(measure.name in one.now)
                    add(tallies, measure.name, one.side, (1.0, happened))
        state.active, state.looked = {}, 0
        if tallies:
            state.close(state.era, tallies)


def _end(unit: UnitMemory, measure: Measure) -> float:
    return unit.met_at + (measure.window or 0.0)


def _value_of(event: Outcome) -> float | None:
    """None for a label where nobody knows what was predicted."""
    if event.kind == "label":
        return None if event.predicted is None else float(event.value != event.predicted)
    return float(event.value)
