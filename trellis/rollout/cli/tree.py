"""A rollout as a tree: ``trellis rollout get`` prints one, ``watch`` draws it again and again."""

import math
from collections.abc import Callable, Iterator

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from trellis.contracts.rollout import Guardrail, RolloutSpec
from trellis.contracts.rollout_status import GuardrailVerdict, RolloutStatus, RolloutView, Side
from trellis.rollout.cli.output import clean
from trellis.rollout.cli.words import amount, meter, moment
from trellis.rollout.evidence import words
from trellis.rollout.plan.estimates import canary_requests
from trellis.rollout.plan.words import span

#: The newest lines of the history; `trellis rollout history` has all.
HISTORY_LINES = 5

_COLOURS = {
    "Progressing": "cyan",
    "Promoting": "cyan",
    "Promoted": "green",
    "Paused": "yellow",
    "Waiting": "yellow",
    "RollingBack": "red",
    "RolledBack": "red",
    "Refused": "red",
}
_STATES = {"harm": "red", "within": "green", "undecided": "", "blind": "yellow"}


def draw(view: RolloutView, when: Callable[[float], str] = moment) -> Tree:
    """The whole of it; ``when`` says seconds since 1970 as a person reads them."""
    status, spec = view.status, view.spec
    tree = Tree(_title(view))
    for row in _sides(spec, status):
        tree.add(row)
    tree.add(_steps(spec, status))
    if status.verdict is not None:
        if status.verdict.guardrails:
            tree.add("guardrails").add(_guardrails(spec, status.verdict.guardrails))
        tree.add(_verdict(status))
    if status.conditions:
        tree.add(_conditions(status))
    if status.history:
        branch = tree.add("history")
        for line in _history(status, when):
            branch.add(line)
    return tree


def _title(view: RolloutView) -> Text:
    status = view.status
    title = Text.assemble(
        (clean(view.name), "bold"), "  ", (status.phase, f"bold {_COLOURS.get(status.phase, '')}")
    )
    if status.message:
        title.append(f"\n{clean(status.message)}")
    return title


def _sides(spec: RolloutSpec, status: RolloutStatus) -> Iterator[Text]:
    of_canary = status.weight if status.canary is not None else 0
    verdicts = status.verdict.guardrails if status.verdict else ()
    turned = tuple(verdict.model_copy(update={"canary": verdict.stable}) for verdict in verdicts)
    if status.canary is not None:
        yield _side("canary", status.canary, of_canary, canary_requests(spec, verdicts))
    if status.stable is not None:
        yield _side("stable", status.stable, 100 - of_canary, canary_requests(spec, turned))


def _side(role: str, side: Side, weight: int, observed: float) -> Text:
    line = Text.assemble(f"{role}  ", (clean(side.version), "bold"))
    line.append(f"  {meter(weight, 100)} {weight} %  {clean(side.revision)}")
    if observed:
        line.append(f"  {words.number(observed)} observed")
    return line


def _steps(spec: RolloutSpec, status: RolloutStatus) -> Text:
    line = Text("steps  ")
    for number, step in enumerate(spec.steps, 1):
        style = "bold cyan" if number == status.step else "dim" if number < status.step else ""
        line.append(f"{step.weight} %", style)
        line.append(" → ", "dim")
    line.append("100 %", "bold green" if status.phase == "Promoted" else "")
    return line


def _guardrails(spec: RolloutSpec, verdicts: tuple[GuardrailVerdict, ...]) -> Table:
    by_name = {guardrail.name: guardrail for guardrail in spec.guardrails}
    grid = Table.grid(padding=(0, 2))
    for verdict in verdicts:
        grid.add_row(
            clean(verdict.name),
            Text(verdict.state, _STATES[verdict.state]),
            _interval(by_name.get(verdict.name), verdict),
            _evidence("harm", verdict.log_e_harm, verdict.log_e_needed, "red"),
            _evidence("within", verdict.log_e_within, -math.log(spec.alpha), "green"),
        )
    return grid


def _interval(guardrail: Guardrail | None, verdict: GuardrailVerdict) -> str:
    parts = []
    if verdict.estimate is not None:
        parts.append(amount(guardrail, verdict.estimate))
    if verdict.interval is not None:
        low, high = (amount(guardrail, end) for end in verdict.interval)
        parts.append(f"[{low}, {high}]")
    if verdict.margin is not None:
        parts.append(f"margin {amount(guardrail, verdict.margin)}")
    return " ".join(parts)


def _evidence(what: str, log_e: float, needed: float, style: str) -> Text:
    return Text.assemble(
        f"{what} ",
        (meter(log_e, needed), style),
        f" e {words.e_value(log_e)} of {words.e_value(needed)}",
    )


def _verdict(status: RolloutStatus) -> Text:
    verdict = status.verdict
    if verdict is None:
        return Text("")
    line = Text.assemble("verdict  ", (verdict.kind, "bold"))
    if verdict.message not in status.message:
        line.append(f": {clean(verdict.message)}")
    if verdict.estimated_seconds:
        line.append(f"\nestimate  {span(verdict.estimated_seconds)} until the next step")
    return line


def _conditions(status: RolloutStatus) -> Text:
    line = Text("conditions")
    for condition in status.conditions:
        bright = condition.status == "True"
        line.append(f"  {condition.type}={condition.status}", "bold" if bright else "dim")
        if bright:
            line.append(f" ({clean(condition.reason)})")
    return line


def _history(status: RolloutStatus, when: Callable[[float], str]) -> Iterator[Text]:
    for entry in reversed(status.history[-HISTORY_LINES:]):
        by = f" by {clean(entry.actor)}" if entry.actor else ""
        yield Text.assemble(
            (when(entry.time), "dim"),
            "  ",
            (f"{entry.what}{by}", "bold"),
            f"  {clean(entry.version)}  {clean(entry.message)}",
            no_wrap=True,
            overflow="ellipsis",
        )
