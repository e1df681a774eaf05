import itertools
from pathlib import Path

import pytest
import yaml

from tests.unit.manifests.conftest import MANIFESTS, Build, Documents, of_kind
from tests.unit.manifests.flows import INTERNET, PRIVATE, everybody, flows, parties
from tests.unit.manifests.network import Peer, Port, allowed

PLATFORM = MANIFESTS / "overlays/production/platform"
#: Every port that anybody above listens on, and some that nobody should reach.
PORTS = {flow.port for flow in flows()} | {
    *(Port(number) for number in (22, 80, 443, 6443, 8022, 9000, 10250)),
    *(Port(number, "UDP") for number in (53, 8012, 8080)),
}


@pytest.fixture
def policies(build: Build) -> Documents:
    return of_kind(build(PLATFORM), "NetworkPolicy")


def test_every_party_of_a_flow_is_described() -> None:
    named = {name for flow in flows() for name in (flow.source, flow.destination)}
    assert named <= set(everybody())


def test_each_listed_flow_is_allowed(policies: Documents) -> None:
    who = everybody()
    denied = [
        flow
        for flow in flows()
        if not allowed(who[flow.source], who[flow.destination], flow.port, policies)
    ]
    assert not denied


def test_every_other_pair_and_port_is_denied(policies: Documents) -> None:
    listed = {(flow.source, flow.destination, flow.port) for flow in flows()}
    who = everybody().values()
    tried = 0
    open_ways = []
    for source, destination, port in itertools.product(who, who, PORTS):
        ours = "trellis" in {source.namespace, destination.namespace}
        if not ours or source is destination or (source.name, destination.name, port) in listed:
            continue
        tried += 1
        if allowed(source, destination, port, policies):
            open_ways.append((source.name, destination.name, port))
    assert not open_ways
    assert tried > 2000


@pytest.mark.parametrize(
    "file", sorted((MANIFESTS / "components/network-policy").glob("[!k]*.yaml")), ids=str
)
def test_no_policy_is_for_nothing(file: Path, policies: Documents) -> None:
    """Without it, another set of flows is allowed."""
    own = {(d["kind"], d["metadata"]["name"]) for d in yaml.safe_load_all(file.read_text())}
    rest = [one for one in policies if (one["kind"], one["metadata"]["name"]) not in own]
    assert len(rest) < len(policies)
    who = everybody().values()
    assert any(
        allowed(source, destination, port, policies) != allowed(source, destination, port, rest)
        for source, destination, port in itertools.product(who, who, PORTS)
    )


def test_a_fetched_version_reaches_names_and_its_store_only(policies: Documents) -> None:
    file = MANIFESTS / "examples/s3.yaml"
    documents: Documents = list(yaml.safe_load_all(file.read_text()))
    (own,) = of_kind(documents, "NetworkPolicy")
    own["metadata"]["namespace"] = "trellis"
    with_own = [*policies, own]
    labels = {"serving.kserve.io/inferenceservice": "tomato-s3"}
    predictor, who = Peer("tomato-s3", "trellis", labels), parties()
    assert allowed(predictor, INTERNET, Port(443), with_own)
    assert allowed(predictor, who["cluster DNS"], Port(53, "UDP"), with_own)
    for peer, port in itertools.product(
        [*who.values(), PRIVATE], [Port(443), Port(80), Port(6379), Port(8080)]
    ):
        assert not allowed(predictor, peer, port, with_own), (peer, port)
    assert not allowed(who["predictor"], INTERNET, Port(443), with_own)
