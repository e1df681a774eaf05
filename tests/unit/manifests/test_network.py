"""The evaluator itself, by the documentation's own cases."""

from typing import Any

import pytest

from tests.unit.manifests.network import Peer, Policy, Port, allowed, selects

HERE = Peer("here", "a", {"app": "here"})
BESIDE = Peer("beside", "a", {"app": "beside"})
AWAY = Peer("away", "b", {"app": "beside"})
OUTSIDE = Peer("outside", None, address="203.0.113.7")
WEB = Port(80)


def policy(**spec: Any) -> Policy:
    spec.setdefault("podSelector", {"matchLabels": {"app": "here"}})
    return {"metadata": {"namespace": "a"}, "spec": spec}


def comes_in(source: Peer, rule: dict[str, Any], port: Port = WEB) -> bool:
    return allowed(source, HERE, port, [policy(ingress=[rule])])


def test_who_is_not_selected_is_open() -> None:
    assert allowed(AWAY, HERE, WEB, [])
    assert allowed(HERE, AWAY, WEB, [policy(ingress=[])])
    assert allowed(AWAY, BESIDE, WEB, [policy(ingress=[])])


def test_who_is_selected_takes_only_what_is_allowed() -> None:
    assert not allowed(BESIDE, HERE, WEB, [policy(ingress=[])])
    assert not allowed(BESIDE, HERE, WEB, [policy(podSelector={}, policyTypes=["Ingress"])])


def test_an_empty_rule_allows_everybody_everything() -> None:
    assert comes_in(OUTSIDE, {})
    assert comes_in(AWAY, {"from": []})


def test_policies_add_up() -> None:
    one = policy(ingress=[{"ports": [{"port": 80}]}])
    two = policy(ingress=[{"ports": [{"port": 81}]}])
    assert [allowed(AWAY, HERE, Port(number), [one, two]) for number in (80, 81, 82)] == [
        True, True, False,
    ]  # fmt: skip


def test_a_policy_of_another_namespace_does_not_select() -> None:
    elsewhere = {"metadata": {"namespace": "b"}, "spec": {"podSelector": {}, "ingress": []}}
    assert allowed(BESIDE, HERE, WEB, [elsewhere])


def test_egress_is_denied_where_it_is_stated_or_typed() -> None:
    assert allowed(HERE, AWAY, WEB, [policy(ingress=[])])
    assert not allowed(HERE, AWAY, WEB, [policy(egress=[])])
    assert not allowed(HERE, AWAY, WEB, [policy(policyTypes=["Egress"])])
    assert allowed(AWAY, HERE, WEB, [policy(policyTypes=["Egress"])])


def test_both_ends_have_to_agree() -> None:
    lets_in = policy(ingress=[{}])
    keeps_in = {
        "metadata": {"namespace": "b"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"]},
    }
    assert allowed(AWAY, HERE, WEB, [lets_in])
    assert not allowed(AWAY, HERE, WEB, [lets_in, keeps_in])


@pytest.mark.parametrize(
    ("peer", "beside", "away"),
    [
        ({"podSelector": {"matchLabels": {"app": "beside"}}}, True, False),
        ({"podSelector": {}}, True, False),
        ({"namespaceSelector": {}}, True, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}, False, True),
        (
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}},
                "podSelector": {"matchLabels": {"app": "other"}},
            },
            False,
            False,
        ),
    ],
    ids=["pods here", "all pods here", "all namespaces", "a namespace", "both, as one"],
)
def test_peers(peer: dict[str, Any], beside: bool, away: bool) -> None:
    rule = {"from": [peer]}
    assert (comes_in(BESIDE, rule), comes_in(AWAY, rule)) == (beside, away)
    assert not comes_in(OUTSIDE, rule)


def test_addresses() -> None:
    block = {"ipBlock": {"cidr": "203.0.0.0/16", "except": ["203.0.114.0/24"]}}
    assert comes_in(OUTSIDE, {"from": [block]})
    assert not comes_in(Peer("x", None, address="203.0.114.1"), {"from": [block]})
    assert not comes_in(BESIDE, {"from": [block]})


def test_ports() -> None:
    rule = {"ports": [{"port": 80, "endPort": 82}, {"port": 53, "protocol": "UDP"}]}
    assert [comes_in(AWAY, rule, Port(number)) for number in (79, 80, 82, 83, 53)] == [
        False, True, True, False, False,
    ]  # fmt: skip
    assert comes_in(AWAY, rule, Port(53, "UDP"))
    assert comes_in(AWAY, {"ports": [{"protocol": "UDP"}]}, Port(9, "UDP"))


@pytest.mark.parametrize(
    ("operator", "values", "has", "has_not"),
    [
        ("In", ["here"], True, False),
        ("NotIn", ["here"], False, True),
        ("Exists", None, True, False),
        ("DoesNotExist", None, False, True),
    ],
)
def test_expressions(operator: str, values: list[str] | None, has: bool, has_not: bool) -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}
    assert (selects(selector, {"app": "here"}), selects(selector, {})) == (has, has_not)
