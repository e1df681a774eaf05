"""What was asked for at the last bring-up, so that running it again repairs and removes nothing."""

import json
from pathlib import Path

from scripts.cluster.supply import EXTRAS


def extras(state: Path, asked: tuple[str, ...] | None) -> frozenset[str]:
    """What is asked for now, else what was asked for last; kept for the next time."""
    file = state / "extras.json"
    if asked is None:
        return frozenset(_kept(file)) & EXTRAS.keys()
    state.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(sorted(asked)))
    return frozenset(asked)


def forget(state: Path) -> None:
    """Begin anew: nothing was asked for."""
    (state / "extras.json").unlink(missing_ok=True)


def _kept(file: Path) -> list[str]:
    try:
        return list(json.loads(file.read_text()))
    except (OSError, ValueError):
        return []
