"""A whole answer of a server that might send without end."""

import aiohttp

from trellis.gateway.gate import Gate


async def read_at_most(
    response: aiohttp.ClientResponse, limit: int, gate: Gate | None = None
) -> bytes:
    """The body, which counts at ``gate`` while it comes in.

    Raises ``aiohttp.ClientError`` where it is longer than ``limit`` bytes, or breaks off, and
    ``Overloaded`` by the gate.
    """
    body = bytearray()
    held = 0
    try:
        async for piece in response.content.iter_any():
            if gate is not None:
                gate.hold(len(piece))
                held += len(piece)
            body += piece
            if len(body) > limit:
                raise aiohttp.ClientPayloadError(f"the answer is longer than {limit} bytes")
        return bytes(body)
    finally:
        if gate is not None:
            gate.let_go(held)
