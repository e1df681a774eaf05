"""Snapshots of the tests."""

from typing import Any

from tests.unit.gateway.dashboard.windows import V1, window
from trellis.contracts.control import RevisionState
from trellis.gateway.dashboard.figures import figures_of
from trellis.gateway.dashboard.machine import Machine
from trellis.gateway.dashboard.snapshot import Revision, Snapshot

MACHINE = Machine(0.5, 2, 2**30, 2**32, 2**33, 2**34, 0.1, 2**26)


def snapshot(number: int = 1, **changed: Any) -> Snapshot:
    """One model with a stable revision and a canary; no experiment, no jobs."""
    model, version, revision = V1
    seen = window()
    fields: dict[str, Any] = {
        "time": 1_800_000_000.0,
        "table_version": 3,
        "revisions": (
            Revision(
                model,
                RevisionState(
                    version=version, revision=revision, role="stable", weight=0.9, ready=True
                ),
            ),
            Revision(
                model,
                RevisionState(
                    version="v2",
                    revision="leaf-2",
                    role="canary",
                    weight=0.1,
                    ready=False,
                    reason="its image cannot be pulled",
                ),
            ),
        ),
        "window": seen,
        "figures": figures_of(seen),
        "experiments": None,
        "jobs": None,
        "machine": MACHINE,
        "problems": {},
    }
    return Snapshot(number=number, **{**fields, **changed})
