"""What happened, for the person at the terminal and for the log."""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from trellis.telemetry.logs import get_logger

Level = Literal["info", "warning", "error"]
_KEPT = 100


@dataclass(frozen=True)
class Event:
    """One thing that happened ``times`` in a row; ``at`` is seconds since the epoch."""

    at: float
    level: Level
    text: str
    times: int = 1


class Events:
    """The recent events; ``listener`` gets each as it comes."""

    def __init__(self, listener: Callable[[Event], None] | None = None) -> None:
        self.recent: deque[Event] = deque(maxlen=_KEPT)
        self._listener = listener

    def add(self, text: str, level: Level = "info") -> None:
        """Note one event, in the log too."""
        event = Event(time.time(), level, text)
        if self.recent and self.recent[-1].text == text:
            # What dies at each start would else push everything else out of sight.
            event = replace(event, times=self.recent.pop().times + 1)
        self.recent.append(event)
        getattr(get_logger(), level)(text)
        if self._listener is not None:
            with contextlib.suppress(OSError):  # a terminal that is gone ends no run
                self._listener(event)
