import dataclasses

import pytest

from scripts.cluster.errors import ClusterError
from scripts.cluster.nodes import Node
from scripts.cluster.repair import action
from scripts.cluster.settings import Settings

SETTINGS = Settings()
IMAGE = "trellis/node:1.34.4"
WHOLE = [
    Node(name, identity=name, running=True, image=IMAGE, models=str(SETTINGS.checkout / "models"))
    for name in SETTINGS.nodes
]


def changed(index: int, **values: object) -> list[Node]:
    nodes = list(WHOLE)
    nodes[index] = dataclasses.replace(nodes[index], **values)  # type: ignore[arg-type] # a test's shorthand
    return nodes


@pytest.mark.parametrize(
    ("nodes", "expected", "words"),
    [
        ([], "create", "none"),
        (WHOLE, "keep", "run"),
        (WHOLE[:2], "recreate", "trellis-worker2"),
        (changed(1, running=False), "start", "trellis-worker"),
    ],
    ids=["none", "whole", "half-made", "stopped"],
)
def test_what_is_there_decides(nodes: list[Node], expected: str, words: str) -> None:
    chosen, why = action(nodes, SETTINGS, IMAGE)
    assert chosen == expected
    assert words in why


def test_a_cluster_of_another_checkout_is_left_alone() -> None:
    with pytest.raises(ClusterError, match="not of this checkout") as caught:
        action(changed(0, models="/elsewhere/models"), SETTINGS, IMAGE)
    assert "TRELLIS_CLUSTER=" in caught.value.remedy


def test_a_half_made_cluster_of_another_is_left_alone_too() -> None:
    with pytest.raises(ClusterError, match="not of this checkout"):
        action(changed(0, models="")[:1], SETTINGS, IMAGE)


def test_another_node_image_is_named_with_the_way_out() -> None:
    with pytest.raises(ClusterError) as caught:
        action(changed(2, image="kindest/node:v1.30.0"), SETTINGS, IMAGE)
    assert "kindest/node:v1.30.0" in caught.value.problem
    assert IMAGE in caught.value.problem
    assert "make cluster-down" in caught.value.remedy
