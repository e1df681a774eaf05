from typing import Any

import pytest

from trellis.rollout.cluster.owners import weight_owner

WEIGHT: dict[str, Any] = {"f:spec": {"f:predictor": {"f:canaryTrafficPercent": {}}}}
OTHER: dict[str, Any] = {"f:spec": {"f:predictor": {"f:model": {"f:storageUri": {}}}}}


def entry(manager: str, operation: str, fields: Any = WEIGHT) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ([], "nobody"),
        ([entry("git", "Apply", OTHER)], "nobody"),
        ([entry("git", "Apply", None)], "nobody"),
        ([entry("trellis-rollout", "Apply")], "us"),
        ([entry("trellis-rollout", "Update")], "us"),
        ([entry("kubectl-edit", "Update")], "hand"),
        ([entry("git", "Apply")], "applier"),
        ([entry("kubectl-client-side-apply", "Update")], "applier"),
        ([entry("helm", "Update")], "applier"),
        ([entry("trellis-rollout", "Apply"), entry("git", "Apply")], "applier"),
        ([entry("trellis-rollout", "Apply"), entry("kubectl-edit", "Update")], "hand"),
    ],
)
def test_the_owner_who_matters_most_is_told(entries: list[dict[str, Any]], kind: str) -> None:
    assert weight_owner(entries).kind == kind
