import pytest

from scripts.cluster.components import kourier

TEXT = """\
kind: ConfigMap
metadata:
  name: config-kourier
  namespace: knative-serving
data:
  _example: text
---
kind: Service
metadata:
  name: kourier
spec:
  type: LoadBalancer
  ports:
    - {name: http2, port: 80, targetPort: 8080}
    - {name: https, port: 443, targetPort: 8443}
---
kind: Deployment
metadata:
  name: 3scale-kourier-gateway
spec:
  template:
    spec:
      containers:
        - name: kourier-gateway
          image: envoyproxy/envoy:v1.36-latest
          readinessProbe: {httpGet: {path: /ready, port: 8081}, initialDelaySeconds: 10}
"""


def test_the_service_is_a_node_port_on_the_ports_that_kind_forwards() -> None:
    spec = kourier.manifest(TEXT, None, tls=False).find("Service", "kourier")["spec"]
    assert spec["type"] == "NodePort"
    assert {port["port"]: port["nodePort"] for port in spec["ports"]} == {80: 31080, 443: 31443}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(None, "envoyproxy/envoy:v1.36-latest"), ("envoy:2", "envoy:2")],
    ids=["its own", "another"],
)
def test_envoy_is_the_pinned_one_where_it_must_be(wanted: str | None, expected: str) -> None:
    gateway = kourier.manifest(TEXT, wanted, tls=False).find("Deployment", "3scale-kourier-gateway")
    assert gateway["spec"]["template"]["spec"]["containers"][0]["image"] == expected


@pytest.mark.parametrize(
    ("tls", "secret", "namespace"),
    [(True, "trellis-ingress", "kourier-system"), (False, "", "")],
)
def test_https_is_switched_by_the_certificates_secret(
    *, tls: bool, secret: str, namespace: str
) -> None:
    data = kourier.manifest(TEXT, None, tls=tls).find("ConfigMap", "config-kourier")["data"]
    assert data["certs-secret-name"] == secret
    assert data["certs-secret-namespace"] == namespace


def test_the_gateway_comes_after_what_tells_it_where_to_go() -> None:
    controller, gateway = kourier.without_gateway(kourier.manifest(TEXT, None, tls=False))
    assert [item["metadata"]["name"] for item in gateway.objects] == ["3scale-kourier-gateway"]
    assert [item["kind"] for item in controller.objects] == ["ConfigMap", "Service"]


def test_a_gateway_that_asked_in_vain_is_started_again_soon() -> None:
    gateway = kourier.manifest(TEXT, None, tls=False).find("Deployment", "3scale-kourier-gateway")
    probe = gateway["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= 30
