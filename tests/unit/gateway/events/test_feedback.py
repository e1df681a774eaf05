"""One outcome from its JSON: what means the same is the same, and what does not fit is named."""

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from trellis.gateway.errors import DoesNotFit
from trellis.gateway.events.feedback import read_outcome

ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(min_size=1, max_size=260)
    | st.lists(st.text(), max_size=2)
)
NEARLY_OUTCOMES = st.fixed_dictionaries(
    {"request_id": st.just("r") | ANYTHING},
    optional={"label": ANYTHING, "score": ANYTHING, "conversion": ANYTHING, "more": ANYTHING},
)


@given(NEARLY_OUTCOMES | ANYTHING)
def test_any_json_is_an_outcome_that_keeps_its_value_or_is_refused(item: object) -> None:
    try:
        said = read_outcome(item, 1.5)
    except DoesNotFit:
        return
    assert isinstance(item, dict)
    assert orjson.loads(said.value) == item[said.kind]
    assert (said.request_id, said.time) == (item["request_id"], 1.5)


@given(st.integers(-(10**12), 10**12))
def test_a_score_is_the_same_however_it_is_written(number: int) -> None:
    whole = read_outcome({"request_id": "r", "score": number}, 0)
    point = read_outcome({"request_id": "r", "score": float(number)}, 0)
    assert whole == point
    assert json.loads(whole.value) == number


def test_there_is_one_zero() -> None:
    values = {read_outcome({"request_id": "r", "score": zero}, 0).value for zero in (0, 0.0, -0.0)}
    assert values == {b"0.0"}


def test_only_a_conversion_that_did_not_happen_is_not_counted() -> None:
    given_items = ({"conversion": True}, {"conversion": False}, {"label": "false"}, {"score": 0})
    counted = [read_outcome({"request_id": "r", **item}, 0).counted for item in given_items]
    assert counted == [True, False, True, True]
