"""Charts that were drawn, each once for all who look at it, the newest few."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

from trellis.gateway.dashboard.chart_style import Drawn

#: Charts that are kept; each is some 15 KB.
MOST = 128


class Drawings:
    """By whatever tells one chart from another."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._drawn: OrderedDict[Hashable, asyncio.Task[Drawn]] = OrderedDict()

    async def get(self, key: Hashable, draw: Callable[[], Drawn]) -> Drawn:
        """The chart of that key, drawn off the event loop where it was not yet.

        Raises what ``draw`` raises, to all who asked for that chart.
        """
        task = self._drawn.get(key)
        if task is None:
            task = self._drawn[key] = asyncio.create_task(asyncio.to_thread(draw))
            if len(self._drawn) > self._most:
                self._drawn.popitem(last=False)
        self._drawn.move_to_end(key)
        return await asyncio.shield(task)
