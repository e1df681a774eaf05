"""What every step needs: the settings, the parts, and the programs that reach the cluster."""

from dataclasses import dataclass

from scripts.cluster.preflight import Engine
from scripts.cluster.program import Program
from scripts.cluster.progress import Progress
from scripts.cluster.settings import Settings
from scripts.cluster.supply import Supply


@dataclass(frozen=True)
class Cluster:
    """A cluster that is being brought up, and what is wanted in it beside the core.

    ``lock`` is the file descriptor that holds the cluster's lock.
    """

    settings: Settings
    engine: Engine
    supply: Supply
    progress: Progress
    lock: int
    extras: frozenset[str] = frozenset()

    @property
    def docker(self) -> Program:
        """The engine's client."""
        return self.engine.docker

    @property
    def kind(self) -> Program:
        """The kind of the parts, which holds the lock as long as it runs."""
        return Program(self.settings.tools / "kind", keep=(self.lock,))

    @property
    def kubectl(self) -> Program:
        """The kubectl for this cluster and no other."""
        return kubectl(self.settings)

    @property
    def helm(self) -> Program:
        """Helm for this cluster and no other."""
        return Program(self.settings.tools / "helm", "--kubeconfig", str(self.settings.kubeconfig))


def kubectl(settings: Settings) -> Program:
    """The kubectl for the cluster of some settings and no other."""
    return Program(settings.tools / "kubectl", "--kubeconfig", str(settings.kubeconfig))
