"""What a failed gRPC call says: its code as HTTP, and whether the connection ended under it."""

import asyncio

import grpc
import grpc.aio

from trellis.gateway.attempt import CLIENT_GONE

#: The design's table read from gRPC to HTTP, for the ``code`` label.
HTTP_OF = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 405,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: CLIENT_GONE,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
#: Seconds in which a channel notices that its connection has ended.
STATE_SECONDS = 0.1

#: How grpc tells that a connection ended under a call.
_BROKEN = frozenset(
    (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
)


async def connection_broke(error: grpc.aio.AioRpcError, channel: grpc.aio.Channel) -> bool:
    """Whether a failure is the connection's end, told in grpc's words, and no predictor's answer.

    grpc does not say which. A predictor's answer comes with metadata of its own or over a
    connection that stays; the end of a connection may be known a moment after that of its call.
    """
    if error.code() not in _BROKEN or error.trailing_metadata():
        return False
    try:
        async with asyncio.timeout(STATE_SECONDS):
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
    except TimeoutError:
        return False
    return True
