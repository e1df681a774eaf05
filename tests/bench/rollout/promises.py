"""How often the promises of the tests are broken, over more rollouts than a test draws."""

from dataclasses import dataclass

from tests.unit.rollout.promises.bounds import at_least, at_most
from tests.unit.rollout.promises.readings import (
    CLUSTERED,
    STAGED,
    UNEVEN,
    Reading,
    Users,
    by_all_users_met,
    by_request,
    by_user,
    by_user_and_stage,
    rollbacks,
)
from tests.unit.rollout.promises.scenarios import SCENARIOS

ALPHA = 0.05
MARGIN = 1.5
_USERS: dict[str, tuple[Users, Reading]] = {
    "clustered errors, by user": (CLUSTERED, by_user),
    "clustered errors, by request (wrong)": (CLUSTERED, by_request),
    "fourteen stages, by user": (STAGED, by_user),
    "fourteen stages, by user and stage (wrong)": (STAGED, by_user_and_stage),
    "busy and quiet users, by user": (UNEVEN, by_user),
    "busy and quiet users, by all users met (wrong)": (UNEVEN, by_all_users_met),
}


@dataclass(frozen=True)
class Broken:
    """Of ``rollouts`` at the margin: those called harmful, and those called within it."""

    title: str
    rollouts: int
    harm: int
    within: int | None

    def bounds(self) -> tuple[float, float]:
        """Of the rate of harm, by Clopper and Pearson."""
        return at_least(self.harm, self.rollouts), at_most(self.harm, self.rollouts)


def measure(rollouts: int) -> list[Broken]:
    """By request at a margin of 1.5; by user two versions that are the same, at 1.01."""
    found = [
        Broken(title, rollouts, *scenario.calls(MARGIN, ALPHA, rollouts))
        for title, scenario in SCENARIOS.items()
    ]
    stories = {users: users.stories(rollouts) for users in (CLUSTERED, STAGED, UNEVEN)}
    found += [
        Broken(title, rollouts, rollbacks(stories[users], reading), None)
        for title, (users, reading) in _USERS.items()
    ]
    return found
