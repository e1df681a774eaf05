"""A Rollout in the cluster as people see it, and the traffic that it moved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.support.kube import Document, Kube, condition
from tests.e2e.support.services import Service, traffic
from tests.e2e.support.waiting import NotYet, wait_for
from tests.integration.beside import Beside

#: Far beyond what a rollout of these tests takes, for a busy machine.
PATIENCE = 240.0
_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Rollout:
    """The Rollout of a service, of the same name."""

    kube: Kube
    namespace: str
    name: str

    def apply(self, **spec: Any) -> None:
        """``kubectl apply`` it."""
        document = {
            "apiVersion": "trellis.dev/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": self.name},
            "spec": {"inferenceService": self.name, **spec},
        }
        self.kube.apply(document, namespace=self.namespace)

    @property
    def status(self) -> dict[str, Any]:
        """As it was written last; empty before."""
        found = self.kube.get("rollouts.trellis.dev", self.name, self.namespace)
        status: dict[str, Any] = found.get("status") or {}
        return status

    def until(self, phase: str, version: str = "") -> dict[str, Any]:
        """Wait for a phase, of that version where one is named; gives the status."""

        def look() -> dict[str, Any]:
            status = self.status
            side = status.get("canary") or status.get("stable") or {}
            if status.get("phase") != phase or (version and side.get("version") != version):
                raise NotYet(f"it is {status.get('phase')}: {status.get('message')}")
            return status

        return wait_for(f"phase {phase} of {self.name} {version}", look, PATIENCE)

    def until_done(self, what: str) -> dict[str, Any]:
        """Wait until the history's last entry is this; gives the status."""

        def look() -> dict[str, Any]:
            status = self.status
            last = (status.get("history") or [{}])[-1].get("what")
            if last != what:
                raise NotYet(f"the last that was done is {last}")
            return status

        return wait_for(f"{what} in the history of {self.name}", look, PATIENCE)

    def until_weight(self, weight: int) -> dict[str, Any]:
        """Wait until the status has this weight."""

        def look() -> dict[str, Any]:
            status = self.status
            if status.get("weight") != weight:
                raise NotYet(f"it is {status.get('weight')}: {status.get('message')}")
            return status

        return wait_for(f"weight {weight} of {self.name}", look, PATIENCE)

    def wait_as_people_do(self, what: str) -> str:
        """``kubectl wait``; raises ``ProgramFailed`` where it does not come."""
        return self.kube.run(
            "wait", f"--for=condition={what}", f"rollouts.trellis.dev/{self.name}",
            "--namespace", self.namespace, f"--timeout={PATIENCE:.0f}s",
        )  # fmt: skip

    def shown(self) -> str:
        """What ``kubectl get`` prints."""
        return self.kube.run(
            "get", "rollouts.trellis.dev", self.name, "--namespace", self.namespace
        )

    def events(self) -> list[Document]:
        """Events about it, the newest last."""
        found = self.kube.all("events", self.namespace)
        mine = [item for item in found if item["involvedObject"].get("kind") == "Rollout"]
        return sorted(mine, key=lambda item: str(item.get("eventTime") or item["lastTimestamp"]))


def is_true(status: Mapping[str, Any], kind: str) -> bool:
    """Whether a condition holds."""
    return bool(condition({"status": dict(status)}, kind)["status"] == "True")


@dataclass
class Shares(Beside):
    """A context that looks at a service's traffic while it is open, and keeps every other one that it saw,
    in percent by revision.
    """

    service: Service
    seen: list[dict[str, int]] = field(default_factory=list)

    def of(self, revision: str) -> list[int]:
        """The revision's shares in their order, each once in a row."""
        shares = [found.get(revision, 0) for found in self.seen]
        return [
            share for place, share in enumerate(shares) if not place or share != shares[place - 1]
        ]

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            found = traffic(self.service.knative)
            if found and (not self.seen or found != self.seen[-1]):
                self.seen.append(found)
