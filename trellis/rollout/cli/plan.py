"""``trellis plan``: requests and hours until a regression is caught at a weight, and steps that fit."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trellis.contracts.rollout import COUNTED, RolloutSpec, Step
from trellis.contracts.rollout_status import RolloutView
from trellis.rollout.cli.arguments import share_argument, span_argument
from trellis.rollout.cli.choosing import chosen, parse, place_options
from trellis.rollout.cli.output import complain, console, run, say, tell
from trellis.rollout.cli.specs import spec_in
from trellis.rollout.cli.words import wait

if TYPE_CHECKING:
    from trellis.rollout.planning.outlook import Outlook
    from trellis.rollout.planning.rates import Regression


def main(argv: Sequence[str]) -> int:
    """0; 1 where a file or rollout is not there; 2 on misuse."""
    parser = _parser()
    options = parse(parser, argv)
    if options.name and options.file:
        parser.error("give NAME or --file")
    if options.output is not None and options.output.suffix != ".svg":
        parser.error("--output: expected a name that ends in .svg")
    return run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    rates: dict[str, float] = {}
    if options.name:
        async with chosen(options) as place:
            view = await place.rollout(options.name)
        spec, rates = view.spec, seen_rates(view)
    elif options.file:
        spec = spec_in(options.file)
    else:
        spec = RolloutSpec(inference_service="any")
    rates |= dict(options.rate)
    if not rates:
        return complain("say what stable does now, as --rate errors=0.5%", 2)
    try:
        return _answer(options, spec, rates)
    except ValueError as error:
        return complain(str(error), 2)


def _answer(options: argparse.Namespace, spec: RolloutSpec, rates: Mapping[str, float]) -> int:
    from trellis.rollout.planning.outlook import outlook
    from trellis.rollout.planning.picture import render_svg
    from trellis.rollout.planning.proposal import propose_steps
    from trellis.rollout.planning.table import render_text

    regression = _regression(options)
    per_second: float = options.requests_per_second
    found = outlook(spec, rates, per_second, regression, options.weights)
    for line in render_text(found, console().width).splitlines():
        say(line)
    _sum_up(found)
    steps = propose_steps(spec, rates, per_second, regression, options.patience)
    say("")
    say("proposed steps:")
    for step in steps:
        say(f"  - {_written(step)}")
    if options.output is not None:
        try:
            options.output.write_bytes(render_svg(found))
        except OSError as error:
            return complain(f"{options.output} cannot be written: {error.strerror}", 1)
        tell(f"{options.output} has the picture")
    return 0


def _regression(options: argparse.Namespace) -> "Regression | None":
    from trellis.rollout.planning.rates import Regression

    if options.ratio is None and options.canary_rate is None:
        return None
    return Regression(options.ratio, options.canary_rate)


def _sum_up(found: "Outlook") -> None:
    for weight in sorted({row.weight for row in found.weights}):
        say(
            f"at {weight} %: caught within {wait(found.caught_seconds(weight))}, "
            f"a version like stable passes within {wait(found.passed_seconds(weight))}"
        )


def _written(step: Step) -> str:
    return f"{{weight: {step.weight}, minimumTime: {step.minimum_time}}}"


def seen_rates(view: RolloutView) -> dict[str, float]:
    """Stable's, by guardrail, as the rollout's last verdict has counted them."""
    counted = {g.name for g in view.spec.guardrails if g.metric in COUNTED - {"restarts"}}
    verdicts = view.status.verdict.guardrails if view.status.verdict else ()
    return {
        verdict.name: verdict.stable.events / verdict.stable.total
        for verdict in verdicts
        if verdict.name in counted and verdict.stable.total
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trellis plan",
        description=__doc__.partition(":")[2],
        parents=[place_options()],
        allow_abbrev=False,
    )
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="a rollout: its guardrails, and stable's rates"
    )
    parser.add_argument("--file", type=Path, help="YAML with a Rollout: its steps and guardrails")
    parser.add_argument(
        "--requests_per_second", type=float, required=True, metavar="N", help="to both versions"
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        action="append",
        default=[],
        metavar="GUARDRAIL=SHARE",
        help="stable's now, as errors=0.5%% or 'latency>250ms=1%%'; more than once",
    )
    worse = parser.add_mutually_exclusive_group()
    worse.add_argument("--ratio", type=float, help="the regression, as a multiple of stable's rate")
    worse.add_argument(
        "--canary_rate",
        type=share_argument,
        metavar="SHARE",
        help="the regression, as 2%% of its requests",
    )
    parser.add_argument(
        "--weights", type=_weights, metavar="5,20,50", help="percent (default: those of the steps)"
    )
    parser.add_argument(
        "--patience",
        type=span_argument,
        default=3600.0,
        metavar="1h",
        help="within which proposed steps catch the regression (1h)",
    )
    parser.add_argument("--output", type=Path, metavar="PLAN.svg", help="the picture too")
    return parser


def _rate(text: str) -> tuple[str, float]:
    name, equals, part = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}, expected GUARDRAIL=SHARE, as errors=0.5%")
    return name, share_argument(part)


def _weights(text: str) -> tuple[int, ...]:
    weights = tuple(int(word) for word in text.split(",") if word.strip().isdigit())
    if len(weights) != len(text.split(",")) or not all(1 <= weight <= 99 for weight in weights):
        raise argparse.ArgumentTypeError(f"{text!r}, expected percents from 1 to 99, as 5,20,50")
    return weights
