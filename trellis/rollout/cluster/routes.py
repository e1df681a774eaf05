"""The routing table of one namespace: every model by its service's own host.

There Knative splits by request, as the weight says, and what gateways send is counted with all
other requests by the queue-proxies.
"""

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from trellis.contracts.rollout_status import RolloutStatus
from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.table import Keyed
from trellis.rollout.compile import WeightedRevision, compile_table
from trellis.rollout.http.tables import TableServer
from trellis.rollout.plan import GatewaysSeen
from trellis.rollout.plan.decision import Table
from trellis.rollout.seen import ServiceSeen
from trellis.telemetry.logs import get_logger


class Known(Protocol):
    """What the table is made of: see ``Cluster``."""

    @property
    def services(self) -> Iterable[Keyed]:
        """All InferenceServices."""
        ...

    def seen(self, key: Key) -> ServiceSeen | None:
        """One of them."""
        ...

    def knative_name(self, key: Key) -> str | None:
        """Its host's first part."""
        ...


class ServiceHosts:
    """``reconcile.Gateways``: no gateway uses a tag host, so none has to turn away from it."""

    def __init__(
        self,
        cluster: Known,
        namespace: str,
        server: TableServer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster, self._namespace, self._server = cluster, namespace, server
        # A gateway takes a number that it knows for a table that it has: those of an earlier
        # process must not come again.
        self._table = RoutingTable(version=int(clock()))
        self._left_out: set[Key] = set()

    async def follow(
        self, key: Key, seen: ServiceSeen | None, status: RolloutStatus, hosts: Table
    ) -> None:
        """See ``reconcile.Gateways.follow``: the table follows the services, whatever rollouts do."""

    def seen(self, key: Key) -> GatewaysSeen:
        """See ``reconcile.Gateways.seen``."""
        return GatewaysSeen(version=self._table.version)

    async def renew(self) -> None:
        """Offer the table of what is known now, where it is another."""
        models = {
            service.key[1]: [arm]
            for service in sorted(self._cluster.services, key=lambda found: found.key)
            if service.key[0] == self._namespace and (arm := self._readable(service.key))
        }
        table = compile_table(models, None, self._table)
        if table is not self._table:
            self._table = table
            await self._server.publish(table)

    def _readable(self, key: Key) -> WeightedRevision | None:
        """The arm of a service; None too where no table could hold it, so that it is alone in that."""
        try:
            arm = self._arm(key)
            if arm is not None:
                compile_table({key[1]: [arm]}, None, None)
        except ValueError as error:
            if key not in self._left_out:
                self._left_out.add(key)
                get_logger().warning(
                    "the table leaves a service out", service="/".join(key), why=str(error)
                )
            return None
        self._left_out.discard(key)
        return arm

    def _arm(self, key: Key) -> WeightedRevision | None:
        """The service's own host, from its first revision that is ready on."""
        seen, name = self._cluster.seen(key), self._cluster.knative_name(key)
        holder = seen.revisions.get(seen.rolled_out or seen.ready or "") if seen else None
        if holder is None or name is None:
            return None
        return WeightedRevision(
            url=f"http://{name}.{key[0]}.svc.cluster.local",
            grpc_address=None,
            model=key[1],
            version=holder.version,
            revision=name,
            fingerprint="",
            role="stable",
            weight=1,
        )
