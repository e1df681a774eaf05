"""A person at a terminal."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Said(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


def argv(*words: str) -> list[str]:
    return [sys.executable, "-m", "trellis.cli", *words]


def environment(**changes: str) -> dict[str, str]:
    """This process' own without what would lead to a cluster or a local run, and a person's name."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRELLIS_", "KUBE"))
    }
    return {**kept, "PYTHONPATH": str(Path.cwd()), "LOGNAME": "ann", **changes}


async def trellis(*words: str, folder: Path, **changes: str) -> Said:
    """Runs ``trellis`` in ``folder``."""
    done = await asyncio.to_thread(
        subprocess.run,
        argv(*words),
        capture_output=True,
        text=True,
        env=environment(HOME=str(folder), **changes),
        cwd=folder,
        timeout=60,
    )
    return Said(done.returncode, done.stdout, done.stderr)
