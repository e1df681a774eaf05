"""The cluster's API through kubectl, in documents."""

import json
from collections.abc import Sequence
from typing import Any

from scripts.cluster.cluster import kubectl
from scripts.cluster.program import Program, ProgramFailed
from scripts.cluster.settings import Settings
from tests.e2e.support.waiting import NotYet, wait_for

Document = dict[str, Any]


class Kube:
    """kubectl for the cluster under test and no other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.run: Program = kubectl(settings)

    def get(self, kind: str, name: str, namespace: str = "default") -> Document:
        """One object. Raises ``ProgramFailed`` where there is none."""
        return self._json("get", kind, name, "--namespace", namespace)

    def find(self, kind: str, name: str, namespace: str = "default") -> Document | None:
        """One object, or None."""
        told = self.run(
            "get", kind, name, "--namespace", namespace, "--ignore-not-found", "-o", "json"
        )
        return json.loads(told) if told.strip() else None

    def all(self, kind: str, namespace: str | None = None, selector: str = "") -> list[Document]:
        """The objects of a kind, in one namespace or in all, that ``selector`` takes."""
        where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
        items: list[Document] = self._json("get", kind, *where, "--selector", selector)["items"]
        return items

    def apply(
        self, *documents: Document, namespace: str | None = None, options: Sequence[str] = ()
    ) -> None:
        """``kubectl apply`` with ``options``; ``namespace`` is for those that name none."""
        where = ["--namespace", namespace] if namespace else []
        self.run("apply", *where, *options, "-f", "-", text=stream(*documents))

    def patch(self, kind: str, name: str, namespace: str, change: Document) -> None:
        """A JSON merge patch: None removes a field."""
        self.run(
            "patch", kind, name, "--namespace", namespace, "--type=merge",
            "--patch", json.dumps(change),
        )  # fmt: skip

    def delete(
        self, kind: str, name: str, namespace: str = "default", *, wait: bool = True
    ) -> None:
        """Delete an object that may be gone already."""
        self.run(
            "delete", kind, name, "--namespace", namespace, "--ignore-not-found",
            f"--wait={str(wait).lower()}",
        )  # fmt: skip

    def refusal(self, *documents: Document, namespace: str) -> str:
        """What the API answers to documents that it must refuse.

        Raises ``AssertionError`` where it takes them. They are only tried: ``--dry-run=server``.
        """
        arguments = ["apply", "--dry-run=server", "--namespace", namespace, "-f", "-"]
        try:
            told = self.run(*arguments, text=stream(*documents))
        except ProgramFailed as error:
            return error.said
        raise AssertionError(f"the API took it: {told}")

    def until_gone(self, kind: str, name: str, namespace: str, seconds: float) -> None:
        """Wait until an object that is being deleted is no more."""

        def look() -> None:
            if found := self.find(kind, name, namespace):
                raise NotYet(f"it is there: {found.get('status', {}).get('phase', 'no phase')}")

        wait_for(f"end of {kind} {name} in {namespace}", look, seconds)

    def raw(self, path: str) -> str:
        """What the API server answers on a path, a proxied one too."""
        return self.run("get", "--raw", path)

    def _json(self, *arguments: str) -> Document:
        told: Document = json.loads(self.run(*arguments, "-o", "json"))
        return told


def stream(*documents: Document) -> str:
    """Documents as one that kubectl reads from standard input."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})


def condition(document: Document, kind: str) -> Document:
    """A condition of an object's status; one of status Unknown where there is none."""
    conditions: list[Document] = document.get("status", {}).get("conditions", [])
    return next(
        (item for item in conditions if item["type"] == kind), {"type": kind, "status": "Unknown"}
    )
