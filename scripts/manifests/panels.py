"""Panels of a Grafana board, as its JSON model has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Grafana's grid is 24 columns wide.
COLUMNS = 24
HEIGHT = 8
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """One graph: ``queries`` are (PromQL, legend) pairs, ``unit`` one of Grafana's."""

    title: str
    meaning: str
    queries: Sequence[tuple[str, str]]
    unit: str
    width: int = COLUMNS // 2

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """The panel with this id (1 or more) at this place of the grid."""
        return {
            "id": number,
            "type": "timeseries",
            "title": self.title,
            "description": self.meaning,
            "datasource": DATA_SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": self.unit, "min": 0}, "overrides": []},
            "options": {"legend": {"displayMode": "table", "calcs": ["lastNotNull"]}},
            "targets": [
                {
                    "refId": chr(ord("A") + index),
                    "datasource": DATA_SOURCE,
                    "expr": query,
                    "legendFormat": legend,
                }
                for index, (query, legend) in enumerate(self.queries)
            ],
        }


def placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """The panels' JSON, from left to right and top to bottom."""
    x = y = 0
    found = []
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > COLUMNS:
            x, y = 0, y + HEIGHT
        found.append(panel.json(number, x, y))
        x += panel.width
    return found
