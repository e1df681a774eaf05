"""Something that happened to an experiment as a CloudEvent, pure."""

from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from trellis.rollout.experiments.memory import Notice
from trellis.rollout.notifications.event import Message


@dataclass(frozen=True)
class ExperimentSubject:
    """The Experiment that is told of; ``winner`` is a version, empty until there is one."""

    uid: str
    name: str
    namespace: str
    model: str
    versions: tuple[str, ...]
    winner: str = ""

    def message(self, step: Notice) -> Message:
        """CloudEvents 1.0, structured JSON, as of a rollout."""
        message_id = f"{self.uid}-{step.number}"
        event = {
            "specversion": "1.0",
            "id": message_id,
            "type": f"dev.trellis.experiment.{step.what}",
            "source": f"/namespaces/{self.namespace}/experiments/{self.name}",
            "subject": self.model,
            "time": datetime.fromtimestamp(step.time, UTC).isoformat(timespec="milliseconds"),
            "datacontenttype": "application/json",
            "text": f"{self.namespace}/{self.name}: {step.what}: {step.message}",
            "data": {
                "experiment": self.name,
                "namespace": self.namespace,
                "model": self.model,
                "versions": list(self.versions),
                "winner": self.winner or None,
                "number": step.number,
                "entry": step.model_dump(mode="json", by_alias=True, exclude={"number"}),
            },
        }
        return Message(message_id, step.number, step.time, orjson.dumps(event))
