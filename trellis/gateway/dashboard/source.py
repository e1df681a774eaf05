"""Where the dashboard's figures come from: a narrow port, one adapter a file."""

from typing import Protocol

from trellis.gateway.dashboard.window import Window

#: Seconds of the window that the figures are told over.
WINDOW_SECONDS = 300.0


class SourceDown(Exception):
    """The metrics cannot be read now; ``str(error)`` is a sentence for the operator."""


class Source(Protocol):
    """``every`` is the seconds between two looks; ``words`` says what is counted, for people."""

    every: float
    words: str

    async def window(self) -> Window:
        """Look once. Raises ``SourceDown``."""
        ...
