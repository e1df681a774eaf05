from pathlib import Path
from typing import Any

import pytest
import yaml

from trellis.rollout.crds.definitions import definition, text
from trellis.rollout.resources import EXPERIMENTS, KINDS, ROLLOUTS, ResourceKind

ROOT = Path(__file__).parents[4]
#: What Argo Rollouts and Kubernetes call theirs; the first to be asked for would win.
TAKEN = frozenset({"ro", "rollout", "rollouts", "exp", "experiment", "experiments", "ar", "at"})


def schema(kind: ResourceKind) -> dict[str, Any]:
    (version,) = definition(kind)["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_the_file_is_the_definition(kind: ResourceKind) -> None:
    assert yaml.safe_load(text(kind)) == definition(kind)
    assert (ROOT / f"manifests/crds/{kind.plural}.yaml").read_text() == text(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_short_names_are_not_those_of_argo(kind: ResourceKind) -> None:
    assert not TAKEN & set(kind.short_names)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_the_controllers_memory_keeps_whatever_it_writes(kind: ResourceKind) -> None:
    status = schema(kind)["status"]["properties"]
    for name in ("plan", "evidence"):
        assert status[name]["x-kubernetes-preserve-unknown-fields"] is True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_columns_show_what_is_there(kind: ResourceKind) -> None:
    (version,) = definition(kind)["spec"]["versions"]
    for column in version["additionalPrinterColumns"]:
        _, part, *path = column["jsonPath"].split(".")
        if part == "metadata":
            continue
        found = schema(kind)[part]
        for name in path:
            found = found["properties"][name]
        assert found["type"] == column["type"]


def test_a_rollout_tells_why_in_a_column() -> None:
    (version,) = definition(ROLLOUTS)["spec"]["versions"]
    names = [column["name"] for column in version["additionalPrinterColumns"]]
    assert names == ["Service", "Phase", "Weight", "Step", "Version", "Message", "Age"]


def test_both_kinds_hold_guardrails_to_the_same_rules() -> None:
    rules = [schema(kind)["spec"]["properties"]["guardrails"]["items"] for kind in KINDS]
    assert rules[0] == rules[1]
    assert len(rules[0]["x-kubernetes-validations"]) >= 9


def test_the_goal_of_an_experiment_has_its_rule() -> None:
    assert schema(EXPERIMENTS)["spec"]["properties"]["goal"]["x-kubernetes-validations"]
