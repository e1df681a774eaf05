"""``python -m trellis.gateway.worker`` beside a gateway, with its settings."""

import sys
from pathlib import Path
from typing import Any

from tests.integration.gateway.processes import Gateway, Process, wait_for
from tests.integration.ports import free_port

_GATEWAYS_OWN = ("--http_port", "--grpc_port", "--metrics_port")


class WorkerBeside(Process):
    """Takes the jobs that ``gateway`` accepts."""

    def __init__(self, folder: Path, gateway: Gateway, **settings: Any) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        flags = {"worker_port": self.port, **settings}
        argv = [
            *(flag for flag in gateway._argv[3:] if not flag.startswith(_GATEWAYS_OWN)),
            *(f"--{name}={value}" for name, value in flags.items()),
        ]
        log = folder / f"worker-{self.port}.log"
        super().__init__([sys.executable, "-m", "trellis.gateway.worker", *argv], log)

    def up(self) -> None:
        self.start()
        wait_for(f"{self.url}/health", self)
