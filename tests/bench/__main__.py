"""``python -m tests.bench``: measure the rows, print the table, write the page and the picture."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bench import footprint, machine, picture, report
from tests.bench.gateway import assignment, jobs, overhead, polls
from tests.bench.gateway.figures import Figures
from tests.bench.gateway.rows import ROWS as GATEWAY_ROWS
from tests.bench.measure import Pace, Tell, measure
from tests.bench.processes import ROOT
from tests.bench.report import Section
from tests.bench.results import Measured
from tests.bench.workloads import ROWS, tomato

#: What is measured of the gateway beside its rows, by key.
FIGURES: dict[str, Callable[[Path, Pace, Tell], Figures]] = {
    module.KEY: module.measure for module in (overhead, assignment, jobs, polls)
}
_FOOTPRINT = "footprint"
_ALL = [*ROWS, *GATEWAY_ROWS, *FIGURES, _FOOTPRINT]
#: Where a run keeps what no later one may find: the Redis of one run would answer the next.
_RUN = "run"


def main() -> int:
    """Returns 0; 2 where this machine or the arguments do not allow it."""
    given = _arguments()
    missing = _missing()
    if missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 2
    scratch: Path = given.scratch.resolve()
    shutil.rmtree(scratch / _RUN, ignore_errors=True)
    (scratch / _RUN).mkdir(parents=True)
    wanted = given.rows or _ALL
    pace = Pace(given.rounds, given.seconds, given.connections)
    about = machine.described()
    serving = Section("measured", "Serving", "benchmarks.svg")
    gateway = Section("gateway", "Gateway", "benchmarks-gateway.svg")
    for section, rows, folder in (
        (serving, ROWS, scratch),
        (gateway, GATEWAY_ROWS, scratch / _RUN),
    ):
        for key in (key for key in rows if key in wanted):
            row = rows[key](folder)
            found = Measured(row, measure(row, pace, folder, _tell))
            section.rows.append(found)
            print(f"\n{row.title}\n{report.row_table(found)}\n", flush=True)
    for key in (key for key in FIGURES if key in wanted):
        figures = FIGURES[key](scratch / _RUN, pace, _tell)
        gateway.figures.append(figures)
        print(f"\n{figures.title}\n{report.figures_table(figures)}\n", flush=True)
    feet = footprint.measure(tomato(scratch), scratch, _tell) if _FOOTPRINT in wanted else None
    if feet:
        print(f"\n{report.footprint_table(feet)}\n")
    verdicts = report.verdicts([*serving.rows, *gateway.rows], feet)
    verdicts += [verdict for figures in gateway.figures for verdict in figures.verdicts]
    print(report.verdict_table(verdicts))
    if given.write or not given.rows:
        _write(serving, feet, about, pace)
        _write(gateway, None, about, pace)
    return 0


def _write(
    section: Section,
    feet: dict[str, footprint.Footprint] | None,
    about: list[tuple[str, str]],
    pace: Pace,
) -> None:
    """Nothing where no row of the section was measured."""
    if not section.rows:
        return
    page = ROOT / "docs" / "benchmarks.md"
    image = ROOT / "docs" / "images" / section.image
    image.parent.mkdir(exist_ok=True)
    image.write_text(picture.draw(section.rows), encoding="utf-8")
    report.write(page, section, report.document(section, feet, about, pace))
    print(f"\nwritten: {page.relative_to(ROOT)}, {image.relative_to(ROOT)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help=f"of {', '.join(_ALL)}; all by default",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often they take turns")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one window")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--scratch", type=Path, default=ROOT / "artifacts" / "bench")
    parser.add_argument(
        "--write", action="store_true", help="write the page with the rows chosen too"
    )
    given = parser.parse_args()
    unknown = [key for key in given.rows if key not in _ALL]
    if unknown:
        parser.error(f"unknown row {unknown[0]!r}; known: {', '.join(_ALL)}")
    return given


def _missing() -> str:
    """What this machine lacks, in a sentence."""
    if len(os.sched_getaffinity(0)) < 2:
        return "needs two cores, one for the server and one for the load"
    if shutil.which("taskset") is None:
        return "needs taskset (package util-linux) to hold processes to a core"
    return ""


def _tell(progress: str) -> None:
    print(f"  {progress}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
