from typing import Any

import pytest
from pydantic import TypeAdapter

from trellis.contracts.tensors import Name
from trellis.rollout.cluster.identity import artefact, model_name, speaks_grpc

SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"


def template(source: str = "pvc://models/tomato/v2", **container: Any) -> dict[str, Any]:
    whole = {"name": "kserve-container", "image": "trellis/predictor:1", **container}
    return {
        "metadata": {"annotations": {SOURCE: source, "autoscaling.knative.dev/min-scale": "1"}},
        "spec": {"containers": [whole]},
    }


@pytest.mark.parametrize(
    "other",
    [
        template("pvc://models/tomato/v3"),
        template(image="trellis/predictor:2"),
        template(args=["--engine=keras"]),
        template(command=["python"]),
        template(env=[{"name": "THREADS", "value": "2"}]),
        template(envFrom=[{"secretRef": {"name": "s"}}]),
    ],
    ids=["source", "image", "arguments", "command", "environment", "environment from"],
)
def test_what_decides_the_computation_makes_another_identity(other: dict[str, Any]) -> None:
    assert artefact(other).identity != artefact(template()).identity


def test_all_else_does_not() -> None:
    other = template(resources={"limits": {"cpu": "2"}}, readinessProbe={"tcpSocket": {"port": 0}})
    other["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = "x"
    other["metadata"]["labels"] = {"a": "b"}
    other["spec"]["containerConcurrency"] = 4
    assert artefact(other).identity == artefact(template()).identity


def test_a_second_container_counts_too() -> None:
    other = template()
    other["spec"]["containers"].append({"name": "side", "image": "i"})
    assert artefact(other).identity != artefact(template()).identity


def test_a_custom_container_names_its_source_by_its_environment() -> None:
    def custom(source: str) -> dict[str, Any]:
        of = template(env=[{"name": "STORAGE_URI", "value": source}])
        of["metadata"]["annotations"] = {}
        return of

    assert artefact(custom("s3://b/tomato/v4")).version == "v4"
    assert artefact(custom("s3://b/a")).identity != artefact(custom("s3://b/b")).identity


@pytest.mark.parametrize(
    ("source", "image", "version"),
    [
        ("pvc://models/tomato/v2", "i:1", "v2"),
        ("pvc://models/tomato/v2/", "i:1", "v2"),
        ("https://host/m/v7?signature=a/b", "i:1", "v7"),
        ("", "registry:5000/team/predictor:2026-11", "2026-11"),
        ("", "predictor@sha256:0123456789abcdef", "0123456789ab"),
        ("", "registry:5000/predictor", "latest"),
    ],
)
def test_the_version_is_what_people_call_it(source: str, image: str, version: str) -> None:
    assert artefact(template(source, image=image)).version == version


def test_what_is_asked_for_wins_where_it_is_named() -> None:
    present = artefact(template())
    assert present.asked("", "") == present
    asked = present.asked("pvc://models/tomato/v3", "")
    assert asked == artefact(template("pvc://models/tomato/v3"))
    assert present.asked("", "other:1") == artefact(template(image="other:1"))


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("oci://ghcr.io/acme/tomato:v2", "tomato-v2"),
        ("s3://models/tomato@2024", "tomato-2024"),
        ("pvc://models/_tomato_", "tomato"),
        (f"pvc://models/{'a' * 62}-b", "a" * 62),
    ],
)
def test_a_version_is_always_a_name(source: str, version: str) -> None:
    assert artefact(template(source)).version == version
    TypeAdapter(Name).validate_python(version)


def test_of_a_source_that_has_no_letter_a_digest_is_the_version() -> None:
    one, other = (artefact(template(f"pvc://models/{tail}")).version for tail in ("__", "--"))
    assert one != other
    TypeAdapter(Name).validate_python(one)


@pytest.mark.parametrize(
    ("container", "name"),
    [
        ({"args": ["--model_name=tomato", "--port=1"]}, "tomato"),
        ({"args": ["--port=1", "--model_name", "tomato"]}, "tomato"),
        ({"command": ["serve", "--model_name=tomato"]}, "tomato"),
        ({"args": ["--model_name"]}, ""),
        ({}, ""),
    ],
)
def test_the_name_that_a_container_answers_to(container: dict[str, list[str]], name: str) -> None:
    sidecar = {"name": "agent", "args": ["--model_name=other"]}
    main = {"name": "kserve-container", **container}
    assert model_name({"spec": {"containers": [sidecar, main]}}) == name
    assert model_name({"spec": {}}) == ""


@pytest.mark.parametrize(
    ("container", "told"),
    [
        ({"ports": [{"name": "h2c", "containerPort": 8081}]}, True),
        ({"ports": [{"name": "http1", "containerPort": 8080}]}, False),
        ({"ports": [{"containerPort": 8080}]}, False),
        ({}, False),
    ],
    ids=["h2c", "http1", "nameless", "none"],
)
def test_what_speaks_grpc_has_a_port_of_that_name(container: dict[str, Any], *, told: bool) -> None:
    assert speaks_grpc(template(**container)) is told
    agent: dict[str, Any] = template(**container)
    agent["spec"]["containers"].insert(0, {"name": "agent", "ports": [{"name": "h2c"}]})
    assert speaks_grpc(agent) is told
