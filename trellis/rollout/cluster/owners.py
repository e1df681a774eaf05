"""Who set the canary's weight, read from an object's ``managedFields``."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from trellis.rollout.cluster.api import MANAGER

#: Managers that write with Update and yet apply a file again and again: what they leave out goes.
_APPLIERS = ("kubectl-client-side-apply", "before-first-apply", "helm", "argocd", "kapp", "tofu", "terraform", "pulumi")  # fmt: skip


class Owner(NamedTuple):
    """Of ``spec.predictor.canaryTrafficPercent``: what it is to us, and its manager's name."""

    kind: Literal["us", "hand", "applier", "nobody"]
    name: str = ""


def weight_owner(managed: Iterable[Mapping[str, Any]]) -> Owner:
    """The owner who matters most: one who applies a file, else a hand, else us.

    An applier who shares the field with us still decides of it: with its next file that has another
    value, or none. Nobody owns what a webhook set.
    """
    owners = [_owner(entry) for entry in managed if _holds(entry.get("fieldsV1"))]
    for kind in ("applier", "hand", "us"):
        for owner in owners:
            if owner.kind == kind:
                return owner
    return Owner("nobody")


def _holds(fields: Any) -> bool:
    for part in ("f:spec", "f:predictor", "f:canaryTrafficPercent"):
        if not isinstance(fields, Mapping) or part not in fields:
            return False
        fields = fields[part]
    return True


def _owner(entry: Mapping[str, Any]) -> Owner:
    name = str(entry.get("manager") or "")
    if name == MANAGER:
        return Owner("us", name)
    applies = entry.get("operation") == "Apply" or name.lower().startswith(_APPLIERS)
    return Owner("applier" if applies else "hand", name)
