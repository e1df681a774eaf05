"""What must be true of the machine before a cluster is made on it."""

import json
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program
from scripts.cluster.settings import Settings

#: Free space that a first bring-up may need: built parts, three nodes, our own images.
DISK_GB = 15
#: What three nodes need of it.
NODES_GB = 8


@dataclass(frozen=True)
class Engine:
    """The container engine: its client, its version, where it asks for images, where it keeps them."""

    docker: Program
    version: str
    registry: str
    folder: Path


def engine() -> Engine:
    """The engine that answers on this machine.

    :raises ClusterError: where none does; says how to get one.
    """
    path = shutil.which("docker")
    docker = Program(Path(path or "docker"))
    remedy = (
        "On Debian run scripts/cluster/engine.sh as root: it installs and starts one. "
        "Elsewhere see https://docs.docker.com/engine/install/."
    )
    if path is None:
        raise ClusterError("The cluster needs Docker, and there is no program `docker`.", remedy)
    try:
        told = json.loads(docker("info", "--format", "{{json .}}", timeout=20))
    except (ClusterError, ValueError) as error:
        raise ClusterError(
            f"The cluster needs Docker, and no engine answers `docker info`: {error}", remedy
        ) from None
    if not told.get("ServerVersion"):
        said = "; ".join(told.get("ServerErrors") or ["it names no server"])
        raise ClusterError(
            f"The cluster needs Docker, and no engine answers `docker info`: {said}", remedy
        )
    return Engine(
        docker=docker,
        version=told["ServerVersion"],
        registry=told.get("IndexServerAddress", ""),
        folder=Path(told.get("DockerRootDir", "/")),
    )


def check_disk(*folders: Path, needed_gb: float = DISK_GB) -> None:
    """Enough space where parts and nodes will lie.

    :raises ClusterError: naming the first folder with too little.
    """
    for folder in folders:
        present = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(present).free / 1e9
        if free < needed_gb:
            raise ClusterError(
                f"A cluster needs {needed_gb:.0f} GB of disk, and {folder} has {free:.1f} GB free.",
                "Free some (`docker system df` and `du -sh` of the cache say what is used), or name "
                "another folder in TRELLIS_CLUSTER_CACHE.",
            )


def check_ports(settings: Settings) -> None:
    """Nobody listens on the two ports that lead into the cluster.

    :raises ClusterError: naming the port that is taken and its variable.
    """
    for variable, port in (
        ("TRELLIS_CLUSTER_HTTP_PORT", settings.http_port),
        ("TRELLIS_CLUSTER_HTTPS_PORT", settings.https_port),
    ):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as error:
                raise ClusterError(
                    f"Port {port} of 127.0.0.1 is taken: {error.strerror}.",
                    f"End what listens there (`ss -ltnp 'sport = :{port}'`), or choose another "
                    f"port: {variable}=...",
                ) from None
