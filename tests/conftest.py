"""What every test shares: hypothesis draws the same examples on every run, and several processes share
the tests out.
"""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,  # a busy machine is no failure
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("repeatable")

#: Fixtures that cost more than most files' tests: one process has them, with all tests that use them.
COSTLY = ("api_server", "committed", "laboratory")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Name each test's group, a costly fixture's or else its file, and begin with the costly ones."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item.fixturenames, item.nodeid)))
    items.sort(key=lambda item: _place(item.fixturenames))


def _group(fixtures: Sequence[str], test: str) -> str:
    place = _place(fixtures)
    return COSTLY[place] if place < len(COSTLY) else test.partition("::")[0]


def _place(fixtures: Sequence[str]) -> int:
    return next((place for place, name in enumerate(COSTLY) if name in fixtures), len(COSTLY))
