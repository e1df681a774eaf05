"""``trellis simulate``: a recorded or invented history through the code that decides in earnest."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from trellis.contracts.amounts import seconds
from trellis.contracts.rollout import DEFAULT_GUARDRAILS, RolloutSpec
from trellis.contracts.rollout_status import RolloutView
from trellis.rollout.cli.arguments import share_argument, span_argument
from trellis.rollout.cli.output import complain, console, run, say
from trellis.rollout.cli.places import PlaceError
from trellis.rollout.cli.specs import spec_in
from trellis.rollout.plan.words import clip, span

if TYPE_CHECKING:
    from trellis.rollout.simulate.behaviour import Traffic
    from trellis.rollout.simulate.rehearsal import Counters, Moment

_LONGEST = 100


def main(argv: Sequence[str]) -> int:
    """0 however the rollout ends; 1 where a file is not there; 2 on misuse."""
    options = _parser().parse_args(argv)
    return run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    spec = spec_in(options.file) if options.file else _usual(by_user=options.users is not None)
    longest = options.longest or seconds(spec.deadline) + (options.span or 0.0)
    with contextlib.ExitStack() as files:
        record = files.enter_context(_opened(options.record, "w")) if options.record else None
        try:
            counters = _counters(options, spec, files)
            last = _play(spec, counters, longest, record)
        except ValueError as error:
            return complain(str(error), 2)
    if last is None:
        return complain("there was no look at all", 1)
    _show(spec, last)
    return 0


def _usual(*, by_user: bool) -> RolloutSpec:
    """Without a file; no user has restarts."""
    guardrails = tuple(
        guardrail
        for guardrail in DEFAULT_GUARDRAILS
        if not (by_user and guardrail.metric == "restarts")
    )
    return RolloutSpec(inference_service="simulated", guardrails=guardrails)


def _counters(
    options: argparse.Namespace, spec: RolloutSpec, files: contextlib.ExitStack
) -> "Counters":
    from trellis.rollout.simulate.records import read
    from trellis.rollout.simulate.rehearsal import Invented, Recorded

    if options.replay is not None:
        return Recorded(read(files.enter_context(_opened(options.replay, "r"))))
    return Invented(spec, _traffic(options), options.seed, options.span)


def _traffic(options: argparse.Namespace) -> "Traffic":
    from trellis.rollout.simulate.behaviour import Behaviour, LogNormal, Population, Traffic

    population = None
    if options.users is not None:
        population = Population(
            users=options.users, prone=options.prone, canary_prone=options.canary_prone
        )
    return Traffic(
        stable=Behaviour(options.stable_errors, LogNormal(options.stable_latency)),
        canary=Behaviour(options.canary_errors, LogNormal(options.canary_latency)),
        requests_per_second=options.requests_per_second,
        population=population,
    )


def _play(
    spec: RolloutSpec, counters: "Counters", longest: float, record: TextIO | None
) -> "Moment | None":
    """The last moment; a line for each that changes what is done."""
    from trellis.rollout.simulate.rehearsal import rehearse

    last, before = None, None
    for last in rehearse(spec, counters, longest):
        if record is not None:
            record.write(f"{last.recorded.line()}\n")
        status = last.status
        now = (status.phase, status.weight, status.verdict.kind if status.verdict else "")
        if now != before:
            before = now
            phase, weight, kind = now
            said = status.verdict.message if status.verdict else ""
            say(f"{span(last.at):>8}  {phase:<12} {weight:>3} %  {kind}: {clip(said, _LONGEST)}")
    return last


def _show(spec: RolloutSpec, last: "Moment") -> None:
    from trellis.rollout.cli.tree import draw

    status = last.status
    began = status.history[0].time if status.history else 0.0
    say("")
    view = RolloutView(name=spec.inference_service, spec=spec, status=status)
    console().print(draw(view, lambda at: span(at - began)))


@contextlib.contextmanager
def _opened(path: Path, mode: Literal["r", "w"]) -> Iterator[TextIO]:
    try:
        file = path.open(mode, encoding="utf-8")
    except OSError as error:
        raise PlaceError(f"{path} cannot be opened: {error.strerror}") from None
    with file:
        yield file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trellis simulate", description=__doc__.partition(":")[2], allow_abbrev=False
    )
    parser.add_argument("--file", type=Path, help="YAML with a Rollout (default: its defaults)")
    parser.add_argument("--replay", type=Path, metavar="LOOKS.jsonl", help="a recorded history")
    parser.add_argument("--record", type=Path, metavar="LOOKS.jsonl", help="write the looks down")
    parser.add_argument("--longest", type=span_argument, metavar="24h", help="(the deadline)")
    invented = parser.add_argument_group("an invented history")
    invented.add_argument("--seed", type=int, default=1, help="the same invents the same (1)")
    invented.add_argument("--requests_per_second", type=float, default=20.0, metavar="N")
    invented.add_argument(
        "--span", type=span_argument, help="of a look (5s, or as long as 20 requests take)"
    )
    for version, worse in (("stable", ""), ("canary", " of the version on trial")):
        invented.add_argument(
            f"--{version}_errors",
            type=share_argument,
            default=0.001,
            metavar="0.1%%",
            help=f"share of requests that fail{worse}",
        )
        invented.add_argument(
            f"--{version}_latency",
            type=span_argument,
            default=0.05,
            metavar="50ms",
            help=f"median{worse}",
        )
    invented.add_argument("--users", type=int, help="who return, each to the same version")
    invented.add_argument(
        "--prone", type=share_argument, default=0.0, help="share of users with clustered errors"
    )
    invented.add_argument(
        "--canary_prone",
        type=share_argument,
        default=0.0,
        help="the same where they meet the canary",
    )
    return parser
