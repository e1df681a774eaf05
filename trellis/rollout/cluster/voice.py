"""What the controller says in the cluster: statuses, and Events beside them."""

import datetime as dt
import time

from trellis.contracts.rollout_status import RolloutStatus
from trellis.rollout.cluster.api import MANAGER, Api
from trellis.rollout.cluster.cluster import Cluster
from trellis.rollout.cluster.informer import Kind
from trellis.rollout.cluster.rollouts import API_VERSION, Rollout, write_status
from trellis.rollout.errors import ControllerError
from trellis.rollout.plan import Announcement
from trellis.telemetry.logs import get_logger

EVENTS = Kind("/api/v1", "events")
_MOST_LETTERS = 1024  # of an Event's message, as the API server holds it


class ClusterVoice:
    """``reconcile.Voice``."""

    def __init__(self, api: Api, cluster: Cluster, instance: str) -> None:
        self._api, self._cluster, self._instance = api, cluster, instance

    async def write(self, found: Rollout, status: RolloutStatus) -> Rollout:
        """See ``reconcile.Voice.write``; also raises as ``Api.call``."""
        written = await write_status(self._api, found, status)
        self._cluster.rollouts.know(written, int(written.token))
        return written

    async def announce(self, found: Rollout, said: Announcement) -> None:
        """See ``reconcile.Voice.announce``."""
        namespace, name = found.key
        get_logger().info(
            "rollout", rollout=f"{namespace}/{name}", reason=said.reason, said=said.message
        )
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": f"{name}.{time.time_ns():x}"},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": "Rollout",
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
            "reportingInstance": self._instance,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self._api.call("POST", EVENTS.path(namespace), event)
        except ControllerError as error:
            get_logger().warning("an Event was not written", why=str(error))
