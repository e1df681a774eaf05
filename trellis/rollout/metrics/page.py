"""One page of a pod, asked for at its own address: whole within a time and a size, or why not."""

import asyncio

import aiohttp

#: Of a predictor.
OWN_PORT = 8080
#: For one page.
PAGE_SECONDS = 3.0


class Refused(Exception):
    """Nothing listens there."""


class Unreadable(Exception):
    """Why a page could not be read, in words; ``status`` is what was answered in its place, else None."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


async def read_page(
    session: aiohttp.ClientSession, address: str, port: int, path: str, most: int
) -> bytes:
    """The page at ``path``, of at most ``most`` bytes; ``address`` is an IP of either version.

    Raises ``Refused``, ``Unreadable``.
    """
    host = f"[{address}]" if ":" in address else address
    try:
        async with (
            asyncio.timeout(PAGE_SECONDS),
            session.get(f"http://{host}:{port}{path}", allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise Unreadable(f"answered {response.status}", response.status)
            page = await response.content.read(most + 1)
            while len(page) <= most and (more := await response.content.read(most + 1 - len(page))):
                page += more
    except TimeoutError:
        raise Unreadable(f"no answer within {PAGE_SECONDS:g} s") from None
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, ConnectionRefusedError):
            raise Refused from None
        raise Unreadable(f"cannot be reached ({type(error.os_error).__name__})") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Unreadable(f"cannot be read ({type(error).__name__})") from None
    if len(page) > most:
        raise Unreadable(f"more than {most // 2**20} MiB")
    return page
