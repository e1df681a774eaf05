"""The charts of the newest look, each drawn once for all who look at it."""

import asyncio

from trellis.gateway.dashboard.chart_style import Drawn, Look
from trellis.gateway.dashboard.charts import ChartName, draw
from trellis.gateway.dashboard.snapshot import Snapshot
from trellis.gateway.errors import NotFound


class ChartBook:
    """Keeps what was drawn until the next look."""

    def __init__(self) -> None:
        self._number = 0
        self._drawn: dict[tuple[frozenset[str] | None, ChartName, Look], asyncio.Task[Drawn]] = {}

    async def chart(self, snapshot: Snapshot, name: ChartName, look: Look) -> Drawn:
        """One chart of this look. Raises ``NotFound`` where the look has no figures."""
        figures = snapshot.figures
        if figures is None:
            raise NotFound("there are no figures to draw a chart of now")
        if snapshot.number != self._number:
            self._number = snapshot.number
            self._drawn = {}
        key = snapshot.models, name, look
        task = self._drawn.get(key)
        if task is None:
            task = self._drawn[key] = asyncio.create_task(draw(name, figures, look))
        return await asyncio.shield(task)
