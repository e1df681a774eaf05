from typing import Any

import pytest

from tests.unit.charts.helm import PLATFORM, Document, Helm, Refused, named, of_kind
from trellis.gateway.jobs.keys import GROUP, JobKeys
from trellis.gateway.settings import Settings

KEDA = {"worker": {"keda": {"enabled": True}}}
KEYS = JobKeys(Settings.model_fields["redis_prefix"].default)


def own(url: str) -> dict[str, Any]:
    return {**KEDA, "redis": {"bring": False, "url": url, "cacheUrl": "redis://cache"}}


def scaled(helm: Helm, values: dict[str, Any]) -> dict[str, Any]:
    (found,) = of_kind(helm.render(PLATFORM, values), "ScaledObject")
    spec: dict[str, Any] = found["spec"]
    return spec


def login(rendered: list[Document]) -> dict[str, str]:
    """What KEDA takes from the Secret, by parameter."""
    (authentication,) = of_kind(rendered, "TriggerAuthentication")
    secret = named(rendered, "Secret", "trellis-redis")["stringData"]
    return {
        item["parameter"]: secret[item["key"]] for item in authentication["spec"]["secretTargetRef"]
    }


def test_without_keda_the_replicas_are_the_values(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, {"worker": {"replicas": 3}})
    assert named(rendered, "Deployment", "trellis-worker")["spec"]["replicas"] == 3
    assert of_kind(rendered, "ScaledObject") == []


def test_keda_has_the_replicas_and_starts_from_none(helm: Helm) -> None:
    rendered = helm.render(PLATFORM, KEDA)
    worker = named(rendered, "Deployment", "trellis-worker")
    assert "replicas" not in worker["spec"]
    spec = scaled(helm, KEDA)
    assert spec["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 10)


def test_the_triggers_read_what_the_workers_read(helm: Helm) -> None:
    waiting, running, callbacks = scaled(helm, KEDA)["triggers"]
    for trigger in (waiting, running):
        assert trigger["type"] == "redis-streams"
        assert trigger["metadata"]["stream"] == KEYS.stream
        assert trigger["metadata"]["consumerGroup"] == GROUP
    assert waiting["metadata"]["lagCount"] == running["metadata"]["pendingEntriesCount"] == "16"
    assert (callbacks["type"], callbacks["metadata"]["listName"]) == ("redis", KEYS.callbacks)
    for trigger in (waiting, running, callbacks):
        assert trigger["metadata"]["address"] == "trellis-redis.trellis.svc.cluster.local:6379"
        assert "authenticationRef" not in trigger


def test_a_worker_stays_for_as_many_jobs_as_it_runs_at_once(helm: Helm) -> None:
    _, running, _ = scaled(helm, KEDA)["triggers"]
    at_once = Settings.model_fields["worker_concurrency"].default
    assert running["metadata"]["pendingEntriesCount"] == str(at_once)


def test_a_password_comes_from_the_secret(helm: Helm) -> None:
    values = {**KEDA, "redis": {"password": "s3cret"}}
    rendered = helm.render(PLATFORM, values)
    assert login(rendered) == {"password": "s3cret"}
    assert "s3cret" not in str(of_kind(rendered, "ScaledObject"))
    for trigger in scaled(helm, values)["triggers"]:
        assert trigger["authenticationRef"] == {"name": "trellis-redis"}


@pytest.mark.parametrize(
    ("url", "address", "database", "expected"),
    [
        ("redis://a.example.com", "a.example.com:6379", "0", None),
        ("redis://:s3cret@a:6380/2", "a:6380", "2", {"password": "s3cret"}),
        ("rediss://u:s3cret@a:1/0", "a:1", "0", {"username": "u", "password": "s3cret"}),
    ],
)
def test_ones_own_redis_is_read_where_it_is(
    helm: Helm, url: str, address: str, database: str, expected: dict[str, str] | None
) -> None:
    rendered = helm.render(PLATFORM, own(url))
    for trigger in scaled(helm, own(url))["triggers"]:
        metadata = trigger["metadata"]
        assert (metadata["address"], metadata["databaseIndex"]) == (address, database)
        assert (metadata.get("enableTLS") == "true") is url.startswith("rediss:")
    if expected is None:
        assert of_kind(rendered, "TriggerAuthentication") == []
    else:
        assert login(rendered) == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"worker": {"keda": {"enabled": True, "minReplicas": 11}}}, "worker.keda.minReplicas"),
        (own("redis://:a%40b@c"), "percent-encoded"),
        ({"worker": {"replicas": -1}}, "at '/worker/replicas'"),
    ],
)
def test_what_cannot_be_is_told(helm: Helm, values: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        helm.render(PLATFORM, values)
