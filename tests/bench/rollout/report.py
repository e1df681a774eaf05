"""What was measured, as Markdown."""

import math
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from tests.bench import machine
from tests.bench.rollout.cost import Cost
from tests.bench.rollout.delays import RATIOS, Delay
from tests.bench.rollout.kept import Kept
from tests.bench.rollout.promises import Broken
from tests.bench.rollout.shipped import WORSE, Mistakes
from tests.bench.rollout.tuned import Cell

_MOST_MICROSECONDS, _MOST_BYTES = 50, 64 * 1024


def document(
    broken: Sequence[Broken],
    mistakes: Sequence[Mistakes],
    cells: Sequence[Cell],
    kept: Sequence[Kept],
    delays: Sequence[Delay],
    costs: Sequence[Cost],
    rollouts: int,
) -> str:
    """What stands between the page's markers."""
    reached = sum(cell.reached for cell in cells)
    parts = [
        "## False alarms at the margin",
        promises_table(broken),
        "## As shipped",
        shipped_table(mistakes),
        "## All tuned to 1 % of false rollbacks",
        f"Trellis lets no more bad requests through than either peer in {reached} of {len(cells)} cells.",
        tuned_table(cells),
        "![Bad canary requests until the rollback, by weight and by stable's errors](images/evidence-bad-requests.svg)",
        "### The same rules on other traffic",
        kept_table(kept),
        "## Power and delay",
        delay_table(delays),
        "![Hours until evidence by weight](images/evidence-hours.svg)",
        "## Cost",
        cost_table(costs),
        "## Machine and versions",
        machine_table(rollouts),
    ]
    return "\n\n".join(parts)


def promises_table(broken: Iterable[Broken]) -> str:
    """Parts of the rollouts in which something false was ever said."""
    rows = []
    for one in broken:
        low, high = one.bounds()
        within = "" if one.within is None else _percent(one.within / one.rollouts)
        harm = f"{_percent(one.harm / one.rollouts)} ({_percent(low)} to {_percent(high)})"
        rows.append([one.title, f"{one.rollouts:,}", harm, within])
    return _table(["traffic", "rollouts", "called harmful", "called within"], rows)


def shipped_table(mistakes: Iterable[Mistakes]) -> str:
    """Both kinds of mistakes, and what they cost."""
    header = ["rule", "fine version rolled back"]
    for rate in WORSE:
        header += [f"{_percent(rate)} errors: not rolled back", "bad requests"]
    rows = []
    for one in mistakes:
        row = [one.shipped.title, _percent(one.false_rollbacks)]
        for missed, bad in zip(one.missed, one.bad_requests, strict=True):
            what = f"{_percent(missed)}, {one.shipped.otherwise}" if missed else "0 %"
            row += [what, f"{bad:,.0f}"]
        rows.append(row)
    return _table(header, rows)


def tuned_table(cells: Iterable[Cell]) -> str:
    """Bad requests of each rule."""
    rows = [
        [
            f"{cell.weight} %",
            _percent(cell.base),
            _percent(cell.canary),
            f"{cell.shipped:,.0f}",
            f"{cell.trellis:,.0f}",
            f"{cell.flagger:,.0f}",
            f"{cell.argo:,.0f}",
            "" if cell.reached else f"{cell.trellis / min(cell.flagger, cell.argo):.2f}x",
        ]
        for cell in cells
    ]
    header = [
        "weight", "stable's errors", "canary's errors", "Trellis as shipped", "Trellis", "Flagger",
        "Argo Rollouts", "**more than a peer**",
    ]  # fmt: skip
    return _table(header, rows)


def kept_table(kept: Iterable[Kept]) -> str:
    """False rollbacks on three kinds of traffic."""
    rows = [[one.title, *map(_percent, (one.hour, one.day, one.shaken))] for one in kept]
    return _table(
        ["fine versions rolled back by", "an hour, as tuned", "a day", "an hour with shocks"], rows
    )


def delay_table(delays: Iterable[Delay]) -> str:
    """Canary requests by which half and four fifths of all rollouts have found something."""
    header = ["stable's errors", "weight"]
    header += [f"{ratio:g} times the errors: rolled back" for ratio in RATIOS]
    header.append("like stable: within the margin")
    rows = []
    for delay in delays:
        waits = [row.caught for row in delay.by_ratio] + [delay.by_ratio[0].passed]
        told = [
            f"{_number(wait.median)} / {_number(wait.most)} ({_hours(delay.hours(wait.most))})"
            for wait in waits
        ]
        rows.append([_percent(delay.base), f"{delay.weight} %", *told])
    return _table(header, rows)


def cost_table(costs: Iterable[Cost]) -> str:
    """Against the bounds that the project set itself."""
    header = [
        "guardrail", f"µs a look (≤ {_MOST_MICROSECONDS})", "µs a judgement",
        f"bytes of state (≤ {_MOST_BYTES:,})",
    ]  # fmt: skip
    rows = [
        [cost.title, f"{cost.look:.0f}", f"{cost.judge:.0f}", f"{cost.state:,}"] for cost in costs
    ]
    return _table(header, rows)


def machine_table(rollouts: int) -> str:
    """Where the figures come from."""
    about = dict(machine.described())
    rows = [[name, about[name]] for name in ("date", "processor", "Python")]
    rows.append(["packages", ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))])
    rows.append(["rollouts drawn for each figure", f"{rollouts:,}"])
    return _table(["", ""], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *("--:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _percent(part: float) -> str:
    return f"{float(f'{100 * part:.2g}'):g} %"


def _number(requests: float) -> str:
    return "never" if math.isinf(requests) else f"{float(f'{requests:.2g}'):,.0f}"


def _hours(hours: float) -> str:
    if math.isinf(hours):
        return "never"
    return f"{60 * hours:.2g} min" if hours < 2 else f"{hours:.2g} h"
