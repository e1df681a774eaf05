"""What the controller says in the cluster: statuses, and Events beside them."""

import datetime as dt
import time
from typing import Literal

from trellis.contracts.experiment_resource import ExperimentResourceStatus
from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.cluster import experiments, rollouts
from trellis.rollout.cluster.api import MANAGER, Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.informer import Kind
from trellis.rollout.cluster.rollouts import API_VERSION, Rollout
from trellis.rollout.cluster.statuses import Found
from trellis.rollout.errors import ControllerError
from trellis.rollout.experiments.ports import ExperimentFound
from trellis.rollout.plan import Announcement
from trellis.telemetry.logs import get_logger

EVENTS = Kind("/api/v1", "events")
_MOST_LETTERS = 1024  # of an Event's message, as the API server holds it


class ClusterVoice:
    """``ports.Voice``."""

    def __init__(self, api: Api, cluster: Cluster, instance: str) -> None:
        self._api, self._cluster, self._instance = api, cluster, instance

    async def write(self, found: Rollout, status: RolloutStatus) -> Rollout:
        """See ``ports.Voice.write``; also raises as ``Api.call``."""
        written = await rollouts.write_status(self._api, found, status)
        self._cluster.rollouts.know(written, int(written.token))
        return written

    async def announce(self, found: Rollout, said: Announcement) -> None:
        """See ``ports.Voice.announce``."""
        await _announce(self._api, self._instance, "Rollout", found, said)


class ExperimentsVoice:
    """``experiments.ports.ExperimentVoice``."""

    def __init__(self, api: Api, cluster: Cluster, instance: str) -> None:
        self._api, self._cluster, self._instance = api, cluster, instance

    async def write(
        self, found: ExperimentFound, status: ExperimentResourceStatus
    ) -> ExperimentFound:
        """See ``ExperimentVoice.write``; also raises as ``Api.call``."""
        written = await experiments.write_status(self._api, found, status)
        self._cluster.experiments.know(written, int(written.token))
        return written

    async def announce(self, found: ExperimentFound, said: Announcement) -> None:
        """See ``ExperimentVoice.announce``."""
        await _announce(self._api, self._instance, "Experiment", found, said)


async def _announce(
    api: Api,
    instance: str,
    kind: Literal["Rollout", "Experiment"],
    found: Found,
    said: Announcement,
) -> None:
    """One Event; where the API server does not take it, it is lost, and the log has it."""
    namespace, name = found.key
    about = {kind.lower(): f"{namespace}/{name}"}
    get_logger().info(kind.lower(), **about, reason=said.reason, said=said.message)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": namespace, "name": f"{name}.{time.time_ns():x}"},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "uid": found.uid,
            "resourceVersion": found.token,
        },
        "type": said.type,
        "reason": said.reason,
        "message": said.message[:_MOST_LETTERS],
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "reportingInstance": instance,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        await api.call("POST", EVENTS.path(namespace), event)
    except ControllerError as error:
        get_logger().warning("an Event was not written", why=str(error))
