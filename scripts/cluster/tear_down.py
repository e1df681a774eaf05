"""Takes the cluster down: its nodes, what it wrote into the checkout, and images where so asked."""

from scripts.cluster import choices, nodes
from scripts.cluster.errors import ClusterError
from scripts.cluster.lock import held
from scripts.cluster.preflight import engine
from scripts.cluster.program import Program
from scripts.cluster.progress import Progress
from scripts.cluster.settings import Settings


def tear_down(settings: Settings, progress: Progress, *, images: bool) -> None:
    """Remove the cluster; with ``images`` the node image and the project's own too.

    Built parts stay in the cache. It can be run again, also where there is nothing to remove.

    :raises ClusterError: where the nodes are not of this checkout.
    """
    docker = engine().docker
    with (
        held(settings.state, progress.note),
        progress.step("Nodes, kubeconfig and certificates removed"),
    ):
        there = nodes.found(docker, settings.cluster)
        models = str(settings.checkout / "models")
        foreign = sorted(node.name for node in there if node.models != models)
        if foreign:
            raise ClusterError(
                f"{', '.join(foreign)} are not of this checkout.",
                f"`kind delete cluster --name {settings.cluster}` removes them all the same.",
            )
        nodes.remove(docker, there, settings.kubeconfig)
        for name in ("ca.crt", "ca.key", "whole"):
            (settings.state / name).unlink(missing_ok=True)
        choices.forget(settings.state)
    if images:
        with progress.step("Images removed"):
            _remove_images(docker)


def _remove_images(docker: Program) -> None:
    names = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "trellis/*").split()
    if names:
        docker("image", "rm", "--force", *names)
