"""One pass of one Rollout: look, weigh, decide, write the status, then make the cluster follow.

Whatever a pass does after the status was written follows from the status alone, so that a
controller that dies in between, or a second one beside it, does the same again and nothing else.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from pydantic import ValidationError

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.rollouts import Rollout
from trellis.rollout.cluster.weights import Weights
from trellis.rollout.errors import ApiRefused, Conflict
from trellis.rollout.events.trial import TrialEvents
from trellis.rollout.metrics.port import MetricsSource
from trellis.rollout.notifications.event import Subject
from trellis.rollout.notifications.notifier import Notifier
from trellis.rollout.notifications.turns import in_turn
from trellis.rollout.observation import Observation
from trellis.rollout.phases import Phases
from trellis.rollout.plan import Announcement, Decision, decide
from trellis.rollout.plan.memory import recall
from trellis.rollout.ports import Gateways, Voice, World
from trellis.rollout.seen import ServiceSeen
from trellis.rollout.trace import traced
from trellis.rollout.weighing import Weighing
from trellis.rollout.working import Working
from trellis.telemetry.metrics import ControllerMetrics

#: Seconds between two writes of a status of which only words and numbers changed.
WRITE_SECONDS = 60.0
#: Seconds until a rollout that waits for nothing is looked at again, were there no event.
IDLE_SECONDS = 60.0
_IDLE = frozenset(("Idle", "Promoted", "RolledBack", "Refused"))


class Reconciler:
    """``interval`` is the time between two looks at a rollout under way, in seconds; ``trials`` tell
    what gateways saw of units, where there is a Redis between.
    """

    def __init__(
        self,
        world: World,
        voice: Voice,
        weights: Weights,
        sources: Callable[[str], MetricsSource],
        gateways: Gateways,
        notifier: Notifier,
        metrics: ControllerMetrics,
        interval: float,
        clock: Callable[[], float] = time.time,
        trials: TrialEvents | None = None,
    ) -> None:
        self._weighing = Weighing(sources, trials, clock)
        self._world, self._voice, self._weights = world, voice, weights
        self._gateways, self._metrics, self._notifier = gateways, metrics, notifier
        self._phases = Phases(metrics.rollouts)
        self._interval, self._clock = interval, clock
        self._working: dict[Key, Working] = {}

    def status(self, key: Key) -> RolloutStatus | None:
        """The newest status, which may not be written yet; None before the first pass."""
        working = self._working.get(key)
        return working.status if working else None

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass; the seconds until the next, None where the Rollout is gone.

        Raises ``Conflict`` where something changed meanwhile (the pass is to be done again), and
        ``ApiUnreachable``.
        """
        found = self._world.rollout(key)
        if found is None or found.deleting:
            self._forget(key)
            return None
        try:
            spec = found.parsed_spec()
        except ValidationError as error:
            await self._refuse(found, error)
            return IDLE_SECONDS
        working = self._recall(found, spec)
        seen = self._world.seen(found.service_key)
        by_unit = self._gateways.by_unit(found.service_key, spec, working.status, seen)
        observation = await self._weighing.observed(found, spec, working, seen, by_unit=by_unit)
        required = await self._weighing.required(working, found, spec, observation)
        decision = self._decide(found, spec, working, seen, observation, required)
        observation = self._weighing.next(decision, spec, observation)
        await self._remember(found, working, decision, observation)
        await self._tell_unread(found, working)
        told = in_turn(decision.notifications, working.recorded, self._clock())
        self._notifier.offer(_subject(found, working.status), told)
        for said in decision.announcements:
            await self._voice.announce(found, said)
        await self._gateways.follow(found.service_key, seen, working.status, decision.table)
        working.trouble = await self._move(found.service_key, seen, decision)
        return IDLE_SECONDS if decision.status.phase in _IDLE else self._interval

    def _recall(self, found: Rollout, spec: RolloutSpec) -> Working:
        """What this process remembers, unless somebody else has written since."""
        working = self._working.get(found.key)
        if working is not None and working.token == found.token:
            return working
        status = found.parsed_status()
        before = self._working.get(found.key)
        recalled = Working(
            uid=found.uid,
            token=found.token,
            status=status,
            observation=Observation.recall(status.evidence, spec),
            written=self._clock(),
            trouble=before.trouble if before else "",
            told=before.told if before else "",
            recorded=before.recorded if before and before.uid == found.uid else frozenset(),
        )
        self._count(found.key, before.status if before else None, status)
        self._working[found.key] = recalled
        return recalled

    def _decide(
        self,
        found: Rollout,
        spec: RolloutSpec,
        working: Working,
        seen: ServiceSeen | None,
        observation: Observation | None,
        required: int | None,
    ) -> Decision:
        mine = (found.created, found.key)
        gateways = self._gateways.seen(found.service_key)
        if observation is not None and observation.unheard:
            gateways = replace(gateways, obstacle=observation.unheard)
        older = [r for r in self._world.rollouts_of(found.service_key) if (r.created, r.key) < mine]
        return decide(
            spec,
            working.status.model_copy(update={"trace": ()}),
            seen,
            observation.verdicts() if observation else None,
            found.commands(),
            self._clock(),
            gateways,
            required_requests=required,
            rival=older[0].key[1] if older else None,
            trouble=working.trouble,
            generation=found.generation,
            notified=self._notifier.sent(found.uid),
        )

    async def _remember(
        self,
        found: Rollout,
        working: Working,
        decision: Decision,
        observation: Observation | None,
    ) -> None:
        """Write the status where that is due; until then nothing was decided."""
        now = self._clock()
        trace = working.status.trace
        status = decision.status.model_copy(
            update={"trace": trace, "evidence": observation.to_state() if observation else {}}
        )
        due = now - working.written >= WRITE_SECONDS and status != found.parsed_status()
        if decision.pressing or due:
            if observation and observation.span:
                trace = traced(trace, observation.verdicts(), status.weight, now)
                status = status.model_copy(update={"trace": trace})
            elif not status.evidence:
                status = status.model_copy(update={"trace": ()})
            written = await self._voice.write(found, status)
            working.token, working.written = written.token, now
            last = recall(working.status).recorded
            unsent = {one.number for one in decision.notifications}
            working.recorded = frozenset(
                number for number in unsent if number > last or number in working.recorded
            )
            await self._weighing.stored(found, status, observation)
        self._count(found.key, working.status, status)
        working.status, working.observation = status, observation

    async def _move(self, key: Key, seen: ServiceSeen | None, decision: Decision) -> str:
        """Make the weight what the status says; the sentence of whoever refuses that."""
        if seen is None or decision.field == "leave":
            return ""
        percent = None if decision.field == "absent" else decision.field
        # A field that a webhook set is nobody's: anybody's apply could take it.
        if seen.weight == percent and (percent is None or seen.weight_owner != "nobody"):
            return ""
        try:
            await self._weights.put(key, seen, percent)
        except Conflict:
            raise
        except ApiRefused as refused:
            return str(refused)
        return ""

    async def _tell_unread(self, found: Rollout, working: Working) -> None:
        """Say once of each text of commands what in it cannot be read."""
        if found.command == working.told:
            return
        working.told = found.command
        for sentence in found.unread_commands():
            await self._voice.announce(found, Announcement("Warning", "CommandRefused", sentence))

    async def _refuse(self, found: Rollout, error: ValidationError) -> None:
        """Say which rule a spec breaks that came past the API server's own."""
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(("spec", *(str(part) for part in first["loc"])))
        sentence = f"{field}: {first['msg'].removeprefix('Value error, ')}"
        status = found.parsed_status()
        refused = status.model_copy(update={"phase": "Refused", "message": sentence})
        self._phases.put(found.key, refused.phase)
        if refused != status:
            await self._voice.write(found, refused)

    def _count(self, key: Key, before: RolloutStatus | None, after: RolloutStatus) -> None:
        self._phases.put(key, after.phase)
        kinds = [
            status.verdict.kind if status and status.verdict else "" for status in (before, after)
        ]
        if before is not None and kinds[1] and kinds[0] != kinds[1]:
            self._metrics.verdicts.labels(kinds[1]).inc()

    def _forget(self, key: Key) -> None:
        gone = self._working.pop(key, None)
        self._phases.drop(key)
        if gone is not None:
            self._notifier.forget(gone.uid)


def _subject(found: Rollout, status: RolloutStatus) -> Subject:
    return Subject(
        uid=found.uid,
        name=found.key[1],
        namespace=found.key[0],
        service=found.service,
        stable=status.stable.version if status.stable else "",
        canary=status.canary.version if status.canary else "",
    )
