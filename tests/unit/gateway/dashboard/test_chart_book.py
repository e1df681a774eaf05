import asyncio

import pytest

from tests.unit.gateway.dashboard.snapshots import snapshot
from trellis.gateway.dashboard.chart_book import ChartBook
from trellis.gateway.dashboard.chart_style import Look
from trellis.gateway.errors import NotFound

LIGHT, DARK = Look("light", "wide"), Look("dark", "wide")


async def test_a_chart_is_drawn_once_a_look_however_many_ask() -> None:
    book = ChartBook()
    seen = snapshot(1)
    drawn = await asyncio.gather(*(book.chart(seen, "traffic", LIGHT) for _ in range(10)))
    assert len({id(one) for one in drawn}) == 1
    assert (await book.chart(seen, "traffic", DARK)).svg != drawn[0].svg
    assert await book.chart(snapshot(2), "traffic", LIGHT) is not drawn[0]


async def test_without_figures_there_is_no_chart() -> None:
    with pytest.raises(NotFound, match="no figures"):
        await ChartBook().chart(snapshot(1, figures=None), "traffic", LIGHT)


async def test_who_sees_other_models_gets_another_chart() -> None:
    book, seen = ChartBook(), snapshot(1)
    own = seen._replace(models=frozenset(("leaf",)))
    assert await book.chart(seen, "traffic", LIGHT) is not await book.chart(own, "traffic", LIGHT)
