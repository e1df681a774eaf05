import pytest

from trellis.gateway.errors import Overloaded
from trellis.gateway.gate import Gate


def test_no_more_than_the_limit_are_inside() -> None:
    gate = Gate(2, 10)
    with gate, gate:
        assert gate.inflight == 2
        with pytest.raises(Overloaded, match="2 requests in flight"), gate:
            pass
        assert gate.inflight == 2
    assert gate.inflight == 0


def test_a_failed_request_leaves() -> None:
    gate = Gate(1, 10)
    with pytest.raises(ValueError, match="x"), gate:
        raise ValueError("x")
    assert gate.inflight == 0


def test_no_more_bytes_than_the_limit_are_held() -> None:
    gate = Gate(1, 10)
    gate.hold(7)
    with pytest.raises(Overloaded, match="over the gateway's limit of 10 bytes"):
        gate.hold(4)
    gate.hold(3)
    gate.let_go(10)
    assert gate.held_bytes == 0
