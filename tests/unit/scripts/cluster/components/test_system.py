from scripts.cluster.components.system import settle
from scripts.cluster.documents import Document, Manifest


def deployment(**container: object) -> Document:
    return {
        "kind": "Deployment",
        "metadata": {"name": "controller"},
        "spec": {"template": {"spec": {"containers": [{"name": "controller", **container}]}}},
    }


def settled(document: Document) -> Document:
    manifest = Manifest(objects=[document])
    settle(manifest)
    pod: Document = manifest.objects[0]["spec"]["template"]["spec"]
    return pod


def test_a_part_of_the_system_lands_on_the_control_plane_only() -> None:
    pod = settled(deployment())
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/control-plane": ""}
    assert [item["key"] for item in pod["tolerations"]] == ["node-role.kubernetes.io/control-plane"]


def test_settling_twice_changes_nothing_more() -> None:
    document = deployment(readinessProbe={"httpGet": {}, "initialDelaySeconds": 30})
    once = settled(document)
    first = repr(once)
    assert repr(settled(document)) == first


def test_requests_are_small_and_the_image_is_the_nodes_own() -> None:
    resources = {"requests": {"cpu": "1"}, "limits": {"cpu": "100m", "memory": "300Mi"}}
    container = settled(deployment(resources=resources, imagePullPolicy="Always"))["containers"][0]
    assert container["resources"]["requests"]["cpu"] == "10m"
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "300Mi"}
    assert container["imagePullPolicy"] == "IfNotPresent"


def test_readiness_is_looked_at_from_the_start_and_liveness_is_patient() -> None:
    probes = {
        "readinessProbe": {"initialDelaySeconds": 30, "periodSeconds": 10},
        "livenessProbe": {"initialDelaySeconds": 30, "failureThreshold": 5},
    }
    container = settled(deployment(**probes))["containers"][0]
    assert container["readinessProbe"]["initialDelaySeconds"] == 0
    assert container["readinessProbe"]["periodSeconds"] == 1
    assert container["livenessProbe"]["initialDelaySeconds"] == 30
    assert container["livenessProbe"]["failureThreshold"] > 5


def test_replicas_of_the_system_are_left_out() -> None:
    manifest = Manifest(
        objects=[
            {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "activator"}},
            {"kind": "PodDisruptionBudget", "metadata": {"name": "activator"}},
            {"kind": "Service", "metadata": {"name": "activator"}},
        ]
    )
    settle(manifest)
    assert [item["kind"] for item in manifest.objects] == ["Service"]
