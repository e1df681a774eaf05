"""NetworkPolicies as a cluster's network would enforce them, on paper.

Semantics of networking.k8s.io/v1: a pod that no policy selects for a direction is open in it;
one that some policy selects takes what any of those allows. A connection needs its source's leave
to go out and its destination's leave to come in.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Peer:
    """A pod, or with no namespace an address outside the cluster."""

    name: str
    namespace: str | None
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "10.244.0.9"

    @property
    def namespace_labels(self) -> dict[str, str]:
        """What every namespace is labelled with by Kubernetes itself."""
        return {} if self.namespace is None else {NAMESPACE_NAME: self.namespace}


@dataclass(frozen=True)
class Port:
    """A destination pod's port."""

    number: int
    protocol: str = "TCP"


Policy = Mapping[str, Any]


def allowed(source: Peer, destination: Peer, port: Port, policies: Sequence[Policy]) -> bool:
    """Whether ``source`` may connect to ``port`` of ``destination``."""
    out = _lets(source, destination, port, policies, "Egress")
    return out and _lets(destination, source, port, policies, "Ingress")


def _lets(pod: Peer, other: Peer, port: Port, policies: Sequence[Policy], direction: str) -> bool:
    selecting = [
        policy
        for policy in policies
        if _selects(policy, pod) and direction in _directions(policy["spec"])
    ]
    if not selecting:
        return True
    side, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
    return any(
        _matches_peer(rule.get(peers), other, policy["metadata"]["namespace"])
        and _matches_port(rule.get("ports"), port)
        for policy in selecting
        for rule in policy["spec"].get(side) or []
    )


def _selects(policy: Policy, pod: Peer) -> bool:
    same = policy["metadata"]["namespace"] == pod.namespace
    return same and selects(policy["spec"]["podSelector"], pod.labels)


def _directions(spec: Mapping[str, Any]) -> Sequence[str]:
    stated: Sequence[str] | None = spec.get("policyTypes")
    return stated or ("Ingress", *(["Egress"] if "egress" in spec else []))


def _matches_peer(peers: Sequence[Any] | None, other: Peer, namespace: str) -> bool:
    if not peers:  # missing or empty: everybody
        return True
    return any(_is_peer(peer, other, namespace) for peer in peers)


def _is_peer(peer: Mapping[str, Any], other: Peer, namespace: str) -> bool:
    if block := peer.get("ipBlock"):
        return _within(block["cidr"], other) and not any(
            _within(hole, other) for hole in block.get("except") or []
        )
    if other.namespace is None:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], other.namespace_labels):
            return False
    elif other.namespace != namespace:
        return False
    return selects(peer.get("podSelector") or {}, other.labels)


def _within(network: str, peer: Peer) -> bool:
    return ipaddress.ip_address(peer.address) in ipaddress.ip_network(network)


def _matches_port(ports: Sequence[Mapping[str, Any]] | None, port: Port) -> bool:
    if not ports:
        return True
    return any(
        entry.get("protocol", "TCP") == port.protocol
        and (
            "port" not in entry
            or entry["port"] <= port.number <= entry.get("endPort", entry["port"])
        )
        for entry in ports
    )


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes ``labels``; an empty one takes all."""
    return all(
        labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()
    ) and all(_holds(one, labels) for one in selector.get("matchExpressions") or [])


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    values = expression.get("values") or []
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]
