"""Build Go programs from the wrapper modules into the cache."""

import re
import shutil
import time
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path

from scripts.cluster.offline.cache import GO_BYTES, Cache, scratch
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.process import run
from scripts.cluster.offline.programs import MODULES, Program, link_values, tags

#: The newest that a wrapper module asks for.
GO = (1, 26, 4)


def missing(cache: Cache, programs: Iterable[Program]) -> list[Program]:
    """Those that the cache does not have, in their order."""
    return [p for p in programs if not cache.program(p.name, p.version).exists()]


def go_environment(cache: Cache) -> dict[str, str]:
    """Go with caches of its own, static programs, and modules exactly as go.sum has them."""
    return {
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache.go_build),
        "GOMODCACHE": str(cache.go_modules),
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false -modcacherw",
        "GOWORK": "off",
    }


def compile_programs(cache: Cache, programs: Iterable[Program], say: Callable[[str], None]) -> None:
    """Build those that the cache does not have, all programs of one module by one command.

    :raises BuildError: where Go is missing or a build fails; what was built before stays.
    """
    wanting = missing(cache, programs)
    if wanting:
        _require_go(wanting[0].name)
    for module, group in groupby(wanting, key=lambda p: p.module):
        wanted = list(group)
        names = " ".join(p.name for p in wanted)
        say(f"compiling {names} {wanted[0].version}")
        began = time.monotonic()
        with scratch(cache.root / "bin" / ".partial") as stage:
            try:
                _go_build(cache, module, wanted, stage)
            except BuildError as error:  # a module proxy may fail once; what it gave is kept
                say(f"{error}\ntrying once more")
                _go_build(cache, module, wanted, stage)
            for program in wanted:
                (stage / _file_name(program.package)).rename(
                    cache.program(program.name, program.version)
                )
        cache.drop_go(beyond=GO_BYTES)
        say(f"compiled {names} in {time.monotonic() - began:.0f} s")


def _require_go(name: str) -> None:
    needed = ".".join(map(str, GO))
    if not shutil.which("go"):
        raise BuildError(
            f"building {name} needs Go {needed} or newer, which is not installed: see https://go.dev/dl"
        )
    found = run("go", "env", "GOVERSION").strip()
    numbers = tuple(map(int, re.findall(r"\d+", found)[:3]))
    if numbers < GO:
        raise BuildError(
            f"building {name} needs Go {needed} or newer, and there is {found}: see https://go.dev/dl"
        )


def _go_build(cache: Cache, module: str, programs: Iterable[Program], folder: Path) -> None:
    flags = " ".join(f"-X {name}={value}" for name, value in link_values(module).items())
    run(
        "go", "build", "-tags", tags(module), "-ldflags", f"-s -w {flags}", "-o", f"{folder}/", *(p.package for p in programs),
        cwd=MODULES / module, env=go_environment(cache),
    )  # fmt: skip


def _file_name(package: str) -> str:
    """What Go calls the program of a package: the last part of its path that is no major version."""
    *_, before, last = package.split("/")
    return before if re.fullmatch(r"v\d+", last) else last
