import io
import json
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.local.nodes import CLUSTER, node
from trellis.local.nodes import BadNodes, Taint, read_nodes


def test_what_kubectl_writes(tmp_path: Path) -> None:
    file = tmp_path / "nodes.json"
    file.write_text(json.dumps({"kind": "List", "items": CLUSTER}))
    *_, gpu = read_nodes(file)
    assert gpu.name == "gpu"
    assert gpu.labels["accelerator"] == "nvidia"
    assert gpu.taints == (Taint("nvidia.com/gpu", "", "NoSchedule"),)
    assert gpu.allocatable == {
        "cpu": Decimal(2),
        "memory": Decimal(8 * 2**30),
        "nvidia.com/gpu": Decimal(1),
    }


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"items": [node("a", cordoned=True)]}).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    (only,) = read_nodes(Path("-"))
    assert only.unschedulable


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NAME  STATUS", "is no JSON"),
        ("[]", "has no list `items`"),
        ('{"items": []}', "holds no node"),
        ('{"items": [{"kind": "Pod"}]}', "holds no node"),
        ('{"items": [{"kind": "Node"}]}', "an item that is no node"),
        ('{"items": ["a"]}', "an item that is no node"),
    ],
)
def test_what_kubectl_does_not_write(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "nodes.json"
    file.write_text(text)
    with pytest.raises(BadNodes, match="kubectl get nodes -o json") as raised:
        read_nodes(file)
    assert words in str(raised.value)
