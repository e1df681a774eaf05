"""Brings the cluster up: each step can be run again, and repairs what it finds half-made."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from scripts.cluster import (
    apply,
    built,
    choices,
    first_answer,
    node_images,
    nodes,
    nodes_up,
    own_images,
    platform,
    pulled,
    waiting,
    way,
)
from scripts.cluster.cluster import Cluster
from scripts.cluster.components import chosen
from scripts.cluster.lock import held
from scripts.cluster.preflight import Engine, check_disk, check_ports, engine
from scripts.cluster.progress import Progress
from scripts.cluster.settings import Settings
from scripts.cluster.supply import EXTRAS, Supply

#: The groups of built parts that every cluster has.
_CORE = ("tools", "node", "serving", "redis", "base")


def bring_up(
    settings: Settings,
    progress: Progress,
    asked: tuple[str, ...] | None,
    images: tuple[str, ...],
) -> Cluster:
    """A cluster that answers predictions.

    ``asked`` are keys of `EXTRAS`, None for those of the last time; ``images`` are targets of our
    Dockerfile.

    :raises ClusterError: where a step cannot go on; running it again goes on from there.
    """
    with progress.step("Container engine"):
        found = engine()
    with held(settings.state, progress.note) as lock:
        if not nodes.found(found.docker, settings.cluster):
            # Before the parts, which may take half an hour.
            check_disk(found.folder, settings.cache)
            check_ports(settings)
        extras = choices.extras(settings.state, asked)
        groups = [*_CORE, *(group for extra in sorted(extras) for group in EXTRAS[extra])]
        supply = parts(settings, progress, found, groups)
        cluster = Cluster(settings, found, supply, progress, lock, extras)
        _steps(cluster, images)
    return cluster


def _steps(cluster: Cluster, images: tuple[str, ...]) -> None:
    settings, progress, kubectl = cluster.settings, cluster.progress, cluster.kubectl
    with progress.step("Nodes") as say:
        nodes_up.bring_up(cluster, say)
    with ThreadPoolExecutor() as pool:
        with progress.step("Images of the parts, and definitions") as say:
            loading = node_images.load(
                cluster.docker, node_images.parts(cluster.supply.archives, settings), say, pool
            )
            wanted = chosen.components(cluster)
            apply.definitions(kubectl, [item.manifest for item in wanted], say)
            for node in loading:
                node.result()
        own = pool.submit(_own_images, cluster, images, pool)
        with progress.step(", ".join(item.name for item in wanted)) as say:
            for component in wanted:
                say(f"the API to take {component.name}")
                apply.objects(kubectl, component.manifest.objects, say)
            namespaces = [item.namespace for item in wanted]
            waiting.deployments(kubectl, namespaces, say)
            later = [document for item in wanted for document in item.later.objects]
            apply.objects(kubectl, later, say)
            waiting.deployments(kubectl, namespaces, say)
            say("aggregated APIs to answer")
            kubectl("wait", "apiservice", "--all", "--for=condition=Available", "--timeout=120s")
        with progress.step("Trellis") as say:
            platform.namespace(cluster, say)
            say(f"the workers to have {', '.join(images)}")
            own.result()
            platform.chart(cluster, images, say)
    with progress.step("First prediction") as say:
        first_answer.deploy(kubectl, settings, say)
        first_answer.ask(kubectl, settings, say)


def _own_images(cluster: Cluster, images: tuple[str, ...], pool: ThreadPoolExecutor) -> None:
    """Build what the engine lacks, and load it, while the components come up."""
    settings, docker, note = cluster.settings, cluster.docker, cluster.progress.note
    names = own_images.ensure(cluster.supply.base, images, note)
    by_node = node_images.own(docker, settings, names)
    for node in node_images.load(docker, by_node, lambda _: None, pool):
        node.result()
    for archives in by_node.values():
        for archive in archives:
            archive.path.unlink(missing_ok=True)


def parts(settings: Settings, progress: Progress, found: Engine, groups: Sequence[str]) -> Supply:
    """The parts, pulled or built, and a line that says which and why."""
    source, why = way.choose(settings, found.registry)
    progress.note(f"Parts: {source} ({why})")
    with progress.step("Parts") as say:
        if source == "pull":
            return pulled.supply(settings.cache, found.docker, say)
        return built.supply(settings.cache, groups, say)
