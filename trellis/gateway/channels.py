"""gRPC channels to the arms: one an address and authority, kept while the table changes."""

import asyncio
import time

import grpc
import grpc.aio

from trellis.contracts.routing_table import Arm
from trellis.gateway.errors import UpstreamDown

#: Seconds after which a channel that nobody used is closed, when the next one is opened.
UNUSED_SECONDS = 600.0


class Channels:
    """``connect_wait`` in seconds; ``max_bytes`` bounds a message in both directions."""

    def __init__(self, connect_wait: float, max_bytes: int) -> None:
        self._connect_wait = connect_wait
        self._options = (
            ("grpc.max_send_message_length", max_bytes),
            ("grpc.max_receive_message_length", -1),
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.min_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", 500),
            ("grpc.enable_http_proxy", 0),
        )
        self._channels: dict[tuple[str, str | None], grpc.aio.Channel] = {}
        self._used: dict[tuple[str, str | None], float] = {}

    async def connected(self, arm: Arm, timeout: float) -> grpc.aio.Channel:
        """A channel to the arm that is connected, waited for as REST waits for a connection.

        Raises ``UpstreamDown`` where none came about within ``connect_wait`` and ``timeout``
        (seconds), or where the arm has no gRPC address.
        """
        channel = await self._channel(arm)
        if channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
            wait = min(self._connect_wait, timeout)
            try:
                await asyncio.wait_for(channel.channel_ready(), wait)
            except TimeoutError:
                raise UpstreamDown(
                    f"the model's predictor took no connection for {wait:g} s; nothing was sent"
                ) from None
        return channel

    async def close(self) -> None:
        """Close every channel, letting no call finish."""
        for channel in self._channels.values():
            await channel.close()

    async def _channel(self, arm: Arm) -> grpc.aio.Channel:
        if arm.grpc_address is None:
            raise UpstreamDown("the model's predictor is not reached over gRPC; use REST")
        key = (arm.grpc_address, arm.host)
        self._used[key] = time.monotonic()
        if key not in self._channels:
            self._channels[key] = self._opened(arm.grpc_address, arm.host)
            await self._close_unused()
        return self._channels[key]

    def _opened(self, address: str, authority: str | None) -> grpc.aio.Channel:
        own = () if authority is None else (("grpc.default_authority", authority),)
        return grpc.aio.insecure_channel(address, options=(*self._options, *own))

    async def _close_unused(self) -> None:
        """Revisions come and go; their channels must not stay for good."""
        before = time.monotonic() - UNUSED_SECONDS
        for key in [key for key, used in self._used.items() if used < before]:
            del self._used[key]
            await self._channels.pop(key).close()
