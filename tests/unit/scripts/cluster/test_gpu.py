import json
from pathlib import Path

import pytest

from scripts.cluster import gpu
from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program


@pytest.mark.parametrize(("count", "value"), [(2, "2"), (0, None)], ids=["two", "taken away"])
def test_capacity_and_allocatable_say_the_same(count: int, value: str | None) -> None:
    status = json.loads(gpu.patch(count))["status"]
    assert status == {
        "capacity": {"nvidia.com/gpu": value},
        "allocatable": {"nvidia.com/gpu": value},
    }


def test_a_node_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    program = tmp_path / "kubectl"
    program.write_text("#!/bin/sh\necho b-node a-node\n")
    program.chmod(0o755)
    with pytest.raises(ClusterError, match="no node c-node") as caught:
        gpu.advertise(Program(program), "c-node", 1)
    assert caught.value.remedy == "The nodes are a-node, b-node."
