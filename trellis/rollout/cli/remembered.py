"""What a controller remembers of a rollout, as a command may read it."""

from pydantic import ValidationError

from trellis.contracts.rollout_status import RolloutView
from trellis.rollout.cli.places import PlaceError
from trellis.rollout.plan.memory import Memory, recall


def remembered(view: RolloutView) -> Memory:
    """The memory in its status. Raises ``PlaceError`` where another version's controller wrote it."""
    try:
        return recall(view.status)
    except ValidationError:
        raise PlaceError(
            f"rollout {view.name!r}: the controller that wrote its status is of another version;"
            " ask by that version of Trellis"
        ) from None
