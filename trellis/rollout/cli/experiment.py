"""``trellis experiment``: see experiments, with what the evidence says of each arm."""

import argparse
from collections.abc import Iterator, Sequence

from trellis.contracts.experiment_resource import ArmEvidence
from trellis.contracts.routing_table import WireDocument
from trellis.rollout.cli.choosing import chosen, parse, place_options
from trellis.rollout.cli.output import document, output_option, run, say, table, tell
from trellis.rollout.cli.places import ExperimentSeen, Place
from trellis.rollout.evidence import words

_COLUMNS = ("NAME", "MODEL", "STRATEGY", "PHASE", "WINNER", "ARMS", "MESSAGE")
_ARMS = ("ARM", "WEIGHT", "UNITS", "RIPE", "GOAL", "INTERVAL", "OVER THE FIRST")


class _Experiments(WireDocument):
    """All of them, as ``--output`` has it."""

    experiments: tuple[ExperimentSeen, ...]


def main(argv: Sequence[str]) -> int:
    """0; 1 where it is not there; 2 on misuse."""
    parser = argparse.ArgumentParser(
        prog="trellis experiment", description=__doc__.partition(":")[2], allow_abbrev=False
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|get")
    parents = [output_option(), place_options()]
    actions.add_parser("list", parents=parents, help="all of them, a line each")
    get = actions.add_parser("get", parents=parents, help="one of them, with its arms")
    get.add_argument("name", metavar="NAME")
    return run(_run(parse(parser, argv)))


async def _run(options: argparse.Namespace) -> int:
    async with chosen(options) as place:
        if options.action == "list":
            return await _list(place, options.output)
        return await _get(place, options.name, options.output)


async def _list(place: Place, form: str) -> int:
    found = await place.experiments()
    if form != "text":
        document(_Experiments(experiments=found), form)
    elif found:
        table(_COLUMNS, map(_row, found))
    else:
        tell("there is no experiment")
    return 0


async def _get(place: Place, name: str, form: str) -> int:
    seen = await place.experiment(name)
    if form != "text":
        document(seen, form)
        return 0
    say(f"{seen.name}: {_phase(seen)}, model {seen.spec.model}, {seen.spec.strategy}")
    if seen.status is not None and seen.status.message:
        say(seen.status.message)
    table(_ARMS, _arms(seen))
    if seen.status is None:
        tell("no controller has said anything of it yet")
    elif seen.status.incomplete:
        tell(
            f"the evidence is incomplete: {seen.status.dropped} exposures were not stored, "
            f"{seen.status.unjoined} can get no feedback"
        )
    return 0


def _row(seen: ExperimentSeen) -> tuple[str, ...]:
    status = seen.status
    return (
        seen.name,
        seen.spec.model,
        seen.spec.strategy,
        _phase(seen),
        (status.winner if status else None) or "-",
        ", ".join(arm.version for arm in seen.spec.arms),
        status.message if status else "",
    )


def _phase(seen: ExperimentSeen) -> str:
    return seen.status.phase if seen.status is not None else "-"


def _arms(seen: ExperimentSeen) -> Iterator[tuple[str, ...]]:
    if seen.status is not None and seen.status.arms:
        yield from map(_arm, seen.status.arms)
        return
    total = sum(arm.weight for arm in seen.spec.arms)
    for arm in seen.spec.arms:
        yield arm.version, words.percent(arm.weight / total), "", "", "", "", ""


def _arm(arm: ArmEvidence) -> tuple[str, ...]:
    return (
        arm.version,
        words.percent(arm.weight),
        words.number(arm.units),
        words.number(arm.ripe),
        "" if arm.estimate is None else words.number(arm.estimate),
        _ends(arm.interval),
        _ends(arm.difference),
    )


def _ends(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else " to ".join(map(words.number, interval))
