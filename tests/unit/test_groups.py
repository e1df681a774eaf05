from pathlib import Path

from tests.conftest import TOGETHER

ROOT = Path(__file__).parents[2]


def test_every_place_of_a_group_has_tests() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    for places in TOGETHER.values():
        for place in places:
            assert any(file.startswith(place) for file in files), place
