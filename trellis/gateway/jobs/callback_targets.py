"""Where callbacks may go, and the lookups that tell where a name leads: one pair a process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from trellis.gateway.jobs.safe_address import AddressRules, HostLookup
from trellis.gateway.settings import Settings


class CallbackTargets(NamedTuple):
    """For whoever accepts a callback's address and for whoever calls it."""

    rules: AddressRules
    resolver: HostLookup


@asynccontextmanager
async def open_callback_targets(settings: Settings) -> AsyncIterator[CallbackTargets]:
    """Made from the settings; at the end of the context the lookups' threads end."""
    resolver = HostLookup()
    try:
        yield CallbackTargets(
            AddressRules(settings.callback_allow, settings.callback_ports), resolver
        )
    finally:
        await resolver.close()
