from typing import Any

from trellis.rollout.cluster import facts
from trellis.rollout.cluster.service import service_seen

SERVICE = {"metadata": {"name": "tomato", "namespace": "farm", "resourceVersion": "1"}}


def raw(**container: Any) -> dict[str, Any]:
    """A revision as Knative writes it."""
    labels = {"serving.knative.dev/service": "tomato-predictor"}
    whole = {"name": "kserve-container", "image": "trellis/predictor:1", **container}
    metadata = {"name": "tomato-predictor-00001", "namespace": "farm", "labels": labels}
    return {"metadata": metadata, "spec": {"containers": [whole]}}


def test_a_revision_tells_how_it_is_asked() -> None:
    grpc = facts.revision(raw(ports=[{"name": "h2c", "containerPort": 8081}]))
    rest = facts.revision(raw(args=["--model_name=leaf"], ports=[{"containerPort": 8080}]))
    assert grpc is not None
    assert rest is not None
    assert (grpc.grpc, grpc.model) == (True, "")
    assert (rest.grpc, rest.model) == (False, "leaf")
    for revision in (grpc, rest):
        seen = service_seen(facts.service(SERVICE), None, [revision], [])
        assert seen.revisions["tomato-predictor-00001"].grpc is revision.grpc


def test_a_service_tells_what_is_behind_its_tags_and_whether_the_ingress_has_it() -> None:
    traffic = [
        {"revisionName": "tomato-predictor-00002", "percent": 0, "tag": "latest"},
        {"revisionName": "tomato-predictor-00001", "percent": 100, "tag": "prev"},
    ]
    status: dict[str, Any] = {"components": {"predictor": {"traffic": traffic}}}
    for said, routed in (("True", True), ("Unknown", False), (None, False)):
        condition = {"type": "PredictorRouteReady", "status": said}
        conditions = [{"type": "Ready", "status": "True"}, *([condition] if said else [])]
        found = facts.service(SERVICE | {"status": status | {"conditions": conditions}})
        seen = service_seen(found, None, [], [])
        assert seen.routed is routed
        assert seen.tags == {
            "latest": "tomato-predictor-00002",
            "prev": "tomato-predictor-00001",
        }
    assert service_seen(facts.service(SERVICE), None, [], []).tags == {}
