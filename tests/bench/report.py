"""The results as Markdown: ratios first, then every contestant's figures."""

from collections.abc import Sequence
from pathlib import Path

from tests.bench.footprint import Footprint
from tests.bench.measure import Pace
from tests.bench.results import Measured, Verdict, footprint_verdicts

_START, _END = "<!-- measured: start -->", "<!-- measured: end -->"


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """Target against result, a line each."""
    lines = ["| work | target | measured | by CPU seconds | |", "|---|--:|--:|--:|---|"]
    lines += [
        f"| {verdict.what} | {verdict.wanted} | {verdict.got} | {verdict.by_cpu} | {'reached' if verdict.reached else '**missed**'} |"
        for verdict in verdicts
    ]
    return "\n".join(lines)


def row_table(measured: Measured) -> str:
    """Every contestant's figures."""
    lines = [
        "| | requests/s | p50 ms | p95 ms | p99 ms | CPU-s per 1,000 | resident MB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for title, window in measured.windows.items():
        times = " | ".join(f"{value:.2f}" for value in (window.p50, window.p95, window.p99))
        lines.append(
            f"| {title} | {window.rate:,.{0 if window.rate >= 100 else 1}f} | {times} | "
            f"{window.cpu_per_1000:.3f} | {window.resident_mb:.0f} |"
        )
    return "\n".join(lines)


def footprint_table(found: dict[str, Footprint]) -> str:
    """Start, memory and size."""
    lines = ["| | start to ready s | resident MB | installed MB |", "|---|--:|--:|--:|"]
    lines += [
        f"| {title} | {f.seconds_to_ready:.2f} | {f.resident_mb:.0f} | {f.installed_mb:,.0f} |"
        for title, f in found.items()
    ]
    return "\n".join(lines)


def verdicts(rows: Sequence[Measured], footprint: dict[str, Footprint] | None) -> list[Verdict]:
    """Of all rows and the footprint."""
    found = [verdict for measured in rows for verdict in measured.verdicts()]
    return found + (footprint_verdicts(footprint) if footprint else [])


def document(
    rows: Sequence[Measured],
    footprint: dict[str, Footprint] | None,
    machine: Sequence[tuple[str, str]],
    pace: Pace,
) -> str:
    """What stands between the markers of ``docs/benchmarks.md``."""
    parts = [
        "## Ratios",
        verdict_table(verdicts(rows, footprint)),
        "![Requests per second of each contestant](images/benchmarks.svg)",
        "## Figures",
        (
            f"{pace.connections} connections; the middle of {pace.rounds} windows of {pace.seconds:g} s each, "
            "longer where a server would not answer every connection twice in that time."
        ),
    ]
    for measured in rows:
        parts += [f"### {measured.row.title}", row_table(measured), *measured.row.notes]
    if footprint:
        parts += ["### Start, memory, size (`tomato`)", footprint_table(footprint)]
    parts += ["## Machine and versions", "| | |\n|---|---|\n" + _lines(machine)]
    return "\n\n".join(parts)


def write(page: Path, measured: str) -> None:
    """Replace what stands between the page's markers; the rest of it is written by hand.

    Raises ``ValueError`` where the page has no markers.
    """
    before, _, rest = page.read_text(encoding="utf-8").partition(_START)
    _, found, after = rest.partition(_END)
    if not found:
        raise ValueError(f"{page.name} has no markers {_START} and {_END}")
    page.write_text(f"{before}{_START}\n\n{measured}\n\n{_END}{after}", encoding="utf-8")


def _lines(pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in pairs)
