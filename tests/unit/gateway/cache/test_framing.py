import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis.gateway.cache.answer import CachedAnswer
from trellis.gateway.cache.framing import from_frame, to_frame

MINE, OTHERS = bytes(32), bytes(31) + b"\x01"
ANSWER = CachedAnswer(200, ((b"content-type", b"application/json"),), b'{"a":1}')

tokens = st.text("abc-", min_size=1, max_size=5).map(str.encode)
values = st.binary(max_size=5).map(lambda raw: raw.replace(b"\n", b" "))
answers = st.builds(
    CachedAnswer,
    st.integers(200, 599),
    st.lists(st.tuples(tokens, values), max_size=3).map(tuple),
    st.binary(max_size=50),
)


@given(answers)
@settings(deadline=None)
def test_what_is_read_is_what_was_written(answer: CachedAnswer) -> None:
    assert from_frame(MINE, to_frame(MINE, answer)) == answer


@given(answers, st.data())
@settings(deadline=None)
def test_a_frame_cut_anywhere_is_no_answer(answer: CachedAnswer, data: st.DataObject) -> None:
    frame = to_frame(MINE, answer)
    cut = data.draw(st.integers(0, len(frame) - 1))
    assert from_frame(MINE, frame[:cut]) is None
    assert from_frame(MINE, frame + frame[:1]) is None


@given(answers, st.data())
@settings(deadline=None)
def test_a_frame_with_any_bit_turned_is_no_answer(
    answer: CachedAnswer, data: st.DataObject
) -> None:
    frame = bytearray(to_frame(MINE, answer))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert from_frame(MINE, bytes(frame)) is None


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_garbage_is_no_answer_and_no_error(garbage: bytes) -> None:
    assert from_frame(MINE, garbage) is None
    assert from_frame(MINE, b"TC1" + MINE + garbage) is None


def test_another_keys_answer_is_no_answer() -> None:
    assert from_frame(MINE, to_frame(OTHERS, ANSWER)) is None


@pytest.mark.parametrize("status", [200, 503])
def test_the_status_is_kept(status: int) -> None:
    answer = ANSWER._replace(status=status)
    assert from_frame(MINE, to_frame(MINE, answer)) == answer
