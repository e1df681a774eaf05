"""One pass of one Experiment: look, weigh, decide, have it counted, write the status, then the table.

Units are counted by new shares before the status has them, and the table has none but a written
status's. Whatever a pass does after the write follows from the status alone, so that a controller that
dies anywhere, or a second one beside it, does the same again and nothing else.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import orjson
from pydantic import ValidationError

from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.rollout.cluster.facts import Key
from trellis.rollout.experiments.assignment import assignment_of
from trellis.rollout.experiments.counting import Told, UnitCounts
from trellis.rollout.experiments.course import Course, Facts, course
from trellis.rollout.experiments.evidence import ExperimentEvidence
from trellis.rollout.experiments.memory import Memory, digest_of, recall
from trellis.rollout.experiments.ports import (
    Assignments,
    ExperimentFound,
    ExperimentVoice,
    ExperimentWorld,
)
from trellis.rollout.experiments.report import NOTHING_NEW, Report, last_news, refused, report
from trellis.rollout.experiments.telling import Telling
from trellis.rollout.notifications.notifier import Notifier
from trellis.rollout.phases import Phases
from trellis.rollout.trace import traced_arms
from trellis.telemetry.metrics import ControllerMetrics

#: Seconds between two writes of a status of which only words and numbers changed.
WRITE_SECONDS = 60.0
#: Seconds until an experiment that waits for nothing is looked at again, were there no event.
IDLE_SECONDS = 60.0


@dataclass
class Working:
    """What is remembered of an Experiment between passes; all of it is in its status, a minute old at
    most. ``stored`` is the status as it was written last.
    """

    token: str
    stored: ExperimentResourceStatus
    status: ExperimentResourceStatus
    memory: Memory
    evidence: ExperimentEvidence | None
    written: float


class ExperimentReconciler:
    """``interval`` is the time between two looks at an experiment under way, in seconds."""

    def __init__(
        self,
        world: ExperimentWorld,
        voice: ExperimentVoice,
        assignments: Assignments,
        counts: UnitCounts,
        notifier: Notifier,
        metrics: ControllerMetrics,
        interval: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._world, self._voice, self._assignments = world, voice, assignments
        self._counts, self._telling = counts, Telling(notifier, clock)
        self._interval, self._clock = interval, clock
        self._phases = Phases(metrics.experiments)
        self._working: dict[Key, Working] = {}

    def status(self, key: Key) -> ExperimentResourceStatus | None:
        """The newest status, which may not be written yet; None before the first pass."""
        working = self._working.get(key)
        return working.status if working else None

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass; the seconds until the next, None where the Experiment is gone.

        Raises ``Conflict`` where something changed meanwhile (the pass is to be done again), and
        ``ApiUnreachable``.
        """
        found = self._world.experiment(key)
        if found is None or found.deleting:
            await self._forget(key)
            return None
        try:
            spec = found.parsed_spec()
        except ValidationError as error:
            return await self._refuse(found, error)
        working = self._recall(found, spec)
        reached = working.evidence.read if working.evidence else 0
        told = await self._counts.told(working.memory.identity, reached)
        evidence = working.evidence
        if evidence is not None and told.news is not None and told.news.blocks:
            evidence = await asyncio.to_thread(evidence.add, told.news.blocks)
        facts = self._facts(found, spec, told)
        memory = self._telling.unsent(found, working.memory)
        wanted = course(facts, memory, evidence)
        if wanted.watch is not None:
            trouble = await self._counts.expect(wanted.watch)
            if trouble:
                facts = replace(facts, trouble=trouble)
                wanted = course(facts, memory, evidence)
        other = wanted.began or not wanted.known
        news = NOTHING_NEW if other else told.news or last_news(working.status)
        before = working.status.model_copy(update={"trace": working.stored.trace})
        made = await asyncio.to_thread(
            report, facts, wanted, news, before, working.evidence, found.generation
        )
        await self._remember(found, working, wanted, made)
        await self._follow(found, working, spec.model, made)
        return IDLE_SECONDS if spec.enabled is False else self._interval

    def _facts(self, found: ExperimentFound, spec: ExperimentSpec, told: Told) -> Facts:
        return Facts(
            namespace=found.key[0],
            name=found.key[1],
            spec=spec,
            arms=self._world.arms(found, spec),
            objection=self._world.objection(found, spec),
            now=self._clock(),
            trouble=told.trouble,
            lost=told.lost,
        )

    def _recall(self, found: ExperimentFound, spec: ExperimentSpec) -> Working:
        """What this process remembers, unless somebody else has written since."""
        working = self._working.get(found.key)
        if working is None or working.token != found.token:
            status = found.parsed_status()
            working = Working(
                token=found.token,
                stored=status,
                status=status,
                memory=recall(status),
                evidence=None,
                written=self._clock(),
            )
            working.evidence = _evidence(status, working.memory, spec)
            self._working[found.key] = working
        return working

    async def _remember(
        self, found: ExperimentFound, working: Working, wanted: Course, made: Report
    ) -> None:
        """Write the status where that is due; until then nothing was decided."""
        now, status = self._clock(), made.status
        due = now - working.written >= WRITE_SECONDS and status != working.stored
        if made.pressing or due:
            if wanted.memory.identity and wanted.known:
                status = status.model_copy(
                    update={"trace": traced_arms(status.trace, status.arms, now)}
                )
            written = await self._voice.write(found, status)
            working.token, working.written, working.stored = written.token, now, status
            self._telling.wrote(found, working.memory, made.memory)
            if wanted.known:
                await self._counts.stored(wanted.memory.identity, wanted.evidence.read)
        working.status, working.memory = status, made.memory
        self._phases.put(found.key, status.phase)
        working.evidence = wanted.evidence if wanted.known else None

    async def _follow(
        self, found: ExperimentFound, working: Working, model: str, made: Report
    ) -> None:
        """Whatever follows from the written status."""
        self._telling.tell(found, model, working.stored, working.memory)
        for said in made.announcements:
            await self._voice.announce(found, said)
        await self._assignments.follow(found.key, assignment_of(working.stored))

    async def _refuse(self, found: ExperimentFound, error: ValidationError) -> float:
        """Say which rule a spec breaks that came past the API server's own."""
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(("spec", *(str(part) for part in first["loc"])))
        sentence = f"{field}: {first['msg'].removeprefix('Value error, ')}"
        self._working.pop(found.key, None)
        self._phases.put(found.key, "Refused")
        before = found.parsed_status()
        memory = self._telling.unsent(found, recall(before))
        made = refused(before, memory, sentence, self._clock(), found.generation)
        if made.status != before:
            await self._voice.write(found, made.status)
            self._telling.wrote(found, memory, made.memory)
        self._telling.tell(found, _model(found), made.status, made.memory)
        for said in made.announcements:
            await self._voice.announce(found, said)
        await self._assignments.follow(found.key, None)
        return IDLE_SECONDS

    async def _forget(self, key: Key) -> None:
        self._working.pop(key, None)
        self._phases.drop(key)
        self._telling.forget(key)
        await self._assignments.follow(key, None)


def _evidence(
    status: ExperimentResourceStatus, memory: Memory, spec: ExperimentSpec
) -> ExperimentEvidence | None:
    """From ``status.evidence``; None where it is of another spec, or cannot be read."""
    if memory.comparing != digest_of(spec) or not status.evidence:
        return None
    try:
        return ExperimentEvidence.from_state(status.evidence, spec)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _model(found: ExperimentFound) -> str:
    """Of a spec that breaks a rule."""
    spec = orjson.loads(found.spec or b"{}")
    return str(spec.get("model") or found.key[1])
