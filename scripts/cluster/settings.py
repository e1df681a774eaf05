"""What a person may choose about the cluster: its name, its ports, where its parts lie."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from scripts.cluster.errors import ClusterError

#: Where the parts come from: images that are pulled, or parts that are built on this machine.
Way = Literal["pull", "build"]

#: Kourier's NodePorts in the cluster, which kind forwards to the two ports of the host.
HTTP_NODE_PORT = 31080
HTTPS_NODE_PORT = 31443

NAMESPACE = "trellis"
DOMAIN = "localhost"

_CHECKOUT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class Settings:
    """The choices; ``way`` is None where the cluster is to choose by itself."""

    cluster: str = "trellis"
    http_port: int = 18080
    https_port: int = 18443
    cache: Path = Path.home() / ".cache" / "trellis-cluster"
    way: Way | None = None
    checkout: Path = _CHECKOUT

    @property
    def state(self) -> Path:
        """The folder of this cluster's kubeconfig and certificates, ignored by git."""
        folder = self.checkout / ".cluster"
        return folder if self.cluster == Settings.cluster else folder / self.cluster

    @property
    def kubeconfig(self) -> Path:
        """What `kubectl` needs to reach the cluster."""
        return self.state / "kubeconfig"

    @property
    def tools(self) -> Path:
        """The folder of `kind`, `kubectl` and `helm`, by these names."""
        return self.cache / "tools"

    @property
    def control_plane(self) -> str:
        """Name of the node (and container) that runs all system components."""
        return f"{self.cluster}-control-plane"

    @property
    def workers(self) -> tuple[str, str]:
        """Names of the untainted worker and of the tainted GPU worker."""
        return f"{self.cluster}-worker", f"{self.cluster}-worker2"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of all nodes."""
        return (self.control_plane, *self.workers)


def from_environment(environment: Mapping[str, str]) -> Settings:
    """The settings of the `TRELLIS_CLUSTER*` variables, each with its default.

    :raises ClusterError: for a value that cannot be used; names the variable.
    """
    default = Settings()
    name = environment.get("TRELLIS_CLUSTER") or default.cluster
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f"TRELLIS_CLUSTER is {name!r}: a cluster's name has small letters, digits and dashes, at most 32.",
            "Set another name, or unset it for the name trellis.",
        )
    way = environment.get("TRELLIS_CLUSTER_SOURCE") or None
    if way is not None and way not in get_args(Way):
        raise ClusterError(
            f"TRELLIS_CLUSTER_SOURCE is {way!r}: it is pull or build.",
            "Unset it to let the cluster choose: build where no image registry answers.",
        )
    http = _port(environment, "TRELLIS_CLUSTER_HTTP_PORT", default.http_port)
    https = _port(environment, "TRELLIS_CLUSTER_HTTPS_PORT", default.https_port)
    if http == https:
        raise ClusterError(
            f"TRELLIS_CLUSTER_HTTP_PORT and TRELLIS_CLUSTER_HTTPS_PORT are both {http}.",
            "Give them different ports.",
        )
    cache = environment.get("TRELLIS_CLUSTER_CACHE")
    return Settings(
        cluster=name,
        http_port=http,
        https_port=https,
        cache=Path(cache).expanduser().absolute() if cache else default.cache,
        way=way,  # type: ignore[arg-type] # one of Way's values, as tested above
    )


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name)
    if not value:
        return default
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise ClusterError(
            f"{name} is {value!r}: a port is a number from 1 to 65535.",
            f"Unset it for port {default}.",
        )
    return int(value)
