"""Puts images into the nodes: the built parts' archives, and the project's own images."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.program import Program
from scripts.cluster.progress import Say
from scripts.cluster.settings import Settings

#: Parts that run beside models; all others are pinned to the control plane.
_BESIDE_MODELS = frozenset({"knative-queue", "kserve-agent", "kserve-router", "redis"})

#: What GPU models run on; the GPU worker takes nothing else of ours.
_ON_GPUS = frozenset({"predictor", "predictor-gpu"})

#: In a node: a line for each archive that it was given.
_LOADED = "/kind/loaded-images"


@dataclass(frozen=True)
class Archive:
    """An image archive; ``content`` tells one from another of the same name."""

    image: str
    path: Path
    content: str

    @property
    def line(self) -> str:
        """What a node keeps of it."""
        return f"{self.image} {self.content}"


def destinations(image: str, settings: Settings) -> tuple[str, ...]:
    """The nodes that run an image of the parts."""
    name = image.rpartition("/")[2].partition(":")[0]
    return settings.workers if name in _BESIDE_MODELS else (settings.control_plane,)


def own_destinations(image: str, settings: Settings) -> tuple[str, ...]:
    """The nodes that run an image of the project."""
    name = image.rpartition("/")[2].partition(":")[0]
    return settings.workers if name in _ON_GPUS else settings.workers[:1]


def parts(archives: Mapping[str, Path], settings: Settings) -> dict[str, list[Archive]]:
    """By node, the archives of the parts; each file's name says what is in it."""
    by_node: dict[str, list[Archive]] = {node: [] for node in settings.nodes}
    for image, path in archives.items():
        for node in destinations(image, settings):
            by_node[node].append(Archive(image, path, path.name))
    return by_node


def own(docker: Program, settings: Settings, images: Iterable[str]) -> dict[str, list[Archive]]:
    """By node, archives of the project's images, saved from the engine where a node lacks them."""
    by_node: dict[str, list[Archive]] = {}
    for image in images:
        identity = docker("image", "inspect", "--format", "{{.Id}}", image).strip()
        name = image.replace("/", "-").replace(":", "-")
        archive = Archive(image, settings.state / f"{name}.tar", identity)
        lacking = [
            node for node in own_destinations(image, settings) if not _has(docker, node, archive)
        ]
        if lacking:
            docker("save", "--output", str(archive.path), image)
        for node in lacking:
            by_node.setdefault(node, []).append(archive)
    return by_node


def load(
    docker: Program, by_node: Mapping[str, list[Archive]], say: Say, pool: ThreadPoolExecutor
) -> list[Future[None]]:
    """Start to load, the nodes side by side; what a node has it is not given again."""

    def fill(node: str, archives: list[Archive]) -> None:
        for archive in archives:
            if not _has(docker, node, archive):
                say(f"{archive.image} into {node}")
                docker(
                    "exec", "--interactive", node,
                    "ctr", "--namespace", "k8s.io", "images", "import", "-",
                    file=archive.path,
                )  # fmt: skip
                docker("exec", node, "sh", "-c", f"echo '{archive.line}' >> {_LOADED}")

    return [pool.submit(fill, node, archives) for node, archives in by_node.items()]


def _has(docker: Program, node: str, archive: Archive) -> bool:
    # Both: the kubelet may have removed an image of which the node still keeps the line.
    return docker.succeeds(
        "exec", node, "sh", "-c",
        f"grep -qxF '{archive.line}' {_LOADED} && crictl inspecti -q '{archive.image}'",
    )  # fmt: skip
