import pytest

from scripts.cluster.components import knative
from scripts.cluster.documents import Manifest

NAMES = tuple(knative.CONFIGURATION)
TEXT = "\n---\n".join(
    [f"kind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  _example: text" for name in NAMES]
    + [
        "kind: Image\nmetadata:\n  name: queue-proxy",
        "kind: Certificate\nmetadata:\n  name: routing-serving-certs",
        "kind: CustomResourceDefinition\nmetadata:\n  name: services.serving.knative.dev",
    ]
)


def data(manifest: Manifest, name: str) -> dict[str, str]:
    found: dict[str, str] = manifest.find("ConfigMap", name)["data"]
    return found


def test_models_may_use_claims_node_selection_tolerations_and_affinity() -> None:
    features = data(knative.manifest(TEXT), "config-features")
    for name in (
        "persistent-volume-claim",
        "nodeselector",
        "tolerations",
        "affinity",
        "topologyspreadconstraints",
        "securitycontext",
    ):
        assert features[f"kubernetes.podspec-{name}"] == "enabled"


def test_our_images_are_not_looked_up_in_a_registry() -> None:
    skipped = data(knative.manifest(TEXT), "config-deployment")["registries-skipping-tag-resolving"]
    assert "index.docker.io" in skipped.split(",")


def test_queue_proxy_counts_requests() -> None:
    observability = data(knative.manifest(TEXT), "config-observability")
    assert observability["request-metrics-protocol"] == "prometheus"


def test_what_knative_brings_stays_beside_what_is_set() -> None:
    assert data(knative.manifest(TEXT), "config-domain") == {"_example": "text", "localhost": ""}


@pytest.mark.parametrize("redirect", [True, False])
def test_http_is_redirected_only_where_so_asked(*, redirect: bool) -> None:
    network = data(knative.manifest(TEXT, redirect=redirect), "config-network")
    assert network.get("http-protocol") == ("Redirected" if redirect else "Enabled")


def test_resources_of_its_own_definitions_are_left_out() -> None:
    manifest = knative.manifest(TEXT)
    assert {item["kind"] for item in manifest.objects} == {"ConfigMap"}
    assert len(manifest.definitions) == 1
