import itertools
from typing import Any

import pytest

from tests.unit.charts.helm import MODEL, Document, Helm, of_kind
from tests.unit.manifests.flows import flows, parties
from tests.unit.manifests.network import Peer, Port, allowed

INTERNET = Peer("the internet", None, address="203.0.113.7")
#: Ports of queue-proxy, which only Knative mode has; the others are the predictor's.
PROXY = {Port(number) for number in (8012, 8013, 8112, 9090, 9091)}
PREDICTOR = {Port(8080), Port(8081)}


def policy(helm: Helm, values: dict[str, Any] | None = None) -> Document:
    more = values or {}
    own = {"enabled": True, **more.get("networkPolicy", {})}
    (found,) = of_kind(helm.render(MODEL, {**more, "networkPolicy": own}), "NetworkPolicy")
    return found


def may_reach(policies: list[Document]) -> set[tuple[str, Port]]:
    """Who of docs/network-flows.md, or of the world, may reach which port of the predictor."""
    who = parties()
    return {
        (source.name, port)
        for source, port in itertools.product([*who.values(), INTERNET], PROXY | PREDICTOR)
        if allowed(source, who["predictor"], port, policies)
    }


def listed(ports: set[Port]) -> set[tuple[str, Port]]:
    """The same, as the page lists it."""
    return {
        (flow.source, flow.port)
        for flow in flows()
        if flow.destination == "predictor" and flow.port in ports
    }


def test_there_is_none_where_it_is_not_asked_for(helm: Helm) -> None:
    assert of_kind(helm.render(MODEL), "NetworkPolicy") == []


def test_in_knative_mode_it_allows_the_listed_flows_to_the_proxy(helm: Helm) -> None:
    found = may_reach([policy(helm)])
    callers = {"ingress gateway", "gateway", "worker", "helm test"}
    requests = {(name, Port(number)) for name in callers for number in (8012, 8013, 8112)}
    metrics = {(name, Port(8080)) for name in ("Prometheus", "controller")}
    assert found == listed(PROXY) | requests | metrics


def test_in_standard_mode_it_allows_the_listed_flows_to_the_predictor(helm: Helm) -> None:
    found = may_reach([policy(helm, {"mode": "Standard"})])
    ingress = {("ingress gateway", port) for port in PREDICTOR}
    assert found == listed(PREDICTOR) | ingress


@pytest.mark.parametrize("mode", ["Knative", "Standard"])
def test_a_container_of_one_s_own_is_reached_at_its_port(helm: Helm, mode: str) -> None:
    own = policy(helm, {"mode": mode, "container": {"image": "mine:1", "port": 9000}})
    who = parties()

    def reached(name: str, number: int) -> bool:
        return allowed(who[name], who["predictor"], Port(number), [own])

    assert reached("Prometheus", 9000)
    assert reached("gateway", 9000) is (mode == "Standard")
    assert not any(reached(name, 8080) for name in ("Prometheus", "gateway"))


def test_it_covers_every_service_of_the_release_and_no_other(helm: Helm) -> None:
    rendered = policy(helm, {"arms": [{"name": "b", "version": "v2"}]})
    somebody = parties()["somebody in the namespace"]

    def reached(service: str) -> bool:
        labels = {"serving.kserve.io/inferenceservice": service}
        return allowed(somebody, Peer(service, "trellis", labels), Port(8080), [rendered])

    assert not reached("tomato")
    assert not reached("tomato-b")
    assert reached("sentiment")


@pytest.mark.parametrize("mode", ["Knative", "Standard"])
def test_nobody_is_let_in_where_no_caller_is_named(helm: Helm, mode: str) -> None:
    closed = policy(helm, {"mode": mode, "networkPolicy": {"callers": [], "monitors": []}})
    names = {name for name, _ in may_reach([closed])}
    assert names == ({"activator", "autoscaler"} if mode == "Knative" else set())


def test_a_model_on_a_volume_reaches_nobody(helm: Helm) -> None:
    who = parties()
    closed = policy(helm)
    for other, port in itertools.product([*who.values(), INTERNET], (Port(53, "UDP"), Port(443))):
        assert not allowed(who["predictor"], other, port, [closed]), other.name


def test_a_model_in_a_store_reaches_it_and_names(helm: Helm) -> None:
    store = {"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443}]}
    opened = policy(helm, {"networkPolicy": {"egress": [store]}})
    who = parties()
    assert allowed(who["predictor"], INTERNET, Port(443), [opened])
    assert allowed(who["predictor"], who["cluster DNS"], Port(53, "UDP"), [opened])
    assert not allowed(who["predictor"], INTERNET, Port(80), [opened])
    assert not allowed(who["predictor"], who["Redis"], Port(6379), [opened])
