"""``trellis rollout history``: what was done, when, by whom and why."""

from trellis.contracts.rollout_status import HistoryEntry
from trellis.rollout.cli.output import table, tell
from trellis.rollout.cli.places import Place
from trellis.rollout.cli.words import moment

_COLUMNS = ("TIME (UTC)", "WHAT", "VERSION", "WEIGHT", "WHO", "WHY")


async def history(place: Place, name: str) -> int:
    """Print the newest fifty entries, the oldest first."""
    view = await place.rollout(name)
    if view.status.history:
        table(_COLUMNS, map(_row, view.status.history))
    else:
        tell(f"nothing was done with {name} yet")
    return 0


def _row(entry: HistoryEntry) -> tuple[str, ...]:
    return (
        moment(entry.time),
        entry.what,
        entry.version,
        "" if entry.weight is None else f"{entry.weight}%",
        entry.actor,
        entry.message,
    )
