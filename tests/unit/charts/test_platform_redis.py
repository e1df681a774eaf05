import tomllib
from typing import Any

import pytest
import yaml

from tests.unit.charts.helm import PLATFORM, ROOT, Document, Helm, Refused, named
from tests.unit.manifests.pod_security import violations

OWN = {"bring": False, "url": "rediss://:secret@a:6380/0", "cacheUrl": "redis://b:6379/1"}
WORKLOADS = [("StatefulSet", "trellis-redis"), ("Deployment", "trellis-redis-cache")]


def pod_of(workload: Document) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def option(workload: Document, name: str) -> str:
    arguments: list[str] = pod_of(workload)["containers"][0]["args"]
    return arguments[arguments.index(f"--{name}") + 1]


def test_the_durable_one_never_forgets(helm: Helm) -> None:
    durable = named(helm.render(PLATFORM), *WORKLOADS[0])
    assert option(durable, "maxmemory-policy") == "noeviction"
    assert option(durable, "appendonly") == "yes"
    assert option(durable, "appendfsync") == "always"
    (claim,) = durable["spec"]["volumeClaimTemplates"]
    mounts = {mount["name"] for mount in pod_of(durable)["containers"][0]["volumeMounts"]}
    assert claim["metadata"]["name"] in mounts
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_the_cache_forgets_and_keeps_no_file(helm: Helm) -> None:
    cache = named(helm.render(PLATFORM), *WORKLOADS[1])
    assert option(cache, "maxmemory-policy") == "allkeys-lru"
    assert option(cache, "appendonly") == "no"
    assert option(cache, "save") == ""


def test_without_a_volume_the_pod_has_an_empty_one(helm: Helm) -> None:
    values = {"redis": {"durable": {"storage": ""}}}
    durable = named(helm.render(PLATFORM, values), *WORKLOADS[0])
    assert "volumeClaimTemplates" not in durable["spec"]
    assert pod_of(durable)["volumes"] == [{"name": "data", "emptyDir": {}}]
    assert "end with the pod" in helm.notes(PLATFORM, values)


def test_a_storage_class_is_the_claims(helm: Helm) -> None:
    values = {"redis": {"durable": {"storageClass": "fast"}}}
    (claim,) = named(helm.render(PLATFORM, values), *WORKLOADS[0])["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"


@pytest.mark.parametrize(("kind", "name"), WORKLOADS)
def test_the_pods_are_restricted_and_have_no_token(helm: Helm, kind: str, name: str) -> None:
    pod = pod_of(named(helm.render(PLATFORM), kind, name))
    assert list(violations(pod)) == []
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(("role", "share"), [("durable", 2), ("cache", 1.5)])
def test_data_fit_into_the_pods_memory(helm: Helm, role: str, share: float) -> None:
    kind, name = WORKLOADS[role == "cache"]
    workload = named(helm.render(PLATFORM, {"redis": {role: {"memory": 300}}}), kind, name)
    assert option(workload, "maxmemory") == "300mb"
    resources = pod_of(workload)["containers"][0]["resources"]
    assert resources["requests"]["memory"] == "300Mi"
    assert resources["limits"]["memory"] == f"{share * 300 + 32:.0f}Mi"


@pytest.mark.parametrize(("kind", "name"), WORKLOADS)
def test_a_service_finds_its_own_pods_only(helm: Helm, kind: str, name: str) -> None:
    rendered = helm.render(PLATFORM)
    selector = named(rendered, "Service", name)["spec"]["selector"].items()
    for other_kind, other in WORKLOADS:
        labels = named(rendered, other_kind, other)["spec"]["template"]["metadata"]["labels"]
        assert (selector <= labels.items()) is ((other_kind, other) == (kind, name))


def test_the_addresses_are_those_of_the_services(helm: Helm) -> None:
    rendered = helm.render(PLATFORM)
    addresses = named(rendered, "Secret", "trellis-redis")["stringData"]
    assert addresses == {
        "TRELLIS_REDIS_URL": "redis://trellis-redis.trellis.svc.cluster.local:6379/0",
        "TRELLIS_CACHE_REDIS_URL": "redis://trellis-redis-cache.trellis.svc.cluster.local:6379/0",
    }
    for _, name in WORKLOADS:
        (port,) = named(rendered, "Service", name)["spec"]["ports"]
        assert port["port"] == 6379


@pytest.mark.parametrize(("kind", "name"), WORKLOADS)
def test_a_password_is_asked_for_by_server_probes_and_addresses(
    helm: Helm, kind: str, name: str
) -> None:
    rendered = helm.render(PLATFORM, {"redis": {"password": "s3cret"}})
    secret = named(rendered, "Secret", "trellis-redis")["stringData"]
    assert secret["password"] == "s3cret"
    assert secret["TRELLIS_REDIS_URL"].startswith("redis://:s3cret@trellis-redis.")
    assert secret["TRELLIS_CACHE_REDIS_URL"].startswith("redis://:s3cret@trellis-redis-cache.")
    workload = named(rendered, kind, name)
    assert option(workload, "requirepass") == "$(REDISCLI_AUTH)"
    assert "s3cret" not in str(workload)
    (variable,) = pod_of(workload)["containers"][0]["env"]
    assert variable["name"] == "REDISCLI_AUTH"
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "trellis-redis", "key": "password"}
    assert "protected-mode" not in str(workload)


