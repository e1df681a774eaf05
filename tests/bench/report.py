"""The results as Markdown: ratios first, then every contestant's figures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.footprint import Footprint
from tests.bench.gateway.figures import Figures
from tests.bench.measure import Pace
from tests.bench.results import Measured, Verdict, footprint_verdicts


@dataclass
class Section:
    """A part of the page with markers and a picture of its own."""

    key: str
    title: str
    image: str
    rows: list[Measured] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)


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


def figures_table(found: Figures) -> str:
    """What was seen."""
    lines = [found.header, ("---", *("--:" for _ in found.header[1:])), *found.lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def document(
    section: Section,
    footprint: dict[str, Footprint] | None,
    machine: Sequence[tuple[str, str]],
    pace: Pace,
) -> str:
    """What stands between a section's markers in ``docs/benchmarks.md``."""
    found = verdicts(section.rows, footprint)
    found += [verdict for figures in section.figures for verdict in figures.verdicts]
    parts = [
        f"## {section.title}: ratios",
        verdict_table(found),
        f"![Requests per second of each contestant](images/{section.image})",
        f"## {section.title}: figures",
        (
            f"{pace.connections} connections; the middle of {pace.rounds} windows of {pace.seconds:g} s each, "
            "longer where a server would not answer every connection twice in that time."
        ),
    ]
    for measured in section.rows:
        parts += [f"### {measured.row.title}", row_table(measured), *measured.row.notes]
    if footprint:
        parts += ["### Start, memory, size (`tomato`)", footprint_table(footprint)]
    for figures in section.figures:
        parts += [f"### {figures.title}", figures_table(figures), figures.note]
    parts += [f"## {section.title}: machine and versions", "| | |\n|---|---|\n" + _lines(machine)]
    return "\n\n".join(parts)


def write(page: Path, section: Section, measured: str) -> None:
    """Replace what stands between a section's markers; the rest of the page is written by hand.

    Raises ``ValueError`` where the page has no such markers.
    """
    start, end = (f"<!-- {section.key}: {edge} -->" for edge in ("start", "end"))
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{page.name} has no markers {start} and {end}")
    page.write_text(f"{before}{start}\n\n{measured}\n\n{end}{after}", encoding="utf-8")


def _lines(pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in pairs)
