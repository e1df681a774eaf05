"""The controller of charts/trellis: what it runs with, what it may do, who asks it."""

import base64
from typing import Any

import pytest

from tests.unit.charts.helm import PLATFORM, Document, Helm, Refused, named, of_kind
from tests.unit.manifests.pod_security import violations
from trellis.gateway.settings import Settings as GatewaySettings
from trellis.rollout.crds.definitions import definition
from trellis.rollout.resources import KINDS
from trellis.rollout.settings import Settings
from trellis.rollout.webhook.server import PATH

NAME = "trellis-controller"
CLUSTER_NAME = f"{NAME}-trellis"
Rules = set[tuple[str, str, str, str]]


def controller(helm: Helm, values: dict[str, Any] | None = None, **other: Any) -> list[Document]:
    return helm.render(PLATFORM, {"controller": {"enabled": True, **(values or {})}, **other})


def pod_of(rendered: list[Document], name: str = NAME) -> dict[str, Any]:
    spec: dict[str, Any] = named(rendered, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def environment(rendered: list[Document], name: str = NAME) -> dict[str, str]:
    """What the process gets, with what Secrets and the pod's own fields hold."""
    found = {}
    for entry in pod_of(rendered, name)["containers"][0]["env"]:
        source = entry.get("valueFrom", {})
        if "value" in entry:
            found[entry["name"]] = entry["value"]
        elif "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.namespace"
            found[entry["name"]] = "trellis"
        else:
            secret = named(rendered, "Secret", source["secretKeyRef"]["name"])
            key = source["secretKeyRef"]["key"]
            encoded = secret.get("data", {}).get(key)
            found[entry["name"]] = (
                base64.b64decode(encoded).decode() if encoded else secret["stringData"][key]
            )
    return found


def settings(rendered: list[Document], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for variable, value in environment(rendered).items():
        monkeypatch.setenv(variable, value)
    return Settings(_env_file=None)


def may(rendered: list[Document], kind: str) -> Rules:
    """What the roles of a kind allow: group, resource, name or ``*``, verb."""
    return {
        (group, resource, name, verb)
        for role in of_kind(rendered, kind)
        if role["metadata"]["name"].startswith(NAME)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", ["*"])
        for verb in rule["verbs"]
    }


def webhook(rendered: list[Document]) -> dict[str, Any]:
    (found,) = of_kind(rendered, "MutatingWebhookConfiguration")
    (one,) = found["webhooks"]
    return {**one, "configuration": found["metadata"]}


def test_without_it_nothing_of_it_is_there(helm: Helm) -> None:
    rendered = helm.render(PLATFORM)
    assert not [item for item in rendered if item["metadata"]["name"].startswith(NAME)]
    assert of_kind(rendered, "MutatingWebhookConfiguration") == []


def test_the_pod_is_restricted(helm: Helm) -> None:
    pod = pod_of(controller(helm))
    assert list(violations(pod)) == []
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["enableServiceLinks"] is False


def test_every_variable_is_a_setting_and_the_process_takes_them(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"scrapeInterval": 7, "env": {"TRELLIS_LOG_LEVEL": "debug"}}
    rendered = controller(helm, values)
    unknown = {
        variable
        for variable in environment(rendered)
        if variable.removeprefix("TRELLIS_").lower() not in Settings.model_fields
    }
    assert unknown == set()
    found = settings(rendered, monkeypatch)
    assert (found.namespace, found.pod_namespace) == ("trellis", "trellis")
    assert (found.metrics_source, found.scrape_interval) == ("scrape", 7)
    assert found.log_level == "debug"
    assert found.controller_token is not None
    assert found.redis_url is not None
    assert found.webhook
    assert found.webhook_certificate == "self-made"


def test_prometheus_is_the_gateway_s_or_its_own(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"metricsSource": "prometheus"}
    of_gateway = controller(helm, source, gateway={"prometheusUrl": "http://p:9090"})
    assert settings(of_gateway, monkeypatch).prometheus_url == "http://p:9090"
    own = controller(helm, {**source, "prometheusUrl": "http://q:9090"})
    assert settings(own, monkeypatch).prometheus_url == "http://q:9090"


def test_who_is_told_stands_in_a_secret_and_nowhere_else(helm: Helm) -> None:
    assert not {name for name in environment(controller(helm)) if "NOTIFICATION" in name}
    rendered = controller(helm, {"notifications": {"existingSecret": "told"}})
    sources = {
        entry["name"]: entry["valueFrom"]["secretKeyRef"]
        for entry in pod_of(rendered)["containers"][0]["env"]
        if "NOTIFICATION" in entry["name"]
    }
    assert sources == {
        "TRELLIS_NOTIFICATION_URLS": {"name": "told", "key": "TRELLIS_NOTIFICATION_URLS"},
        "TRELLIS_NOTIFICATION_SECRET": {
            "name": "told",
            "key": "TRELLIS_NOTIFICATION_SECRET",
            "optional": True,
        },
    }
    with pytest.raises(Refused, match=r"controller\.notifications\.existingSecret"):
        controller(helm, {"env": {"TRELLIS_NOTIFICATION_URLS": "https://hooks.example/secret"}})


def test_the_names_and_ports_are_those_of_its_settings(helm: Helm) -> None:
    rendered = controller(helm)
    default = {name: field.default for name, field in Settings.model_fields.items()}
    (container,) = pod_of(rendered)["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": default["http_port"], "webhook": default["webhook_port"]}
    service = named(rendered, "Service", default["webhook_service"])["spec"]
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == {
        "http": 80,
        "webhook": 443,
    }
    assert named(rendered, "ConfigMap", default["table_config_map"])["metadata"]
    variables = environment(rendered)
    assert variables["TRELLIS_WEBHOOK_CONFIGURATION"] == webhook(rendered)["configuration"]["name"]


def test_gateway_and_workers_ask_it_with_the_same_token(helm: Helm) -> None:
    rendered = controller(helm)
    service = named(rendered, "Service", NAME)["metadata"]
    url = f"http://{service['name']}.{service['namespace']}.svc.cluster.local"
    token = environment(rendered)["TRELLIS_CONTROLLER_TOKEN"]
    for name in ("trellis-gateway", "trellis-worker"):
        (container,) = pod_of(rendered, name)["containers"]
        variables = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert variables["TRELLIS_CONTROLLER_URL"] == url
        assert variables["TRELLIS_ROUTING_TABLE_URL"] == f"{url}/routing-table"
        (source,) = container["envFrom"]
        held = named(rendered, "Secret", source["secretRef"]["name"])["data"]
        assert base64.b64decode(held["TRELLIS_CONTROLLER_TOKEN"]).decode() == token
    assert "controller_token" in GatewaySettings.model_fields


def test_the_table_that_it_keeps_is_what_gateways_begin_with(helm: Helm) -> None:
    rendered = controller(helm)
    kept = named(rendered, "ConfigMap", "trellis-controller-table")
    assert "data" not in kept  # an upgrade must not write what the controller did
    for name in ("trellis-gateway", "trellis-worker"):
        (volume,) = [v for v in pod_of(rendered, name)["volumes"] if v["name"] == "routing-table"]
        assert volume["configMap"]["name"] == kept["metadata"]["name"]
    names = [item["metadata"]["name"] for item in of_kind(rendered, "ConfigMap")]
    assert "trellis-routing-table" not in names


def test_without_a_gateway_there_is_a_token_still(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = controller(helm, gateway={"enabled": False})
    assert settings(rendered, monkeypatch).controller_token is not None


def test_a_secret_of_one_s_own_is_named(helm: Helm) -> None:
    rendered = controller(helm, gateway={"existingSecret": "mine"})
    (found,) = [
        entry["valueFrom"]["secretKeyRef"]["name"]
        for entry in pod_of(rendered)["containers"][0]["env"]
        if entry["name"] == "TRELLIS_CONTROLLER_TOKEN"
    ]
    assert found == "mine"


def test_in_its_namespace_it_may_no_more_than_it_does(helm: Helm) -> None:
    rendered = controller(helm)
    allowed = may(rendered, "Role")
    reading = {"get", "list", "watch"}
    changing = {rule for rule in allowed if rule[3] not in reading}
    assert changing == {
        ("serving.kserve.io", "inferenceservices", "*", "patch"),
        *(("trellis.dev", resource, "*", "patch") for resource in ("rollouts", "experiments")),
        ("trellis.dev", "experiments", "*", "create"),
        ("trellis.dev", "rollouts/status", "*", "update"),
        ("trellis.dev", "experiments/status", "*", "update"),
        ("", "events", "*", "create"),
        ("", "configmaps", "trellis-controller-table", "patch"),
        ("", "secrets", "*", "create"),
        ("", "secrets", "trellis-controller-webhook", "delete"),
    }
    assert {rule[1] for rule in allowed - changing} == {
        *("rollouts", "experiments", "inferenceservices", "services", "revisions", "pods"),
        "configmaps",
        "secrets",
    }
    assert {rule[2] for rule in allowed - changing if rule[1] in {"configmaps", "secrets"}} == {
        "trellis-controller-table",
        "trellis-controller-webhook",
    }


def test_of_the_cluster_it_keeps_its_own_webhook_and_no_more(helm: Helm) -> None:
    assert may(controller(helm), "ClusterRole") == {
        ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", CLUSTER_NAME, verb)
        for verb in ("get", "patch")
    }
    assert may(controller(helm, {"webhook": {"enabled": False}}), "ClusterRole") == set()


def test_cluster_wide_the_same_is_allowed_everywhere(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = controller(helm)
    wide = controller(helm, {"scope": "cluster"})
    assert settings(wide, monkeypatch).namespace == ""
    own = {rule for rule in may(narrow, "Role") if rule[1] in {"configmaps", "secrets"}}
    assert may(wide, "Role") == own
    assert may(wide, "ClusterRole") == may(narrow, "ClusterRole") | (may(narrow, "Role") - own)


@pytest.mark.parametrize("scope", ["namespace", "cluster"])
def test_its_account_is_bound_to_each_role(helm: Helm, scope: str) -> None:
    rendered = controller(helm, {"scope": scope})
    assert pod_of(rendered)["serviceAccountName"] == NAME
    for kind in ("Role", "ClusterRole"):
        roles = [
            item["metadata"]["name"]
            for item in of_kind(rendered, kind)
            if item["metadata"]["name"].startswith(NAME)
        ]
        bound = [
            item["roleRef"]["name"]
            for item in of_kind(rendered, f"{kind}Binding")
            if item["subjects"]
            == [{"kind": "ServiceAccount", "name": NAME, "namespace": "trellis"}]
        ]
        assert roles == bound


def test_it_is_ready_when_all_is_known_and_lives_before(helm: Helm) -> None:
    (container,) = pod_of(controller(helm))["containers"]
    probes = ("startupProbe", "readinessProbe", "livenessProbe")
    paths = [container[probe]["httpGet"]["path"] for probe in probes]
    assert paths == ["/health", "/ready", "/health"]


def test_the_webhook_is_asked_of_what_moves_traffic_only(helm: Helm) -> None:
    found = webhook(controller(helm))
    assert found["sideEffects"] == "None"
    assert found["clientConfig"]["service"]["path"] == PATH
    assert found["failurePolicy"] == "Fail"
    assert found["timeoutSeconds"] == 5
    (rule,) = found["rules"]
    assert (rule["apiGroups"], rule["resources"]) == (["serving.kserve.io"], ["inferenceservices"])
    assert rule["operations"] == ["UPDATE"]
    _, others = found["matchConditions"]
    account = pod_of(controller(helm))["serviceAccountName"]
    user = f"system:serviceaccount:trellis:{account}"
    assert others["expression"] == f'request.userInfo.username != "{user}"'
    assert found["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "trellis"}}
    assert "caBundle" not in found["clientConfig"]


def test_the_webhook_says_what_is_set(helm: Helm) -> None:
    selector = {"matchLabels": {"team": "a"}}
    own = {"failurePolicy": "Ignore", "timeoutSeconds": 2, "namespaceSelector": selector}
    found = webhook(controller(helm, {"scope": "cluster", "webhook": own}))
    assert {name: found[name] for name in own} == own


def test_cert_manager_s_certificate_is_mounted_and_its_authority_injected(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = controller(helm, {"webhook": {"certificate": "cert-manager"}})
    certificate = named(rendered, "Certificate", NAME)
    annotations = webhook(rendered)["configuration"]["annotations"]
    assert annotations["cert-manager.io/inject-ca-from"] == f"trellis/{NAME}"
    service = webhook(rendered)["clientConfig"]["service"]
    assert f"{service['name']}.{service['namespace']}.svc" in certificate["spec"]["dnsNames"]
    pod = pod_of(rendered)
    _, volume = pod["volumes"]
    assert volume["secret"]["secretName"] == certificate["spec"]["secretName"]
    _, mount = pod["containers"][0]["volumeMounts"]
    assert str(settings(rendered, monkeypatch).webhook_certificate) == mount["mountPath"]
    assert not {rule for rule in may(rendered, "Role") if rule[1] == "secrets"}
    assert may(rendered, "ClusterRole") == set()


def test_without_the_webhook_no_port_waits(helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = controller(helm, {"webhook": {"enabled": False}})
    assert not settings(rendered, monkeypatch).webhook
    (container,) = pod_of(rendered)["containers"]
    assert [port["name"] for port in container["ports"]] == ["http"]
    assert of_kind(rendered, "MutatingWebhookConfiguration") == []
    assert not {rule for rule in may(rendered, "Role") if rule[1] == "secrets"}


def test_two_replicas_are_kept_through_drains(helm: Helm) -> None:
    rendered = controller(helm)
    deployment = named(rendered, "Deployment", NAME)["spec"]
    assert deployment["replicas"] == 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    budget = named(rendered, "PodDisruptionBudget", NAME)["spec"]
    assert budget == {"maxUnavailable": 1, "selector": deployment["selector"]}
    selector = named(rendered, "Service", NAME)["spec"]["selector"]
    assert selector == deployment["selector"]["matchLabels"]


def test_the_definitions_are_installed_and_kept(helm: Helm) -> None:
    rendered = helm.render(PLATFORM)
    for kind in KINDS:
        found = named(rendered, "CustomResourceDefinition", kind.name)
        assert found["spec"] == definition(kind)["spec"]
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    released = helm.render(PLATFORM, {"crds": {"keep": False}})
    for found in of_kind(released, "CustomResourceDefinition"):
        assert "annotations" not in found["metadata"]


def test_a_second_release_brings_no_definitions(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, {"crds": {"install": False}})
    assert of_kind(rendered, "CustomResourceDefinition") == []
    assert of_kind(rendered, "ClusterRole") == []


@pytest.mark.parametrize(
    ("name", "verbs"),
    [
        ("view", {"get", "list", "watch"}),
        ("edit", {"create", "delete", "deletecollection", "patch", "update"}),
    ],
)
def test_who_may_edit_a_namespace_may_edit_its_rollouts(
    helm: Helm, name: str, verbs: set[str]
) -> None:
    found = named(helm.render(PLATFORM), "ClusterRole", f"trellis-{name}")
    label = f"rbac.authorization.k8s.io/aggregate-to-{name}"
    assert found["metadata"]["labels"][label] == "true"
    (rule,) = found["rules"]
    assert set(rule["verbs"]) == verbs
    assert rule["resources"] == [kind.plural for kind in KINDS]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gateway": {"controllerUrl": "http://c"}}, "the gateway has one controller"),
        ({"controller": {"metricsSource": "prometheus"}}, "nor gateway.prometheusUrl"),
        ({"controller": {"prometheusUrl": "http://p"}}, "controller.metricsSource is scrape"),
        ({"controller": {"webhook": {"namespaceSelector": {"a": {}}}}}, "controller.scope is nam"),
        ({"controller": {"env": {"TRELLIS_NAMESPACE": "b"}}}, "is set by controller.scope"),
        ({"controller": {"webhook": {"timeoutSeconds": 31}}}, "at '/controller/webhook/timeout"),
    ],
)
def test_what_cannot_be_is_told(helm: Helm, values: dict[str, Any], words: str) -> None:
    given = {**values, "controller": {"enabled": True, **values.get("controller", {})}}
    with pytest.raises(Refused, match=words):
        helm.render(PLATFORM, given)


def test_every_managed_setting_is_one(helm: Helm) -> None:
    text = (PLATFORM / "templates/_controller.tpl").read_text()
    managed = text.split('"trellis.controllerManaged" -}}\n')[1].split("{{- end")[0].splitlines()
    names = {line.partition(":")[0].removeprefix("TRELLIS_").lower() for line in managed}
    assert names <= set(Settings.model_fields)
    for name in names:
        with pytest.raises(Refused, match="is set by"):
            controller(helm, {"env": {f"TRELLIS_{name.upper()}": "x"}})


def test_the_notes_tell_how_it_is_used_and_what_it_costs(helm: Helm) -> None:
    on: dict[str, Any] = {"enabled": True}
    told = helm.notes(PLATFORM, {"controller": on})
    assert "--set rollout.enabled=true" in told
    assert "gateway.routes is empty" not in told
    assert "NOTE: controller" not in told
    assert "moved by hand" in told
    assert "rollout.enabled" not in helm.notes(PLATFORM)
    alone = helm.notes(PLATFORM, {"controller": {**on, "replicas": 1}})
    assert "no InferenceService can be changed" in alone
    for webhook_values in ({"enabled": False}, {"failurePolicy": "Ignore"}):
        noted = helm.notes(PLATFORM, {"controller": {**on, "webhook": webhook_values}})
        assert "a new version has all traffic until" in noted
    wide = helm.notes(PLATFORM, {"controller": {**on, "scope": "cluster"}})
    assert "policies of other namespaces" in wide


def test_the_routing_table_has_one_author(helm: Helm) -> None:
    routed = {"routes": [{"model": "tomato", "arms": [{"version": "v1"}]}]}
    with pytest.raises(Refused, match=r"gateway\.routes is set: the controller makes"):
        controller(helm, {}, gateway=routed)
