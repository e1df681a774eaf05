"""Watches of experiments where several controllers ask for them, and one of them may know old shares only."""

from collections.abc import Callable

from trellis.rollout.events.store import FoldStore
from trellis.rollout.events.watch import Watch
from trellis.rollout.experiments.counting import UnitCounts


class HeardCounts(UnitCounts):
    """``heard`` says whether what the cluster has is known as it is now.

    While it is not, what this process asked for before is asked for no more: somebody else may have gone
    on from it, and each change back and forth begins an era. What it decides itself is asked for.
    """

    def __init__(self, store: FoldStore | None, heard: Callable[[], bool]) -> None:
        super().__init__(store)
        self._heard = heard
        self._asked: dict[str, Watch] = {}

    async def expect(self, watch: Watch) -> str:
        """See ``UnitCounts.expect``."""
        wanted = watch.model_copy(update={"era": 0, "since": 0.0})
        if not self._heard() and self._asked.get(watch.name) == wanted:
            return ""
        trouble = await super().expect(watch)
        if not trouble:
            self._asked[watch.name] = wanted
        return trouble
