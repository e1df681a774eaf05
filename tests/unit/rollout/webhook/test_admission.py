import copy
from typing import Any, Literal

import pytest

from trellis.contracts.rollout_status import Phase
from trellis.rollout.webhook.admission import Admitted, Governing, admit


def service(version: str = "v1", weight: int | None = None, **predictor: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "model": {"modelFormat": {"name": "trellis"}, "storageUri": f"pvc://models/t/{version}"},
        **predictor,
    }
    if weight is not None:
        whole["canaryTrafficPercent"] = weight
    return {"metadata": {"name": "t"}, "spec": {"predictor": whole}}


def update(
    old: dict[str, Any],
    new: dict[str, Any],
    phase: Phase = "Progressing",
    same_version: Literal["follow", "trial"] = "follow",
    **more: Any,
) -> Admitted:
    request = {"operation": "UPDATE", "object": new, "oldObject": old, **more}
    before = copy.deepcopy(request)
    admitted = admit(request, Governing("t", phase, same_version))
    assert request == before
    return admitted


def patched(new: dict[str, Any], admitted: Admitted) -> int | None:
    """The weight that the object ends with."""
    if not admitted.patch:
        weight: int | None = new["spec"]["predictor"].get("canaryTrafficPercent")
        return weight
    (operation,) = admitted.patch
    present = "canaryTrafficPercent" in new["spec"]["predictor"]
    assert operation["op"] == ("replace" if present else "add")
    assert operation["path"] == "/spec/predictor/canaryTrafficPercent"
    value: int = operation["value"]
    return value


@pytest.mark.parametrize("phase", ["Idle", "Promoted", "Progressing", "RolledBack", "Refused"])
@pytest.mark.parametrize("weight", [None, 0, 20, 100])
def test_a_new_version_begins_without_traffic(phase: Phase, weight: int | None) -> None:
    new = service("v2", weight)
    assert patched(new, update(service("v1", weight), new, phase)) == 0


def test_a_new_version_that_drops_the_weight_begins_without_traffic() -> None:
    new = service("v2")
    assert patched(new, update(service("v1", 20), new)) == 0


@pytest.mark.parametrize(
    "new",
    [
        service(model={"modelFormat": {"name": "trellis"}, "storageUri": "pvc://models/t/v1", "image": "i:2"}),
        service(model={"modelFormat": {"name": "trellis"}, "storageUri": "pvc://models/t/v1", "runtime": "other"}),
        service(model={"modelFormat": {"name": "trellis"}, "storageUri": "pvc://models/t/v1", "args": ["-x"]}),
        service(containers=[{"name": "kserve-container", "image": "i:2"}]),
    ],
    ids=["image", "runtime", "arguments", "custom container"],
)  # fmt: skip
def test_another_image_of_the_same_version_is_another_version(new: dict[str, Any]) -> None:
    assert update(service(), new, "Idle").action == "held"


@pytest.mark.parametrize("change", ["annotation", "replicas", "resources"])
def test_the_same_version_is_let_through_unless_it_is_to_be_tried(change: str) -> None:
    new = service()
    if change == "annotation":
        new["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": "x"}
    elif change == "replicas":
        new["spec"]["predictor"]["minReplicas"] = 3
    else:
        new["spec"]["predictor"]["model"]["resources"] = {"limits": {"cpu": "2"}}
    assert update(service(), new, "Idle").action == "unchanged"
    assert update(service(), new, "Idle", "trial").action == "held"


def test_kubectls_own_annotation_makes_no_revision() -> None:
    new = service()
    key = "kubectl.kubernetes.io/last-applied-configuration"
    new["metadata"]["annotations"] = {key: "{}"}
    assert update(service(), new, "Idle", "trial").action == "unchanged"


@pytest.mark.parametrize("phase", ["Waiting", "Progressing", "Paused", "RollingBack", "RolledBack"])
def test_a_weight_that_is_left_out_of_a_rollout_under_way_is_kept(phase: Phase) -> None:
    new = service("v2")
    admitted = update(service("v2", 20), new, phase)
    assert (admitted.action, patched(new, admitted)) == ("restored", 20)


@pytest.mark.parametrize("phase", ["Idle", "Promoted", "Promoting"])
def test_a_weight_that_stands_for_nothing_may_go(phase: Phase) -> None:
    assert update(service("v2", 20), service("v2"), phase).action == "unchanged"


def test_the_controllers_own_promotion_is_let_through() -> None:
    options = {"fieldManager": "trellis-rollout"}
    assert update(service("v2", 50), service("v2"), options=options).action == "unchanged"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_explicit_weight_is_respected_and_advised_against(version: str) -> None:
    admitted = update(service("v1", 20), service(version, 30))
    assert admitted.action == "unchanged"
    assert admitted.warnings == (
        "Rollout t moves the traffic of t: leave canaryTrafficPercent out",
    )


@pytest.mark.parametrize(
    "predictor",
    [
        {"containers": ["x"]},
        {"containers": {"name": "x"}},
        {"containers": 1},
        {"model": "x", "canaryTrafficPercent": [1]},
        {},
        "x",
        None,
    ],
)
def test_what_breaks_the_schema_is_left_to_the_api_server(predictor: Any) -> None:
    broken = {"metadata": {"name": "t"}, "spec": {"predictor": predictor}}
    for spec in (broken, {**broken, "spec": "x"}):
        request = {"operation": "UPDATE", "object": spec, "oldObject": service()}
        assert admit(request, Governing("t", "Idle")).action in {"held", "unchanged"}


def test_a_warning_of_the_rollout_goes_to_whoever_asks() -> None:
    request = {"operation": "UPDATE", "object": service("v2"), "oldObject": service()}
    admitted = admit(request, Governing("t", "Waiting", warning="Rollout t cannot be read"))
    assert (admitted.action, admitted.warnings) == ("held", ("Rollout t cannot be read",))


def test_a_service_without_a_rollout_is_left_as_it_is() -> None:
    request = {"operation": "UPDATE", "object": service("v2"), "oldObject": service()}
    assert admit(request, None) == Admitted()
