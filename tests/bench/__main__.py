"""``python -m tests.bench``: measure the rows, print the table, write the page and the picture."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from tests.bench import footprint, machine, picture, report
from tests.bench.measure import Pace, measure
from tests.bench.processes import ROOT
from tests.bench.results import Measured
from tests.bench.workloads import ROWS, tomato

_FOOTPRINT = "footprint"


def main() -> int:
    """Returns 0; 2 where this machine or the arguments do not allow it."""
    given = _arguments()
    missing = _missing()
    if missing:
        print(f"bench: {missing}", file=sys.stderr)
        return 2
    scratch: Path = given.work.resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    wanted = given.rows or [*ROWS, _FOOTPRINT]
    pace = Pace(given.rounds, given.seconds, given.connections)
    about = machine.described()
    rows: list[Measured] = []
    for key in (key for key in ROWS if key in wanted):
        row = ROWS[key](scratch)
        found = Measured(row, measure(row, pace, scratch, _tell))
        rows.append(found)
        print(f"\n{row.title}\n{report.row_table(found)}\n", flush=True)
    feet = footprint.measure(tomato(scratch), scratch, _tell) if _FOOTPRINT in wanted else None
    if feet:
        print(f"\n{report.footprint_table(feet)}\n")
    print(report.verdict_table(report.verdicts(rows, feet)))
    if given.write or not given.rows:
        page = ROOT / "docs" / "benchmarks.md"
        image = ROOT / "docs" / "images" / "benchmarks.svg"
        image.parent.mkdir(exist_ok=True)
        image.write_text(picture.draw(rows), encoding="utf-8")
        report.write(page, report.document(rows, feet, about, pace))
        print(f"\nwritten: {page.relative_to(ROOT)}, {image.relative_to(ROOT)}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help=f"of {', '.join([*ROWS, _FOOTPRINT])}; all by default",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often they take turns")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one window")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--work", type=Path, default=ROOT / "artifacts" / "bench")
    parser.add_argument(
        "--write", action="store_true", help="write the page with the rows chosen too"
    )
    given = parser.parse_args()
    unknown = [key for key in given.rows if key not in (*ROWS, _FOOTPRINT)]
    if unknown:
        parser.error(f"unknown row {unknown[0]!r}; known: {', '.join([*ROWS, _FOOTPRINT])}")
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
