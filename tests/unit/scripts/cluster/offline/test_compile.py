import re
from pathlib import Path

import pytest

from scripts.cluster.offline.cache import Cache
from scripts.cluster.offline.compile import GO, compile_programs, missing
from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.programs import MODULES, Program

PAUSE = Program("pause", "pause", "trellis/pause", "pause")
VERSION = 'if [ "$1" = env ]; then echo "${GO_IS:-go1.26.4}"; exit; fi\n'
HELM = Program("helm", "helm", "helm.sh/helm/v3/cmd/helm", "helm")


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named go that writes down what it was asked and makes what `-o` names."""
    path = tmp_path / "path" / "go"
    path.parent.mkdir()
    path.write_text(
        f"#!/bin/sh\n{VERSION}"
        f'echo "$PWD $*" >> {tmp_path}/asked\n'
        'while [ "$1" != -o ]; do shift; done\n'
        'out=$2; shift 2; for p in "$@"; do echo built > "$out$(basename "$p")"; done\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    return path


@pytest.mark.usefixtures("go")
def test_only_what_is_missing_is_built(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    kept = cache.program(HELM.name, HELM.version)
    kept.parent.mkdir(parents=True)
    kept.write_text("kept")
    assert missing(cache, [HELM, PAUSE]) == [PAUSE]
    said: list[str] = []
    compile_programs(cache, [HELM, PAUSE], said.append)
    assert kept.read_text() == "kept"
    assert cache.program(PAUSE.name, PAUSE.version).read_text() == "built\n"
    assert len((tmp_path / "asked").read_text().splitlines()) == 1
    assert said[0] == f"compiling pause {PAUSE.version}"


def test_a_build_that_fails_says_why_and_keeps_nothing(tmp_path: Path, go: Path) -> None:
    go.write_text(f"#!/bin/sh\n{VERSION}echo 'module: not found' >&2; exit 1\n")
    cache = Cache(tmp_path / "cache")
    with pytest.raises(BuildError, match=r"go build .* exit code 1:\nmodule: not found"):
        compile_programs(cache, [PAUSE], print)
    assert not list((cache.root / "bin").iterdir())


def test_a_build_that_fails_once_is_tried_once_more(tmp_path: Path, go: Path) -> None:
    works = go.read_text().removeprefix(f"#!/bin/sh\n{VERSION}")
    go.write_text(
        f"#!/bin/sh\n{VERSION}if mkdir {tmp_path}/failed; then echo 'proxy: 502' >&2; exit 1; fi\n{works}"
    )
    cache = Cache(tmp_path / "cache")
    said: list[str] = []
    compile_programs(cache, [PAUSE], said.append)
    assert cache.program(PAUSE.name, PAUSE.version).exists()
    assert "proxy: 502\ntrying once more" in said[1]


def test_a_machine_without_go_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"Go 1\.26\.4 or newer, .*not installed"):
        compile_programs(Cache(tmp_path / "cache"), [PAUSE], print)


@pytest.mark.usefixtures("go")
@pytest.mark.parametrize("found", ["go1.26.3", "go1.9"])
def test_an_older_go_is_told_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    monkeypatch.setenv("GO_IS", found)
    with pytest.raises(BuildError, match=rf"Go 1\.26\.4 or newer, and there is {found}"):
        compile_programs(Cache(tmp_path / "cache"), [PAUSE], print)
    assert not (tmp_path / "asked").exists()


@pytest.mark.usefixtures("go")
def test_a_newer_go_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GO_IS", "go1.27")
    compile_programs(Cache(tmp_path / "cache"), [PAUSE], print)
    assert (tmp_path / "asked").exists()


def test_no_wrapper_asks_for_a_newer_go_than_is_said() -> None:
    asked = [
        tuple(map(int, re.findall(r"^go (.+)$", path.read_text(), re.MULTILINE)[0].split(".")))
        for path in MODULES.glob("*/go.mod")
    ]
    assert max(asked) == GO
