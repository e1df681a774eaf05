"""The tables of docs/network-flows.md."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.unit.manifests.network import Peer, Port

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


def flows() -> set[Flow]:
    """The listed flows, one for each pair and port."""
    found = set()
    for sources, destinations, ports, _ in _table("Flows"):
        for source in sources.split(", "):
            for destination in destinations.split(", "):
                for port in ports.split(", "):
                    number, _, protocol = port.partition("/")
                    found.add(Flow(source, destination, Port(int(number), protocol or "TCP")))
    return found


def _table(title: str) -> list[list[str]]:
    section = PAGE.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
