"""Build groups of a cluster's parts; what is there already costs nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster.offline import images, node, programs
from scripts.cluster.offline.cache import Cache
from scripts.cluster.offline.compile import compile_programs, missing
from scripts.cluster.offline.envoy import fetch_envoy
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.images import Image, write_images
from scripts.cluster.offline.manifests import write_manifests
from scripts.cluster.offline.process import run
from scripts.cluster.offline.programs import Program
from scripts.cluster.versions import version


@dataclass(frozen=True)
class Group:
    """Parts that are asked for together."""

    programs: Sequence[Program] = ()
    images: Sequence[Image] = ()
    manifests: Sequence[str] = ()  # components, by their entry in versions.toml


GROUPS: Mapping[str, Group] = {
    "tools": Group(programs.TOOLS),
    "node": Group((*programs.TOOLS, *programs.NODE)),
    "serving": Group(programs.SERVING, images.SERVING, ("knative", "net-kourier", "kserve")),
    "metrics-server": Group(programs.METRICS_SERVER, images.METRICS_SERVER, ("metrics-server",)),
    "keda": Group(programs.KEDA, images.KEDA, ("keda",)),
    "redis": Group(images=images.REDIS),
    "prometheus": Group(programs.PROMETHEUS, images.PROMETHEUS),
    "base": Group(images=images.BASE),
    "flux": Group(programs.FLUX, images.FLUX, ("source-controller",)),
    "api-server": Group((*programs.TOOLS, *programs.API_SERVER), manifests=("knative", "kserve")),
}
# With these built, Go's caches have done their work.
MOST = ("node", "serving")


@dataclass(frozen=True)
class Parts:
    """What was built."""

    cache: Cache
    images: Mapping[str, Path]  # archives to load into a cluster, by image name

    @property
    def tools(self) -> Path:
        """The folder with kind, kubectl and helm, by these names."""
        return self.cache.tools

    def tool(self, name: str) -> Path:
        """One of them.

        :raises KeyError: where there is no such tool.
        """
        if name not in {tool.name for tool in programs.TOOLS}:
            raise KeyError(f"no tool {name}; there are {', '.join(t.name for t in programs.TOOLS)}")
        return self.cache.tools / name

    @property
    def node_image(self) -> str:
        """The node image's name in Docker."""
        return node.reference(self.cache)

    def manifests(self, component: str) -> Path:
        """The folder of a component's manifests; its name is that of versions.toml."""
        return self.cache.manifests(component, version(component))


def build(cache: Path, groups: Sequence[str], say: Callable[[str], None]) -> Parts:
    """Build the groups into the folder `cache`; `node` and `base` are loaded into Docker too.

    :raises BuildError: where a part cannot be built; what was built before stays, and a second call
        goes on from there.
    """
    unknown = [name for name in groups if name not in GROUPS]
    if unknown:
        raise BuildError(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    kept = Cache(cache)
    if not _whole(kept, groups):
        with kept.locked(say):
            _make(kept, groups, say)
    for name, archive in _machines(kept, groups).items():
        _load(name, archive, say)
    wanted = [image for group in groups if group != "base" for image in GROUPS[group].images]
    return Parts(kept, {image.reference: image.archive(kept) for image in wanted})


def _machines(cache: Cache, groups: Sequence[str]) -> dict[str, Path]:
    """The archives that Docker itself needs, by image name."""
    archives = {}
    if "node" in groups:
        archives[node.reference(cache)] = node.archive(cache)
    if "base" in groups:
        archives |= {i.reference: i.archive(cache) for i in images.BASE}
    return archives


def _whole(cache: Cache, groups: Sequence[str]) -> bool:
    """Whether nothing is to be built, so that nobody need wait for another's build."""
    wanted = [GROUPS[name] for name in groups]
    paths = [cache.program(p.name, p.version) for group in wanted for p in group.programs]
    paths += [
        cache.tools / p.name for group in wanted for p in group.programs if p in programs.TOOLS
    ]
    paths += [i.archive(cache) for group in wanted for i in group.images]
    paths += [cache.manifests(name, version(name)) for group in wanted for name in group.manifests]
    return all(path.exists() for path in [*paths, *_machines(cache, groups).values()])


def _make(cache: Cache, groups: Sequence[str], say: Callable[[str], None]) -> None:
    wanted = [GROUPS[name] for name in groups]
    compiled = list(dict.fromkeys(program for group in wanted for program in group.programs))
    if missing(cache, compiled):
        cache.require_room()
    compile_programs(cache, compiled, say)
    _link_tools(cache)
    if "serving" in groups:
        fetch_envoy(cache, say)
    for group in wanted:
        write_manifests(cache, group.manifests, say)
        write_images(cache, group.images, say)
    if "node" in groups:
        node.write_node(cache, say)
    if not missing(cache, [p for name in MOST for p in GROUPS[name].programs]):
        cache.drop_go()


def _link_tools(cache: Cache) -> None:
    cache.tools.mkdir(exist_ok=True)
    for tool in programs.TOOLS:
        target = cache.program(tool.name, tool.version)
        link = cache.tools / tool.name
        if target.exists() and (not link.is_symlink() or link.readlink() != target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def _load(name: str, archive: Path, say: Callable[[str], None]) -> None:
    """Load an image into Docker where it is not there."""
    if run("docker", "images", "--quiet", name).strip():
        return
    say(f"loading {name} into Docker")
    run("docker", "load", "--quiet", "--input", archive)
