import datetime as dt

import pytest

from scripts.cluster.documents import Document
from scripts.cluster.nodes_up import unready

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


def node(name: str, *, ready: str = "True") -> Document:
    conditions = [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


def lease(name: str, age: float) -> Document:
    renewed = (NOW - dt.timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"metadata": {"name": name}, "spec": {"renewTime": renewed}}


@pytest.mark.parametrize(
    ("nodes", "leases", "missing"),
    [
        ([node("a"), node("b")], [lease("a", -1), lease("b", -1)], []),
        ([node("a")], [lease("a", -1)], ["b"]),
        ([node("a"), node("b", ready="Unknown")], [lease("a", -1), lease("b", -1)], ["b"]),
        ([node("a"), node("b")], [lease("a", 60), lease("b", -1)], ["a"]),
        ([node("a"), {"metadata": {"name": "b"}, "status": {}}], [lease("a", -1)], ["b"]),
    ],
    ids=["well", "not there", "not ready", "only what was before", "new"],
)
def test_a_node_is_ready_by_its_word_and_a_sign_of_life(
    nodes: list[Document], leases: list[Document], missing: list[str]
) -> None:
    assert unready(["a", "b"], {"items": nodes}, {"items": leases}, NOW) == missing
