"""A whole answer of a server that might send without end."""

import aiohttp


async def read_at_most(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body. Raises ``aiohttp.ClientError`` where it is longer than ``limit`` bytes, or breaks off."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > limit:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {limit} bytes")
    return bytes(body)
