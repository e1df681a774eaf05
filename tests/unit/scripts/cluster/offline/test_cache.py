import fcntl
from pathlib import Path

import pytest

from scripts.cluster.offline.cache import Cache, scratch, written
from scripts.cluster.offline.errors import BuildError


def test_what_is_written_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "bin" / "part-1"
    with written(path) as aside:
        aside.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["part-1"]


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_a_block_that_raises_leaves_nothing(tmp_path: Path, folder: bool) -> None:
    def attempt() -> None:
        with written(tmp_path / "part-1") as aside:
            if folder:
                aside.mkdir()
            else:
                aside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        attempt()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_build_left_is_not_taken_over(tmp_path: Path) -> None:
    left = tmp_path / ".part-1.partial"
    left.mkdir()
    (left / "half").touch()
    with written(tmp_path / "part-1") as aside:
        aside.mkdir()
        (aside / "whole").touch()
    assert [p.name for p in (tmp_path / "part-1").iterdir()] == ["whole"]


def test_scratch_is_its_own_and_gone_after(tmp_path: Path) -> None:
    killed = tmp_path / ".scratch-4711"
    killed.mkdir()
    (killed / "left").touch()
    with scratch(tmp_path / ".scratch") as empty:
        assert empty != killed
        assert not list(empty.iterdir())
        assert list(tmp_path.iterdir()) == [empty]
        (empty / "some").touch()
    assert not list(tmp_path.iterdir())


def test_too_small_a_disk_is_told_with_its_figures_and_the_setting(tmp_path: Path) -> None:
    with pytest.raises(
        BuildError, match=r"needs 1000000000 GB .* has [\d.]+ GB: .*TRELLIS_CLUSTER_CACHE"
    ):
        Cache(tmp_path / "new").require_room(10**18)


def test_what_go_has_fetched_counts_as_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.go_modules.mkdir(parents=True)
    with (cache.go_modules / "large").open("wb") as file:
        file.truncate(10**12)
    cache.require_room(10**12)


def test_a_second_build_says_that_it_waits_and_for_whom(tmp_path: Path) -> None:
    said: list[str] = []
    other = (tmp_path / "lock").open("w+")
    other.write("4711")
    other.flush()
    fcntl.flock(other, fcntl.LOCK_EX)

    def say(text: str) -> None:
        said.append(text)
        other.close()  # the other build ends

    with Cache(tmp_path).locked(say):
        assert "process 4711" in said[0]


def test_dropping_go_keeps_what_was_built(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for path in (cache.program("kind", "1"), cache.go_build / "x", cache.go_modules / "y"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("some")
    cache.drop_go(beyond=8)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bin", "go"]
    cache.drop_go()
    assert [p.name for p in tmp_path.iterdir()] == ["bin"]


def test_an_archive_of_another_recipe_is_another_and_the_older_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    older, newer = (cache.image("redis", "7.0.15", recipe) for recipe in ("one", "two"))
    others = [cache.image("redis", "7.0.14", "one"), cache.image("redis-extra", "7.0.15", "one")]
    older.parent.mkdir()
    for path in (older, newer, *others):
        path.touch()
    cache.drop_older(newer)
    assert sorted(older.parent.iterdir()) == sorted([newer, *others])