@pytest.mark.parametrize(("kind", "name"), WORKLOADS)
def test_a_new_password_starts_the_pod_anew(helm: Helm, kind: str, name: str) -> None:
    templates = [
        named(helm.render(PLATFORM, {"redis": {"password": word}}), kind, name)["spec"]["template"]
        for word in ("one", "two")
    ]
    assert templates[0] != templates[1]


@pytest.mark.parametrize(("kind", "name"), WORKLOADS)
def test_without_a_password_redis_hears_other_pods(helm: Helm, kind: str, name: str) -> None:
    # Its default hears nobody but its own pod.
    assert option(named(helm.render(PLATFORM), kind, name), "protected-mode") == "no"


def test_ones_own_redis_is_pointed_to(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, {"redis": OWN, "gateway": {"enabled": False}})
    assert named(rendered, "Secret", "trellis-redis")["stringData"] == {
        "TRELLIS_REDIS_URL": OWN["url"],
        "TRELLIS_CACHE_REDIS_URL": OWN["cacheUrl"],
    }
    kinds = {document["kind"] for document in rendered}
    assert not kinds & {"StatefulSet", "Deployment", "Service"}


@pytest.mark.parametrize(
    ("redis", "words"),
    [
        ({**OWN, "bring": True}, "redis.bring is true and redis.url or redis.cacheUrl is set"),
        ({"bring": False, "url": "redis://a"}, "set redis.url and redis.cacheUrl"),
        ({**OWN, "cacheUrl": OWN["url"]}, "redis.url and redis.cacheUrl are the same"),
        ({**OWN, "password": "x"}, "redis.password is set and redis.bring is false"),
        ({"password": "a b"}, "at '/redis/password'"),
        ({**OWN, "url": "http://a"}, "at '/redis/url'"),
        ({**OWN, "url": "unix:///redis.sock"}, "at '/redis/url'"),
        ({**OWN, "cacheUrl": "unix:///redis.sock"}, "at '/redis/cacheUrl'"),
        ({"durable": {"memory": 4}}, "at '/redis/durable/memory'"),
        ({"durable": {"memori": 64}}, "'memori' not allowed"),
    ],
)
def test_what_cannot_be_is_told(helm: Helm, redis: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        helm.render(PLATFORM, {"redis": redis})


def test_the_image_is_of_the_pinned_version() -> None:
    values = yaml.safe_load((PLATFORM / "values.yaml").read_text())
    pinned = tomllib.loads((ROOT / "scripts/cluster/versions.toml").read_text())
    assert values["redis"]["image"] == f"redis:{pinned['parts']['redis']}"


def test_the_test_pod_is_restricted_and_has_both_addresses(helm: Helm) -> None:
    pod = named(helm.render(PLATFORM), "Pod", "trellis-redis-test")
    assert list(violations(pod["spec"])) == []
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    (container,) = pod["spec"]["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "trellis-redis"}}]
    assert container["image"] == "trellis/predictor:0.1.0"
    script = (PLATFORM / "files/ask_redis.py").read_text()
    assert container["args"][0].strip() == script.strip()
