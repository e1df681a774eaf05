import os
from pathlib import Path

import pytest

from scripts.cluster.offline.debian import sources, write_files
from scripts.cluster.offline.errors import BuildError


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with what `apt-get indextargets` of this test's machine prints."""
    said = tmp_path / "said"
    program = tmp_path / "apt-get"
    program.write_text(f"#!/bin/sh\ncat {said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return said


def test_the_machines_own_sources_of_the_release_are_used_once_each(apt: Path) -> None:
    apt.write_text(
        "http://debian.example/debian/ bookworm\n"
        "http://debian.example/debian/ bookworm\n"
        "http://debian.example/security/ bookworm-security\n"
        "https://other.example/apt nodistro\n"
    )
    assert [line.split("] ")[1] for line in sources()] == [
        "http://debian.example/debian/ bookworm main",
        "http://debian.example/security/ bookworm-security main",
    ]


def test_a_machine_of_another_release_is_told(apt: Path) -> None:
    apt.write_text("http://debian.example/debian/ trixie\n")
    with pytest.raises(BuildError, match=r"no source of Debian bookworm main.*sources\.list\.d"):
        sources()


def test_who_is_not_root_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        BuildError, match=r"needs root: run it with sudo, or .*TRELLIS_CLUSTER_SOURCE=pull"
    ):
        write_files(tmp_path / "layer.tar", ["dash"])
