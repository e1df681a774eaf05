"""What a cluster is made of, wherever it came from: the same for pulled and for built parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.settings import Way

#: What `up` can add to a cluster, and the groups of parts that each one needs.
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "metrics-server": ("metrics-server",),
    "keda": ("keda",),
    "prometheus": ("prometheus",),
    "flux": ("flux",),
    "tls": (),
    "redirect": (),
}


@dataclass(frozen=True)
class Supply:
    """The parts.

    ``archives`` are image archives by image name, which the nodes must be given since they can
    pull none; ``manifest`` gives the YAML of a component; ``redis`` and ``prometheus`` are image names, ``envoy`` one where the
    component's own is another version; ``base`` is the base of the project's own images.
    """

    way: Way
    node_image: str
    archives: Mapping[str, Path]
    manifest: Callable[[str], str]
    redis: str
    prometheus: str
    envoy: str | None
    base: str
