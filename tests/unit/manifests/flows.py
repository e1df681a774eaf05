"""The tables of docs/network-flows.md."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.unit.manifests.network import Peer, Port

INTERNET = Peer("the internet", None, address="203.0.113.7")
PRIVATE = Peer("a machine of the company", None, address="10.1.2.3")
#: In a table: everybody who is not in the namespace of the policies.
OUTSIDE = "anybody outside"
PAGE = Path(__file__).parents[3] / "docs" / "network-flows.md"


@dataclass(frozen=True)
class Flow:
    """One listed flow."""

    source: str
    destination: str
    port: Port


def parties() -> dict[str, Peer]:
    """The parties by name."""
    found = {}
    for name, namespace, labels in _table("Parties"):
        pairs = re.findall(r"`([^`=]+)=([^`]+)`", labels)
        assert pairs, f"no labels: {name}"
        found[name] = Peer(name, namespace.strip("`"), dict(pairs))
    return found


def everybody() -> dict[str, Peer]:
    """The parties, and the world by two of its addresses."""
    return {**parties(), INTERNET.name: INTERNET, PRIVATE.name: PRIVATE}


def flows() -> set[Flow]:
    """The listed flows, one for each pair and port."""
    found = set()
    for sources, destinations, ports, _ in _table("Flows"):
        for source in _names(sources):
            for destination in _names(destinations):
                for port in ports.split(", "):
                    number, _, protocol = port.partition("/")
                    found.add(Flow(source, destination, Port(int(number), protocol or "TCP")))
    return found


def _names(cell: str) -> list[str]:
    if cell == OUTSIDE:
        return [peer.name for peer in everybody().values() if peer.namespace != "trellis"]
    return cell.split(", ")


def _table(title: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
