"""Request ids and trace context: taken where they are sound, made where not."""

import re

import pytest

from trellis.telemetry.request_ids import child_traceparent, take_or_make_request_id, trace

MADE = re.compile(r"[0-9a-f]{32}")
PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize("given", ["a", "order-7/2", "x" * 128, "!~"])
def test_a_sound_id_is_taken(given: str) -> None:
    assert take_or_make_request_id(given) == given


@pytest.mark.parametrize("given", [None, "", "a b", "a\r\nb", "ü", "x" * 129, "a\n", "\x7f"])
def test_another_is_made(given: str | None) -> None:
    made = take_or_make_request_id(given)
    assert MADE.fullmatch(made)
    assert made != take_or_make_request_id(given)


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_trace_goes_on_with_a_span_of_our_own(flags: str) -> None:
    match = PARENT.fullmatch(child_traceparent(f"00-{TRACE}-{SPAN}-{flags}"))
    assert match
    assert match[1] == TRACE
    assert match[2] != SPAN
    assert match[3] == flags


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        f"01-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
    ],
)
def test_a_malformed_one_starts_a_new_trace(given: str | None) -> None:
    match = PARENT.fullmatch(child_traceparent(given))
    assert match
    assert match[1] not in (TRACE, "0" * 32)


def test_both_together() -> None:
    found = trace("mine", f"00-{TRACE}-{SPAN}-01")
    assert found.request_id == "mine"
    assert TRACE in found.traceparent
