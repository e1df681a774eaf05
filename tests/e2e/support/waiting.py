"""Waiting for a state of the cluster, with words for what is waited for and what is there instead."""

import time
from collections.abc import Callable
from typing import TypeVar

State = TypeVar("State")

_PAUSE = 0.3  # seconds between two looks


class NotYet(Exception):
    """The state has not come; the message says what is there instead."""


def wait_for(what: str, look: Callable[[], State], seconds: float) -> State:
    """What ``look`` gives once it no longer raises ``NotYet``.

    Raises ``AssertionError`` with ``what`` and what was seen last, after ``seconds``.
    """
    begin = time.monotonic()
    while True:
        try:
            state = look()
        except NotYet as error:
            waited = time.monotonic() - begin
            if waited > seconds:
                raise AssertionError(f"after {waited:.0f} s there is no {what}: {error}") from None
            time.sleep(_PAUSE)
        else:
            print(f"{what}: after {time.monotonic() - begin:.1f} s")  # noqa: T201 - a failed test shows it
            return state
