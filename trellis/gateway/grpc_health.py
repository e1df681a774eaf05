"""``grpc.health.v1.Health`` in the few bytes it takes: one status for the whole gateway.

A request may name a service; the gateway answers alike for each, as all of them go the same way.
"""

import asyncio
from collections.abc import AsyncIterator

import grpc
import grpc.aio

from trellis.gateway.routing_table import TableHolder

_SERVICE = "/grpc.health.v1.Health/"
#: ``HealthCheckResponse``: field 1, an enum; 1 is SERVING, 2 is NOT_SERVING.
_SERVING = b"\x08\x01"
_NOT_SERVING = b"\x08\x02"
#: Seconds between two looks of a watch.
WATCH_SECONDS = 0.5


class GrpcHealth(grpc.GenericRpcHandler):
    """``Check`` and ``Watch``."""

    def __init__(self, holder: TableHolder) -> None:
        self._holder = holder

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes] | None":
        """The handler of one method, taking and giving bytes; None for what is not health."""
        if handler_call_details.method == _SERVICE + "Check":
            return grpc.unary_unary_rpc_method_handler(self._check)
        if handler_call_details.method == _SERVICE + "Watch":
            return grpc.unary_stream_rpc_method_handler(self._watch)
        return None

    async def _check(self, _request: bytes, _context: object) -> bytes:
        return self._status()

    async def _watch(self, _request: bytes, _context: object) -> AsyncIterator[bytes]:
        told = b""
        while True:
            status = self._status()
            if status != told:
                yield status
                told = status
            if self._holder.draining and told == _NOT_SERVING:
                return  # an open watch would hold up the end for the whole grace period
            await asyncio.sleep(WATCH_SECONDS)

    def _status(self) -> bytes:
        return _SERVING if self._holder.ready else _NOT_SERVING
