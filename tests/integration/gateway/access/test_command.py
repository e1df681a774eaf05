"""``trellis keys`` as a person runs it: a process of its own, against a real Redis."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.gateway.access.doors import door
from tests.integration.redis_server import RedisServer
from trellis.gateway.access.command import main


def keys(
    *words: str, url: str | None = None, prefix: str = "trellis"
) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRELLIS_")}
    env["TRELLIS_REDIS_PREFIX"] = prefix
    if url is not None:
        env["TRELLIS_REDIS_URL"] = url
    return subprocess.run(
        [sys.executable, "-m", "trellis.cli", "keys", *words],
        env=env,
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_a_key_is_made_listed_used_and_revoked(
    redis_server: RedisServer, prefix: str
) -> None:
    here = {"url": redis_server.url, "prefix": prefix}
    made = keys(
        *("create", "--name", "the lab", "--scopes", "infer,version", "--models", "tomato,lab-*"),
        *("--expires", "30d", "--rate", "5", "--burst", "9"),
        **here,
    )
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert key.startswith("tk_")
    assert key[16:] not in made.stderr
    async with door(redis_server, prefix) as opened:
        assert await opened.status(key, scope="version", model="lab-1") == 200
        assert await opened.status(key, scope="admin") == 403
    listed = keys("list", **here)
    assert listed.returncode == 0
    heading, row = listed.stdout.splitlines()
    assert heading.split()[:3] == ["ID", "NAME", "SCOPES"]
    assert all(
        word in row
        for word in ("the lab", "infer,version", "lab-*,tomato", "5/s, 9 at once", "good")
    )
    assert key[16:] not in listed.stdout
    revoked = keys("revoke", key[3:15], **here)
    assert (revoked.returncode, revoked.stdout) == (0, f"{key[3:15]} revoked\n")
    assert keys("list", **here).stdout.splitlines()[1].endswith("revoked")
    async with door(redis_server, prefix) as opened:
        assert await opened.status(key, model="tomato") == 401


def test_the_flag_wins_over_the_environment(redis_server: RedisServer, prefix: str) -> None:
    made = keys(
        *("create", "--name", "x", "--redis_url", redis_server.url, "--redis_prefix", prefix),
        url="redis://127.0.0.1:1/0",
    )
    assert made.returncode == 0, made.stderr


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["create"], 2, "--name"),
        (["create", "--name", "x", "--scopes", "root"], 2, "admin, feedback, infer, version"),
        (["create", "--name", "x", "--expires", "soon"], 2, "12h, 30d or 8w"),
        (["create", "--name", "x", "--burst", "0"], 2, "burst"),
        (["create", "--name", "x", "--rate", "-1"], 2, "rate"),
        (["create", "--name", "x", "--models", "a b"], 2, "models"),
        (["create", "--name", ""], 2, "name"),
        (["revoke", "nobody"], 1, "no key 'nobody'"),
        ([], 2, "create|list|revoke"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_mistakes_are_told_in_words(
    redis_server: RedisServer,
    prefix: str,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    sentence: str,
) -> None:
    where = ["--redis_url", redis_server.url, "--redis_prefix", prefix] if words else []
    assert ended([*words, *where]) == status
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ([], 2),
        (["--redis_url", "redis://127.0.0.1:1/0"], 1),
        (["--redis_url", "http://127.0.0.1:1"], 1),
    ],
)
def test_without_a_redis_it_says_so(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    where: list[str],
    status: int,
) -> None:
    monkeypatch.delenv("TRELLIS_REDIS_URL", raising=False)
    monkeypatch.chdir(tmp_path)  # where no .env is
    assert ended(["list", *where]) == status
    assert "trellis keys: " in capsys.readouterr().err


def ended(words: list[str]) -> int:
    """The exit status of the command, run in this process."""
    try:
        return main(words)
    except SystemExit as stopped:
        return int(stopped.code or 0)
