import pytest

from trellis.gateway.jobs.preferences import respond_async, wait_seconds


@pytest.mark.parametrize(
    "value",
    [
        b"respond-async",
        b"Respond-Async",
        b"wait=5, respond-async",
        b' handling=lenient ,respond-async;foo="a" , wait=5',
    ],
)
def test_a_caller_may_prefer_to_be_answered_later(value: bytes) -> None:
    assert respond_async([(b"host", b"x"), (b"prefer", value)])
    assert respond_async([(b"prefer", b"wait=1"), (b"prefer", value)])


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"prefer", b"")],
        [(b"prefer", b"return=minimal")],
        [(b"prefer", b"no-respond-async")],
        [(b"prefer", b'note="respond-async"')],
        [(b"x-prefer", b"respond-async")],
        [(b"prefer", b"\xff\x00;;,=")],
    ],
)
def test_other_preferences_are_none_of_it(headers: list[tuple[bytes, bytes]]) -> None:
    assert not respond_async(headers)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"wait=5", 5),
        (b"respond-async, wait=10", 10),
        (b"wait=10;x=1", 10),
        (b'wait="7"', 7),
        (b"wait=3, wait=9", 3),
        (b"wait=99999999999999999999", 50),
        (b"wait=0", 0),
        (b"wait", 0),
        (b"wait=-1", 0),
        (b"wait=1.5", 0),
        (b"wait=soon", 0),
        (b"await=5", 0),
    ],
)
def test_a_wait_is_read_and_bounded(value: bytes, seconds: int) -> None:
    assert wait_seconds([(b"prefer", value)], most=50) == seconds
