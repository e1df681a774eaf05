"""``trellis rollout list``: one line each."""

from trellis.contracts.rollout_status import RolloutView, RolloutViews
from trellis.rollout.cli.output import document, table, tell
from trellis.rollout.cli.places import Place

_COLUMNS = ("NAME", "PHASE", "STEP", "WEIGHT", "STABLE", "CANARY", "VERDICT", "MESSAGE")
_LONGEST = 100


async def list_rollouts(place: Place, form: str) -> int:
    """Print them; none is no error."""
    views = await place.rollouts()
    if form != "text":
        document(RolloutViews(rollouts=views), form)
        return 0
    if not views:
        tell("there is no rollout")
        return 0
    table(_COLUMNS, map(_row, views))
    return 0


def _row(view: RolloutView) -> tuple[str, ...]:
    status = view.status
    message = status.message
    return (
        view.name,
        status.phase,
        f"{status.step}/{len(view.spec.steps)}" if status.step else "-",
        f"{status.weight}%" if status.canary else "-",
        status.stable.version if status.stable else "-",
        status.canary.version if status.canary else "-",
        status.verdict.kind if status.verdict and status.canary else "-",
        message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…",
    )
