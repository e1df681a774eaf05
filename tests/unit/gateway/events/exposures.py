"""Exposures of the tests."""

from typing import Any

from trellis.contracts.events import Exposure


def exposure(request_id: str = "r1", **changed: Any) -> Exposure:
    """Unit 0…1 of experiment ``colours`` met arm ``leaf-1`` and was served by it."""
    fields: dict[str, Any] = {
        "request_id": request_id,
        "unit": f"{1:016x}",
        "sticky": True,
        "experiment": "colours",
        "model": "leaf",
        "arm": "leaf-1",
        "version": "v1",
        "revision": "leaf-1",
        "propensity": 0.5,
        "table_version": 3,
        "time": 1_790_000_000.123456,
        "code": 200,
        "seconds": 0.01,
        **changed,
    }
    return Exposure(**fields)
