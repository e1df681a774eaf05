"""Notices of Experiments to whoever wants to hear of them, each from the controller that wrote it."""

from collections.abc import Callable

from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.rollout.cluster.facts import Key
from trellis.rollout.experiments.memory import Memory
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.notifications.experiment import ExperimentSubject
from trellis.rollout.notifications.notifier import Notifier
from trellis.rollout.notifications.turns import in_turn


class Telling:
    """Over the notifier; ``clock`` gives seconds since 1970."""

    def __init__(self, notifier: Notifier, clock: Callable[[], float]) -> None:
        self._notifier, self._clock = notifier, clock
        self._uids: dict[Key, str] = {}
        self._mine: dict[str, frozenset[int]] = {}

    def unsent(self, found: ExperimentFound, memory: Memory) -> Memory:
        """Without notices that everybody was told."""
        sent = self._notifier.sent(found.uid)
        kept = tuple(notice for notice in memory.notices if notice.number > sent)
        return memory.model_copy(update={"notices": kept})

    def wrote(self, found: ExperimentFound, before: Memory, after: Memory) -> None:
        """This controller wrote a status with the notices that ``after`` has and ``before`` had not."""
        mine = self._mine.get(found.uid, frozenset())
        self._mine[found.uid] = frozenset(
            notice.number
            for notice in after.notices
            if notice.number > before.recorded or notice.number in mine
        )

    def tell(
        self, found: ExperimentFound, model: str, status: ExperimentResourceStatus, memory: Memory
    ) -> None:
        """Offer what is unsent of a written status, so far as it is this controller's turn."""
        before = self._uids.setdefault(found.key, found.uid)
        if before != found.uid:
            self.forget(found.key)
            self._uids[found.key] = found.uid
        subject = ExperimentSubject(
            uid=found.uid,
            name=found.key[1],
            namespace=found.key[0],
            model=model,
            versions=tuple(arm.version for arm in status.arms),
            winner=status.winner or "",
        )
        mine = self._mine.get(found.uid, frozenset())
        self._notifier.offer(subject, in_turn(memory.notices, mine, self._clock()))

    def forget(self, key: Key) -> None:
        """The Experiment is gone."""
        uid = self._uids.pop(key, None)
        if uid is not None:
            self._mine.pop(uid, None)
            self._notifier.forget(uid)
