"""Arms of the cache's tests."""

from typing import Any

from prometheus_client import CollectorRegistry

from trellis.contracts.routing_table import Arm
from trellis.gateway.cache.key import Input, Kind
from trellis.gateway.ejection import Rules
from trellis.gateway.healths import Healths
from trellis.gateway.metering import Meters
from trellis.gateway.router import Target
from trellis.telemetry.metrics import GatewayMetrics


def target_of(name: str = "tomato", /, **fields: Any) -> Target:
    """An arm of the model that clients call ``name``; ``fields`` are those of a routing table."""
    arm = Arm.model_validate(
        {
            "url": "http://127.0.0.1:1",
            "model": "tomato",
            "version": "v1",
            "revision": "r1",
            "fingerprint": "sha256:1",
            **fields,
        }
    )
    metrics = GatewayMetrics(CollectorRegistry())
    return Target(
        name,
        arm,
        Meters(metrics).of(name, arm.version, arm.revision),
        Healths(metrics, Rules(0, 1.0)).of(name, arm),
    )


def asked(
    body: bytes, kind: Kind = "v2", query: bytes = b"", headers: dict[bytes, bytes] | None = None
) -> Input:
    """One request; JSON unless its headers say otherwise."""
    given = {b"content-type": b"application/json"} if headers is None else headers
    return Input(kind, tuple(given.items()), query, body)
