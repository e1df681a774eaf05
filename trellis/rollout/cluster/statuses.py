"""A status is written by compare-and-swap, of whatever kind."""

from typing import Any, Protocol

from trellis.contracts.routing_table import WireDocument
from trellis.rollout.cluster.api import MANAGER, Api
from trellis.rollout.cluster.facts import Key
from trellis.rollout.cluster.informer import Kind


class Found(Protocol):
    """An object as it was read."""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        ...

    @property
    def uid(self) -> str:
        """Of the object."""
        ...

    @property
    def token(self) -> str:
        """Its resource version."""
        ...


async def put_status(
    api: Api, kind: Kind, word: str, found: Found, status: WireDocument
) -> dict[str, Any]:
    """The object with its new status, as the API gives it; ``word`` is its ``kind``.

    Raises ``Conflict`` where it changed since ``found`` was read, ``Missing`` where it is gone, and
    as ``Api.call``.
    """
    namespace, name = found.key
    body = {
        "apiVersion": kind.group.removeprefix("/apis/"),
        "kind": word,
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": found.uid,
            "resourceVersion": found.token,
        },
        "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    path = f"{kind.path(namespace, name)}/status"
    return await api.call("PUT", path, body, params={"fieldManager": MANAGER})
