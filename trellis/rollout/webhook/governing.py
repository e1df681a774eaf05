"""Which Rollout governs an InferenceService, from what is watched."""

from pydantic import ValidationError

from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.facts import Key
from trellis.rollout.webhook.admission import Governing
from trellis.rollout.webhook.server import Lookup


def governed_by(cluster: Cluster) -> Lookup:
    """The oldest Rollout of a service that is not being deleted.

    One that cannot be read governs too: a new version waits until somebody has mended it.
    """

    def governing(service: Key) -> Governing | None:
        found = [r for r in cluster.rollouts_of(service) if not r.deleting]
        if not found:
            return None
        oldest = min(found, key=lambda rollout: (rollout.created, rollout.key))
        try:
            phase, spec = oldest.parsed_status().phase, oldest.parsed_spec()
        except ValidationError as error:
            return Governing(oldest.key[1], "Waiting", warning=_unread(oldest.key[1], error))
        return Governing(oldest.key[1], phase, spec.same_version)

    return governing


def _unread(name: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"Rollout {name} cannot be read, so it moves no traffic: {field}: {first['msg']}"
