"""Starts ``controller_server.py`` as a process of its own."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.integration.gateway.processes import Process, get, wait_for
from tests.integration.ports import free_port

SCRIPT = "tests.integration.gateway.controller_server"


class ControllerProcess(Process):
    """On a free port of 127.0.0.1; ``metrics`` are URLs of versions' own pages of metrics."""

    def __init__(self, folder: Path, metrics: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        argv = [sys.executable, "-m", SCRIPT, "--port", str(self.port)]
        argv += [f"--metrics={version}={url}" for version, url in (metrics or {}).items()]
        super().__init__(argv, folder / "controller.log")

    def up(self) -> None:
        self.start()
        wait_for(f"{self.url}/told", self)

    def told(self) -> list[dict[str, Any]]:
        """What was asked of it so far."""
        told: list[dict[str, Any]] = json.loads(get(f"{self.url}/told")[2])
        return [{name.lower(): value for name, value in one.items()} for one in told]
