"""What was measured of a controller, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from tests.bench import machine
from tests.bench.controller.measured import Acted, Steady, median_and_worst

_MOST_CORES, _MOST_MB, _MOST_SECONDS = 0.5, 300, 10


@dataclass(frozen=True)
class Found:
    """All of a run; ``starts`` are seconds, ``acted`` is by what the others did meanwhile."""

    services: int
    rate: float
    starts: Mapping[str, float]
    steady: Sequence[Steady]
    acted: Mapping[str, Sequence[Acted]]


def document(found: Found) -> str:
    """What stands between the page's markers."""
    tables = (
        limits_table(found),
        steady_table(found.steady),
        acted_table(found.acted),
        starts_table(found.starts),
        machine_table(found),
    )
    return "\n\n".join(tables)


def limits_table(found: Found) -> str:
    """Each limit, what was measured, and their ratio."""
    rows = []
    for one in found.steady:
        rows += [
            _held(f"{one.title}: CPU", _MOST_CORES, one.cores, "cores", 2),
            _held(f"{one.title}: resident at the end", _MOST_MB, one.resident, "MB", 0),
            _held(f"{one.title}: resident, the peak so far", _MOST_MB, one.peak, "MB", 0),
        ]
    for title, acted in found.acted.items():
        median, worst = median_and_worst([one.total for one in acted])
        what = f"first errors to weight 0, {title}"
        rows.append(_held(f"{what}: median of {len(acted)}", _MOST_SECONDS, median, "s", 1))
        rows.append(_held(f"{what}: worst", _MOST_SECONDS, worst, "s", 1))
    header = [f"{found.services:,} Rollouts", "limit", "measured", "of the limit"]
    return _table(header, rows)


def steady_table(steady: Iterable[Steady]) -> str:
    """What the controller did meanwhile."""
    header = ["over", "seconds", "cores", "passes/s", "pages read/s", "resident MB", "peak MB"]
    rows = [
        [
            one.title,
            f"{one.seconds:.0f}",
            f"{one.cores:.3f}",
            f"{one.passes:.1f}",
            f"{one.pages:.0f}",
            f"{one.resident:.0f}",
            f"{one.peak:.0f}",
        ]
        for one in steady
    ]
    return _table(header, rows)


def acted_table(acted: Mapping[str, Sequence[Acted]]) -> str:
    """Of what the seconds to a rollback are made."""
    header = [
        "a canary errs", "times", "until the look that decided: median / worst s",
        "from that look to weight 0: median / worst s", "looks with errors: most",
    ]  # fmt: skip
    rows = [
        [
            title,
            str(len(some)),
            _both([one.until_evidence for one in some]),
            _both([one.own for one in some]),
            str(max(one.looks for one in some)),
        ]
        for title, some in acted.items()
    ]
    return _table(header, rows)


def starts_table(starts: Mapping[str, float]) -> str:
    """Until every Rollout had a pass."""
    rows = [[what, f"{seconds:.1f}"] for what, seconds in starts.items()]
    return _table(["start", "seconds until each Rollout had a pass"], rows)


def machine_table(found: Found) -> str:
    """Where the figures come from."""
    about = dict(machine.described())
    rows = [[name, about[name]] for name in ("date", "processor", "memory", "Python")]
    names = ("aiohttp", "orjson", "numpy", "pydantic")
    rows.append(["packages", ", ".join(f"{name} {version(name)}" for name in names)])
    rows.append(["requests to each service", f"{found.rate:g}/s"])
    return _table(["", ""], rows)


def _held(what: str, most: float, got: float, unit: str, digits: int) -> list[str]:
    ratio = f"{got / most:.2f}" if got <= most else f"**{got / most:.2f}**"
    return [what, f"{most:g} {unit}", f"{got:.{digits}f} {unit}", ratio]


def _both(seconds: Sequence[float]) -> str:
    median, worst = median_and_worst(seconds)
    return f"{median:.2f} / {worst:.2f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---", *("--:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
