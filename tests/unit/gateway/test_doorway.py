from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Caller
from trellis.gateway.doorway import ADMITTED, admit
from trellis.gateway.errors import Unauthenticated
from trellis.gateway.settings import Settings
from trellis.gateway.upstream import new_session
from trellis.telemetry.metrics import GatewayMetrics

ADMIN_KEY = "an-admin-key-that-is-long-enough-for-it"


@pytest.mark.parametrize("scope", [{"client": ("192.0.2.1", 5)}, {"client": None}, {}])
async def test_a_request_shows_its_key_and_a_job_showed_it_before(scope: dict[str, Any]) -> None:
    settings = Settings(_env_file=None, routing_table_file="t", auth="keys", admin_key=ADMIN_KEY)
    async with new_session() as session:
        access = Access(settings, GatewayMetrics(CollectorRegistry()), session, None)
        with pytest.raises(Unauthenticated):
            await admit(access, scope, None, "infer", "m")
        shown = await admit(access, scope, f"Bearer {ADMIN_KEY}".encode(), "infer", "m")
        assert shown.caller.key_id == "admin"
        stored = Caller("k1", frozenset(("infer",)), None)
        taken = await admit(access, {**scope, ADMITTED: stored}, None, "infer", "m")
        assert taken == (stored, [])
