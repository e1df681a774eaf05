import base64
import hashlib
from typing import Any

import pytest

from tests.unit.charts.helm import PLATFORM, Document, Helm, Refused, named, of_kind
from tests.unit.manifests.pod_security import violations
from trellis.gateway.allowed_hosts import HostNames
from trellis.gateway.settings import Settings

WORKLOADS = ("trellis-gateway", "trellis-worker")
OWN_REDIS = {"bring": False, "url": "redis://a:6379/0", "cacheUrl": "redis://b:6379/0"}


def gateway(helm: Helm, values: dict[str, Any] | None = None) -> list[Document]:
    return helm.render(PLATFORM, {"gateway": values or {}})


def pod_of(rendered: list[Document], name: str) -> dict[str, Any]:
    spec: dict[str, Any] = named(rendered, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def environment(pod: dict[str, Any]) -> dict[str, str]:
    """What stands in the pod itself, and not in a Secret."""
    return {
        entry["name"]: entry["value"]
        for entry in pod["containers"][0]["env"]
        if "valueFrom" not in entry
    }


def drawn(rendered: list[Document]) -> dict[str, str]:
    """The Secret that the chart made, as a process gets it."""
    data = named(rendered, "Secret", "trellis-gateway")["data"]
    return {name: base64.b64decode(value).decode() for name, value in data.items()}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_is_restricted_and_has_no_token(helm: Helm, name: str) -> None:
    pod = pod_of(gateway(helm), name)
    assert list(violations(pod)) == []
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_variable_is_a_setting_and_the_process_takes_them(
    helm: Helm, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"controllerUrl": "http://c:8080", "prometheusUrl": "http://p:9090", "env": ENV}
    rendered = gateway(helm, values)
    pod = pod_of(rendered, name)
    addresses = named(rendered, "Secret", "trellis-redis")["stringData"]
    variables = {**environment(pod), **drawn(rendered), **addresses}
    taken = {entry["name"] for entry in pod["containers"][0]["env"]} | set(drawn(rendered))
    unknown = {
        variable
        for variable in taken
        if variable.removeprefix("TRELLIS_").lower() not in Settings.model_fields
    }
    assert unknown == set()
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    found = Settings(_env_file=None)
    assert found.auth == "keys"
    assert found.routing_table_url == "http://c:8080/routing-table"
    assert found.request_timeout == 30
    assert found.controller_token is not None
    assert found.callback_secret is not None


ENV = {"TRELLIS_REQUEST_TIMEOUT": "30"}
THREE = {"model": "a", "arms": [{"version": v, "service": v} for v in ("v1", "v2", "v3")]}


def test_an_open_gateway_goes_by_the_names_that_lead_to_it(helm: Helm) -> None:
    ingress = {"kind": "kubernetes", "hosts": ["a.b"]}
    more = {"env": {"TRELLIS_ALLOWED_HOSTS": "c.d"}, "ingress": ingress}
    own = environment(pod_of(gateway(helm, {"auth": "open", **more}), "trellis-gateway"))
    names = HostNames(own["TRELLIS_ALLOWED_HOSTS"])
    service = "trellis-gateway.trellis"
    led = (
        "a.b",
        "c.d",
        "trellis-gateway",
        service,
        f"{service}.svc",
        f"{service}.svc.cluster.local",
    )
    assert all(names.allow(name.encode()) for name in led)
    assert not names.allow(b"elsewhere.example")
    closed = environment(pod_of(gateway(helm), "trellis-gateway"))
    assert "TRELLIS_ALLOWED_HOSTS" not in closed


def test_the_dashboard_shows_the_release_s_namespace(helm: Helm) -> None:
    own = environment(pod_of(gateway(helm, {"prometheusUrl": "http://p:9090"}), "trellis-gateway"))
    assert own["TRELLIS_PROMETHEUS_NAMESPACE"] == "trellis"
    without = environment(pod_of(gateway(helm), "trellis-gateway"))
    assert "TRELLIS_PROMETHEUS_NAMESPACE" not in without


@pytest.mark.parametrize("name", WORKLOADS)
def test_secrets_are_not_in_the_pod_s_own_text(helm: Helm, name: str) -> None:
    rendered = gateway(helm)
    text = str(named(rendered, "Deployment", name))
    assert not [value for value in drawn(rendered).values() if value in text]
    assert len(set(drawn(rendered).values())) == 4


def test_a_secret_of_one_s_own_is_named_and_none_is_made(helm: Helm) -> None:
    rendered = gateway(helm, {"existingSecret": "mine"})
    assert {item["metadata"]["name"] for item in of_kind(rendered, "Secret")} == {"trellis-redis"}
    for name in WORKLOADS:
        (container,) = pod_of(rendered, name)["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "mine"}}]


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_gets_the_time_that_its_process_takes_to_end(helm: Helm, name: str) -> None:
    rendered = helm.render(
        PLATFORM,
        {"gateway": {"drainDelaySeconds": 7, "graceSeconds": 20}, "worker": {"graceSeconds": 9}},
    )
    pod = pod_of(rendered, name)
    own = environment(pod)
    ending = float(own.get("TRELLIS_DRAIN_DELAY", 0)) + float(own["TRELLIS_GRACE_PERIOD"])
    assert pod["terminationGracePeriodSeconds"] == ending + 15


def test_readiness_goes_before_the_drain_delay_ends(helm: Helm) -> None:
    pod = pod_of(gateway(helm), "trellis-gateway")
    probe = pod["containers"][0]["readinessProbe"]
    seen_after = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    assert seen_after <= float(environment(pod)["TRELLIS_DRAIN_DELAY"])


def test_a_request_in_flight_may_take_as_long_as_any(helm: Helm) -> None:
    pod = pod_of(gateway(helm), "trellis-gateway")
    grace = float(environment(pod)["TRELLIS_GRACE_PERIOD"])
    assert grace >= Settings.model_fields["request_timeout"].default


def test_the_ports_are_the_settings(helm: Helm) -> None:
    rendered = gateway(helm)

    def ports(name: str) -> dict[str, int]:
        (container,) = pod_of(rendered, name)["containers"]
        return {port["name"]: port["containerPort"] for port in container["ports"]}

    default = {name: field.default for name, field in Settings.model_fields.items()}
    assert ports("trellis-gateway") == {
        name: default[f"{name}_port"] for name in ("http", "grpc", "metrics")
    }
    assert ports("trellis-worker") == {"health": default["worker_port"]}


def test_no_service_leads_to_the_metrics(helm: Helm) -> None:
    rendered = gateway(helm, {"ingress": {"kind": "kubernetes", "hosts": ["a.b"]}})
    (container,) = pod_of(rendered, "trellis-gateway")["containers"]
    (metrics,) = (port for port in container["ports"] if port["name"] == "metrics")
    led_to = {
        port["targetPort"]
        for service in of_kind(rendered, "Service")
        for port in service["spec"]["ports"]
    }
    assert not led_to & {metrics["name"], metrics["containerPort"]}


def test_prometheus_asks_at_a_port_that_the_pod_has(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, {"monitoring": {"enabled": True}})
    for name in WORKLOADS:
        (container,) = pod_of(rendered, name)["containers"]
        (endpoint,) = named(rendered, "PodMonitor", name)["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in {port["name"] for port in container["ports"]}


def test_the_service_finds_the_gateway_and_no_worker(helm: Helm) -> None:
    rendered = gateway(helm)
    selector = named(rendered, "Service", "trellis-gateway")["spec"]["selector"].items()
    for name in WORKLOADS:
        labels = named(rendered, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        assert (selector <= labels.items()) is (name == "trellis-gateway")


def test_two_replicas_are_spread_and_kept_through_drains(helm: Helm) -> None:
    rendered = gateway(helm)
    deployment = named(rendered, "Deployment", "trellis-gateway")
    assert deployment["spec"]["replicas"] == 2
    keys = {
        item["topologyKey"]
        for item in pod_of(rendered, "trellis-gateway")["topologySpreadConstraints"]
    }
    assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    budget = named(rendered, "PodDisruptionBudget", "trellis-gateway")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment["spec"]["selector"]


def test_an_autoscaler_takes_the_replicas_over(helm: Helm) -> None:
    rendered = gateway(helm, {"autoscaling": {"enabled": True, "cpuPercent": 60}})
    assert "replicas" not in named(rendered, "Deployment", "trellis-gateway")["spec"]
    scaler = named(rendered, "HorizontalPodAutoscaler", "trellis-gateway")["spec"]
    assert scaler["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    assert scaler["scaleTargetRef"]["name"] == "trellis-gateway"


@pytest.mark.parametrize("name", WORKLOADS)
def test_another_address_of_redis_starts_the_pods_anew(helm: Helm, name: str) -> None:
    templates = [
        named(helm.render(PLATFORM, {"redis": redis}), "Deployment", name)["spec"]["template"]
        for redis in ({}, {"password": "s3cret"}, OWN_REDIS)
    ]
    assert len({str(template) for template in templates}) == 3


@pytest.mark.parametrize("redis", [{"password": "s3cret"}, OWN_REDIS], ids=["password", "address"])
def test_no_quick_hash_of_a_secret_stands_in_a_pod(helm: Helm, redis: dict[str, Any]) -> None:
    rendered = helm.render(PLATFORM, {"redis": redis})
    secret = [str(redis.get(name, "")) for name in ("password", "url", "cacheUrl")]
    guesses = {"/".join(["trellis", *secret]), f"trellis/{secret[0]}", *secret, " ".join(secret)}
    quick = {hashlib.sha256(guess.encode()).hexdigest() for guess in guesses}
    shown = [
        str(value)
        for kind in ("Deployment", "StatefulSet")
        for workload in of_kind(rendered, kind)
        for value in workload["spec"]["template"]["metadata"].get("annotations", {}).values()
    ]
    assert shown
    assert not [value for value in shown if any(hash_.startswith(value) for hash_ in quick)]


def test_another_route_starts_none_anew(helm: Helm) -> None:
    routes = [{"model": "tomato", "arms": [{"version": "v1"}]}]
    first, second = (
        named(gateway(helm, values), "Deployment", "trellis-gateway")
        for values in ({}, {"routes": routes})
    )
    assert first == second


def test_without_a_gateway_nothing_of_it_is_there(helm: Helm) -> None:
    rendered = gateway(helm, {"enabled": False})
    names = {item["metadata"]["name"] for item in rendered}
    assert not {name for name in names if "gateway" in name or "worker" in name} - {
        # Of the namespace's policies, which are the plain manifests.
        *("gateway", "gateway-metrics", "worker-metrics"),
    }
    assert "gateway" not in helm.notes(PLATFORM, {"gateway": {"enabled": False}})


def test_images_follow_the_values(helm: Helm) -> None:
    image = {"registry": "r.example.com/", "tag": "9", "pullSecrets": ["one"]}
    rendered = helm.render(PLATFORM, {"image": image})
    for name in WORKLOADS:
        pod = pod_of(rendered, name)
        assert pod["containers"][0]["image"] == "r.example.com/trellis/gateway:9"
        assert pod["imagePullSecrets"] == [{"name": "one"}]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ingress": {"kind": "kourier"}}, "gateway.ingress.hosts is empty"),
        ({"ingress": {"hosts": ["a.b"]}}, "gateway.ingress.kind is none"),
        ({"ingress": {"tlsSecret": "a"}}, "gateway.ingress.kind is none"),
        (
            {"ingress": {"kind": "kubernetes", "hosts": ["a.b"], "redirect": True}},
            "gateway.ingress.redirect and gateway.ingress.grpcHosts are for Kourier",
        ),
        (
            {"ingress": {"kind": "kourier", "hosts": ["a.b"], "className": "nginx"}},
            "gateway.ingress.className",
        ),
        (
            {"autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 2}},
            "gateway.autoscaling.minReplicas is 3",
        ),
        ({"env": {"TRELLIS_AUTH": "open"}}, "TRELLIS_AUTH is set by gateway.auth"),
        ({"env": {"TRELLIS_COOKIE_SECRET": "x"}}, "set by gateway.existingSecret"),
        ({"auth": "none"}, "at '/gateway/auth'"),
        ({"controllerUrl": "c:8080"}, "at '/gateway/controllerUrl'"),
        ({"replicas": 0}, "at '/gateway/replicas'"),
        ({"route": []}, "'route' not allowed"),
    ],
)
def test_what_cannot_be_is_told(helm: Helm, values: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        gateway(helm, values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "the gateway knows no model yet"),
        ({"gateway": {"auth": "open"}}, "gateway.auth is open"),
        ({"gateway": {"routes": [THREE]}}, "may move up to 2 times the units that have to"),
        ({"worker": {"enabled": False}}, "asynchronous requests are taken and wait"),
        ({"worker": {"replicas": 0}}, "worker.replicas is 0"),
        ({"redis": OWN_REDIS}, "may not leave the namespace for your Redis"),
        (
            {"gateway": {"ingress": {"kind": "kubernetes", "hosts": ["a.b"]}}},
            "not those of your ingress controller",
        ),
        (
            {"gateway": {"ingress": {"kind": "kourier", "hosts": ["a.b"]}}},
            "can be read on its way",
        ),
    ],
)
def test_what_may_surprise_is_noted(helm: Helm, values: dict[str, Any], words: str) -> None:
    assert words in helm.notes(PLATFORM, values)


def test_the_notes_say_where_the_page_is_and_how_a_key_is_made(helm: Helm) -> None:
    notes = helm.notes(PLATFORM)
    assert "port-forward service/trellis-gateway 8080:80" in notes
    assert "exec deploy/trellis-gateway -- python -m trellis.cli keys create" in notes
    ingress = {"kind": "kourier", "hosts": ["a.b"], "tlsSecret": "t"}
    told = helm.notes(PLATFORM, {"gateway": {"ingress": ingress, "auth": "open"}})
    assert "https://a.b" in told
    assert "keys create" not in told
