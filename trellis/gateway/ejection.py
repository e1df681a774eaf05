"""Which arms are trusted with requests: one that fails again and again is left alone for a while.

An arm is *in* until ``Rules.after`` failures in a row. Then it is *out*, each time twice as long
as the last. When its time is up probes ask whether it is ready; once it is, it is on *trial*: one
request at a time goes to it, the first answer brings it back and the first failure ends the trial.

Pure: times come from the caller, in seconds of one monotonic clock.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from trellis.contracts.routing_table import Arm

State = Literal["in", "out", "trial"]

#: Seconds that an arm is out at most, however often it failed.
MOST_SECONDS = 300.0
#: Seconds between two probes of one that is not ready, at most: the first pause is
#: ``Rules.seconds``, each other twice the last.
UNREADY_SECONDS = 30.0
#: Seconds after which a trial's request that was never heard of again holds up the next no longer.
TRIAL_SECONDS = 60.0


class Rules(NamedTuple):
    """``after`` failures in a row, 0 for never; ``seconds`` that the first time out lasts."""

    after: int
    seconds: float


class ArmHealth:
    """What is thought of one arm. ``changed`` is called with it after each change of ``state``.

    A request reads ``era`` when it goes to the arm and gives it back with its outcome: what was
    sent before a change says nothing about the arm after it.
    """

    def __init__(
        self, model: str, arm: Arm, rules: Rules, changed: "Callable[[ArmHealth], None]"
    ) -> None:
        self.model = model
        self.arm = arm
        self.state: State = "in"
        self.era = 0
        #: When an arm that is out is to be probed.
        self.due = 0.0
        self._rules = rules
        self._changed = changed
        self._failures = 0
        self._out_seconds = 0.0
        self._pause = rules.seconds
        self._back_since = float("-inf")
        self._trial_since: float | None = None

    def takes(self, now: float) -> bool:
        """Whether a request may go to it; on trial, the one that may is noted."""
        if self.state == "in":
            return True
        if self.state == "out":
            return False
        if self._trial_since is not None and now - self._trial_since < TRIAL_SECONDS:
            return False
        self._trial_since = now
        return True

    def served(self, era: int, now: float) -> None:
        """It answered, whatever it said."""
        if era != self.era:
            return
        self._failures = 0
        # An arm that is out and nobody can replace is sent requests all the same.
        if self.state != "in":
            self._back_since = now
            self._become("in")

    def failed(self, era: int, now: float) -> None:
        """It took no connection, broke off, or said that it cannot."""
        if era != self.era or self.state == "out" or not self._rules.after:
            return
        self._failures += 1
        if self.state == "trial" or self._failures >= self._rules.after:
            again = self.state == "trial" or now - self._back_since < self._out_seconds
            self._leave(now, again=again)

    def left(self, era: int) -> None:
        """The request ended without telling anything of the arm."""
        if era == self.era:
            self._trial_since = None

    def probed(self, era: int, now: float, *, ready: bool) -> None:
        """A probe that began in ``era`` has ended."""
        if era != self.era or self.state != "out":
            return
        if ready:
            self._trial_since = None
            self._become("trial")
        else:
            self._pause = min(self._pause * 2, max(UNREADY_SECONDS, self._rules.seconds))
            self.due = now + self._pause

    def _leave(self, now: float, *, again: bool) -> None:
        self._out_seconds = min(
            self._out_seconds * 2 if again else self._rules.seconds, MOST_SECONDS
        )
        self._failures = 0
        self._pause = self._rules.seconds
        self.due = now + self._out_seconds
        self._become("out")

    def _become(self, state: State) -> None:
        self.state = state
        self.era += 1
        self._changed(self)
