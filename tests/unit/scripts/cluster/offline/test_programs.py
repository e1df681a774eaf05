import re

import pytest

from scripts.cluster.offline import GROUPS
from scripts.cluster.offline.programs import MODULES, Program, link_values
from scripts.cluster.versions import version

PROGRAMS = sorted({p for group in GROUPS.values() for p in group.programs}, key=lambda p: p.name)
# Whose version is not that of a module.
OWN = {"pause"}


def named(program: Program) -> str:
    return program.name


def requirements(module: str) -> dict[str, str]:
    """What a wrapper's go.mod requires: module path: version."""
    text = (MODULES / module / "go.mod").read_text()
    return dict(re.findall(r"^(?:require)?\s+(\S+) v(\S+)(?: // indirect)?$", text, re.MULTILINE))


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.module not in OWN], ids=named)
def test_a_program_is_built_from_the_version_that_is_pinned(program: Program) -> None:
    required = requirements(program.module)
    owner = max(
        (path for path in required if f"{program.package}/".startswith(f"{path}/")), key=len
    )
    assert required[owner] == program.version
    sums = (MODULES / program.module / "go.sum").read_text()
    assert f"{owner} v{program.version} h1:" in sums


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p.module not in OWN], ids=named)
def test_a_wrapper_names_the_programs_that_are_built_from_it(program: Program) -> None:
    text = (MODULES / program.module / "go.mod").read_text()
    assert re.search(rf"^(tool|\t)\s*{re.escape(program.package)}$", text, re.MULTILINE)


def test_every_wrapper_builds_something() -> None:
    assert {p.module for p in PROGRAMS} == {f.name for f in MODULES.iterdir()}


def test_names_in_the_cache_are_distinct() -> None:
    assert len({p.name for p in PROGRAMS}) == len(PROGRAMS)


def test_kubernetes_says_its_version() -> None:
    values = link_values("kubernetes")
    assert values["k8s.io/component-base/version.gitVersion"] == f"v{version('kubernetes')}"
    assert len(values["k8s.io/client-go/pkg/version.gitCommit"]) == 40
