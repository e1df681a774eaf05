from pathlib import Path

import pytest

from tests.conftest import LONG, TOGETHER

ROOT = Path(__file__).parents[2]
PLACES = [place for places in (*TOGETHER.values(), LONG) for place in places]


@pytest.mark.parametrize("place", PLACES)
def test_every_place_that_is_named_has_tests(place: str) -> None:
    files = (path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py"))
    assert any(file.startswith(place) for file in files)
