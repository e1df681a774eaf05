from typing import Any

import pytest

from trellis.contracts.routing_table import RoutingTable
from trellis.rollout.cluster.saved_table import REMEMBERED, TABLE, saved
from trellis.rollout.compile import Trial, WeightedRevision, compile_route

REVISION = WeightedRevision("http://a", None, "tomato", "v1", "a", "", "arm", 1)
ROUTE = compile_route("s", [REVISION], None, Trial("leaves", "hash", 60.0))


def read(**data: Any) -> Any:
    metadata = {"namespace": "farm", "name": "kept", "resourceVersion": "7"}
    return saved({"metadata": metadata, "data": data or None})


def test_what_was_written_is_read() -> None:
    table = RoutingTable(version=3, models={"tomato": ROUTE})
    routes = f'{{"s":{ROUTE.model_dump_json(by_alias=True)}}}'
    found = read(**{TABLE: table.model_dump_json(by_alias=True), REMEMBERED: routes})
    assert (found.table, found.routes, found.why) == (table, {"s": ROUTE}, "")


def test_one_that_nothing_was_written_into_is_empty_and_not_broken() -> None:
    found = read()
    assert (found.table, found.routes, found.why) == (None, {}, "")


@pytest.mark.parametrize("text", ["", "{", '{"version": -1}', '{"version": 1, "colour": 2}'])
def test_a_table_that_cannot_be_read_says_why(text: str) -> None:
    found = read(**{TABLE: text, REMEMBERED: text})
    assert found.table is None
    assert found.why != ""
    assert found.routes == {}
