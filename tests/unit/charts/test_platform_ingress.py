from typing import Any

import pytest

from tests.unit.charts.helm import PLATFORM, Document, Helm, named, of_kind
from tests.unit.manifests.flows import parties
from tests.unit.manifests.network import Peer, Port, allowed

KOURIER = {"kind": "kourier", "hosts": ["a.example.com"]}
KUBERNETES = {"kind": "kubernetes", "hosts": ["a.example.com", "b.example.com"]}


def rendered(helm: Helm, **ingress: Any) -> list[Document]:
    return helm.render(PLATFORM, {"gateway": {"ingress": ingress}})


def targets(document: Document) -> dict[str, str]:
    """The Service by host, of Knative's form."""
    found: dict[str, str] = {}
    for rule in document["spec"]["rules"]:
        ((split,),) = [path["splits"] for path in rule["http"]["paths"]]
        assert rule["visibility"] == "ExternalIP"
        assert split["percent"] == 100
        assert (split["serviceNamespace"], split["servicePort"]) == ("trellis", 80)
        found |= dict.fromkeys(rule["hosts"], split["serviceName"])
    return found


def test_by_default_there_is_none(helm: Helm) -> None:
    assert of_kind(helm.render(PLATFORM), "Ingress") == []


def test_kourier_leads_rest_and_grpc_to_services_of_their_own(helm: Helm) -> None:
    found = rendered(helm, **KOURIER, grpcHosts=["grpc.example.com"])
    ingress = named(found, "Ingress", "trellis-gateway")
    assert ingress["apiVersion"] == "networking.internal.knative.dev/v1alpha1"
    assert targets(ingress) == {
        "a.example.com": "trellis-gateway",
        "grpc.example.com": "trellis-gateway-grpc",
    }
    assert ingress["spec"]["httpOption"] == "Enabled"
    assert "tls" not in ingress["spec"]


def test_kourier_takes_a_certificate_and_redirects(helm: Helm) -> None:
    (ingress,) = of_kind(rendered(helm, **KOURIER, tlsSecret="t", redirect=True), "Ingress")
    assert ingress["spec"]["httpOption"] == "Redirected"
    (tls,) = ingress["spec"]["tls"]
    assert tls == {"hosts": ["a.example.com"], "secretName": "t", "secretNamespace": "trellis"}


def test_an_ingress_of_kubernetes_has_class_annotations_and_certificate(helm: Helm) -> None:
    more = {"className": "nginx", "annotations": {"a": "b"}, "tlsSecret": "t"}
    (ingress,) = of_kind(rendered(helm, **KUBERNETES, **more), "Ingress")
    assert ingress["apiVersion"] == "networking.k8s.io/v1"
    assert ingress["metadata"]["annotations"] == {"a": "b"}
    spec = ingress["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": KUBERNETES["hosts"], "secretName": "t"}]
    assert [rule["host"] for rule in spec["rules"]] == KUBERNETES["hosts"]
    for rule in spec["rules"]:
        (path,) = rule["http"]["paths"]
        service = {"name": "trellis-gateway", "port": {"name": "http"}}
        assert path == {"path": "/", "pathType": "Prefix", "backend": {"service": service}}


@pytest.mark.parametrize("port", [8080, 8081])
def test_one_s_own_controller_is_let_in(helm: Helm, port: int) -> None:
    labels = {"kubernetes.io/metadata.name": "nginx"}
    controller = Peer("controller", "nginx", {"app": "nginx"})
    who = parties()

    def reaches(source: Peer, name: str, **ingress: Any) -> bool:
        policies = of_kind(rendered(helm, **KUBERNETES, **ingress), "NetworkPolicy")
        return allowed(source, who[name], Port(port), policies)

    peers = [{"namespaceSelector": {"matchLabels": labels}}]
    assert not reaches(controller, "gateway")
    assert reaches(controller, "gateway", **{"from": peers})
    assert not reaches(controller, "worker", **{"from": peers})
    assert not reaches(who["somebody in the namespace"], "gateway", **{"from": peers})


def test_gateway_and_workers_go_where_they_are_let(helm: Helm) -> None:
    store = Peer("a Redis of one's own", None, address="10.9.0.7")
    who = parties()
    egress = [{"to": [{"ipBlock": {"cidr": "10.9.0.0/24"}}], "ports": [{"port": 6379}]}]
    closed = of_kind(helm.render(PLATFORM), "NetworkPolicy")
    opened = of_kind(
        helm.render(PLATFORM, {"networkPolicies": {"egress": egress}}), "NetworkPolicy"
    )
    for name in ("gateway", "worker"):
        assert not allowed(who[name], store, Port(6379), closed)
        assert allowed(who[name], store, Port(6379), opened)
    assert not allowed(who["predictor"], store, Port(6379), opened)


@pytest.mark.parametrize("name", ["trellis-gateway", "trellis-gateway-grpc"])
def test_a_service_has_one_port_whose_target_kourier_can_read(helm: Helm, name: str) -> None:
    """It takes the number of a target and no name, and speaks HTTP/2 to all ports beside an h2c."""
    rendered = helm.render(PLATFORM)
    (port,) = named(rendered, "Service", name)["spec"]["ports"]
    (container,) = named(rendered, "Deployment", "trellis-gateway")["spec"]["template"]["spec"][
        "containers"
    ]
    ports = {item["name"]: item["containerPort"] for item in container["ports"]}
    grpc = name.endswith("grpc")
    assert (port["name"] == "h2c") is grpc
    assert port["targetPort"] == ports["grpc" if grpc else "http"]
