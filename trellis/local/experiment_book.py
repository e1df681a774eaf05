"""The Experiments of a local run: what manifests and people ask for, and what came of it."""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import (
    ExperimentResourceStatus,
    ExperimentSpec,
    ExperimentView,
)
from trellis.contracts.tensors import Document
from trellis.local.custom_resources import Experiment as Manifest
from trellis.rollout.experiments.assignment import Assignment, assignment_of


class ExperimentRecord(Document):
    """What a run remembers of one: when it came (seconds since 1970), how often its spec changed, which
    one it is now, how often its status was written, and the status.
    """

    created: float
    generation: int = 0
    digest: str = ""
    writes: int = 0
    status: ExperimentResourceStatus = ExperimentResourceStatus()


@dataclass
class ExperimentBook:
    """``asked`` came over HTTP, ``manifests`` are the files' now and go before; ``records`` are of both,
    and end with them.
    """

    asked: dict[str, Experiment] = field(default_factory=dict)
    records: dict[str, ExperimentRecord] = field(default_factory=dict)
    manifests: dict[str, ExperimentSpec] = field(default_factory=dict)

    @classmethod
    def recall(
        cls, asked: Mapping[str, Experiment], records: Mapping[str, ExperimentRecord]
    ) -> "ExperimentBook":
        """As it was when the last run ended."""
        now = time.time()
        known = {name: ExperimentRecord(created=now) for name in asked} | dict(records)
        return cls(dict(asked), known)

    def take(self, manifests: Iterable[Manifest]) -> None:
        """What the manifests say now."""
        self.manifests = {manifest.name: manifest.spec for manifest in manifests}
        for name in self.manifests:
            self.asked.pop(name, None)
        self._count()

    def ask(self, name: str, experiment: Experiment) -> None:
        """Set one of those that come over HTTP."""
        self.asked[name] = experiment
        self._count()

    @property
    def specs(self) -> dict[str, ExperimentSpec]:
        """All of them, the oldest first."""
        found = {name: ExperimentSpec.of_http(asked) for name, asked in self.asked.items()}
        found.update(self.manifests)
        oldest = sorted(found, key=lambda name: (self.records[name].created, name))
        return {name: found[name] for name in oldest}

    def view(self, name: str) -> ExperimentView | None:
        """One of them as its status was written; None where there is none of that name."""
        spec = self.specs.get(name)
        if spec is None:
            return None
        return ExperimentView(name=name, spec=spec, status=self.records[name].status)

    def write(self, name: str, status: ExperimentResourceStatus) -> None:
        """Have one's status replaced."""
        record = self.records[name]
        changed = {"status": status, "writes": record.writes + 1}
        self.records[name] = record.model_copy(update=changed)

    def assignments(self) -> Iterator[Assignment]:
        """What written statuses ask of the table, the oldest first."""
        for name in self.specs:
            assigned = assignment_of(self.records[name].status)
            if assigned is not None:
                yield assigned

    def assignment(self, model: str) -> Assignment | None:
        """Of one model."""
        return next((one for one in self.assignments() if one.model == model), None)

    def holder(self, service: str) -> str | None:
        """The enabled experiment that a service takes part in, as the model or as an arm's."""
        for name, spec in self.specs.items():
            if spec.enabled and service in services_of(spec):
                return name
        return None

    def _count(self) -> None:
        """Records of what there is now, and of nothing else."""
        specs: dict[str, ExperimentSpec] = {
            name: ExperimentSpec.of_http(asked) for name, asked in self.asked.items()
        }
        specs.update(self.manifests)
        records = {}
        for name, spec in specs.items():
            record = self.records.get(name) or ExperimentRecord(created=time.time())
            text = spec.model_dump_json(exclude_defaults=True)
            digest = hashlib.sha256(text.encode()).hexdigest()[:16]
            if digest != record.digest:
                changed = {"digest": digest, "generation": record.generation + 1}
                record = record.model_copy(update=changed)
            records[name] = record
        self.records = records


def services_of(spec: ExperimentSpec) -> list[str]:
    """The InferenceServices that an experiment is about: the model's, then each arm's."""
    named = [spec.model, *(arm.inference_service or spec.model for arm in spec.arms)]
    return list(dict.fromkeys(named))
