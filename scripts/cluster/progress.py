"""Steps on the terminal: what each one waits for, and how many seconds it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

#: Told what a step waits for just now.
Say = Callable[[str], None]


class Progress:
    """Prints steps as they go; a live line on a terminal, plain lines elsewhere.

    ``clock`` gives seconds.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._clock = clock
        self._start = clock()

    @property
    def seconds(self) -> float:
        """Seconds since the first step could begin."""
        return self._clock() - self._start

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """One step; the value is called with what it waits for."""
        start = self._clock()
        shown = ""
        with self.console.status(f"{escape(title)} …", spinner="line") as status:

            def say(what: str) -> None:
                nonlocal shown
                if what == shown:
                    return
                shown = what
                if self.console.is_terminal:
                    status.update(f"{escape(title)}: {escape(what)}")
                else:
                    self.note(f"{title}: {what}")

            yield say
        self.note(f"{title} ({self._clock() - start:.1f} s)")

    def note(self, line: str) -> None:
        """A line with the seconds since the start before it."""
        self.console.print(
            f"{self.seconds:6.1f} s  {escape(line)}", highlight=False, soft_wrap=True
        )
