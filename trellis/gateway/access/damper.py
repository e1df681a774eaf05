"""How often an address may show a wrong key: each costs a look into Redis, or a signature's check.

Secrets cannot be found by trying; what is bounded here is the work that trying makes.
"""

import math
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from trellis.gateway.access.bucket import Rate
from trellis.gateway.access.limiter import Limiter
from trellis.gateway.errors import AccessDown, LimitExceeded

#: Wrong keys of one address: fifty at once, one a second in the long run.
WRONG_KEYS = Rate(1.0, 50)


class Damper:
    """Counts wrong keys by address, for all replicas together."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def wait(self, address: str) -> float:
        """Seconds until the address may show another wrong key; 0 where it may now."""
        return self._limiter.wait(_name(address), WRONG_KEYS)

    async def count(self, address: str) -> None:
        """Note one more wrong key. Raises ``LimitExceeded`` where there were too many of late."""
        try:
            await self._limiter.take(_name(address), WRONG_KEYS)
        except LimitExceeded as error:
            raise too_many(error.retry_after) from None
        except AccessDown:
            pass  # without Redis nobody is let in, so there is nothing to bound


@lru_cache(4096)
def network_of(address: str) -> str:
    """Who counts as one: an IPv4 address, the /64 of an IPv6 one, else the text itself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


def too_many(wait: float) -> LimitExceeded:
    """The refusal of an address for ``wait`` seconds."""
    return LimitExceeded("too many wrong keys came from this address", math.ceil(wait))


def _name(address: str) -> str:
    return f"wrong:{network_of(address)}"
