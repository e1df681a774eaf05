"""What a bring-up that failed leaves behind: `python -m tests.e2e.support.set_up FOLDER`."""

import os
import sys
from pathlib import Path

from scripts.cluster.errors import ClusterError
from scripts.cluster.preflight import engine
from scripts.cluster.settings import from_environment
from tests.e2e.support.failures import collect
from tests.e2e.support.kube import Kube


def main(folder: Path) -> None:
    """Write the nodes' logs and the cluster's state, as far as either can be had, to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = from_environment(os.environ)
    for node in settings.nodes:
        try:
            told = engine().docker("logs", node, timeout=30)
        except ClusterError as error:
            told = f"{error}\n"
        (folder / f"{node}.log").write_text(told, encoding="utf-8")
    if settings.kubeconfig.is_file():
        collect(Kube(settings), folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
