"""``python -m tests.bench.rollout``: what the evidence catches beside its peers' rules, and its cost."""

import argparse
import sys

import numpy as np

from tests.bench.processes import ROOT
from tests.bench.report import Section, write
from tests.bench.rollout import cost, delays, kept, pictures, promises, report, shipped, tuned

_SEED = 2026
_SECTION = Section("measured", "Evidence", "evidence-bad-requests.svg")


def main() -> int:
    """Prints the tables, and writes ``docs/evidence.md`` and its pictures where asked to."""
    given = _arguments()
    rollouts: int = given.rollouts
    cells = tuned.measure(rollouts, np.random.default_rng(_SEED), _tell)
    _tell("promises, the rules as shipped, and on other traffic")
    text = report.document(
        promises.measure(rollouts),
        shipped.measure(rollouts, np.random.default_rng(_SEED)),
        cells,
        kept.measure(rollouts, np.random.default_rng(_SEED)),
        delays.measure(),
        cost.measure(),
        rollouts,
    )
    print(text)
    if given.write:
        images = ROOT / "docs" / "images"
        (images / _SECTION.image).write_bytes(pictures.bad_requests(cells))
        (images / "evidence-hours.svg").write_bytes(pictures.hours())
        write(ROOT / "docs" / "evidence.md", _SECTION, text)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.rollout", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=1000, help="drawn for each figure")
    parser.add_argument("--write", action="store_true", help="write the page and its pictures")
    return parser.parse_args()


def _tell(progress: str) -> None:
    print(f"  {progress}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
