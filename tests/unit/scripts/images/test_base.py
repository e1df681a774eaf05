from pathlib import Path

import pytest

from scripts.cluster.preflight import Engine
from scripts.cluster.program import Program
from scripts.cluster.settings import Settings
from scripts.images.base import base_image

ENGINE = Engine(Program(Path("docker")), "28", "https://index.invalid/v1/", Path("/"))


def test_where_images_are_pulled_it_is_the_official_one() -> None:
    said: list[str] = []
    assert base_image(Settings(way="pull"), ENGINE, said.append) == "python:3.11-slim-bookworm"
    assert said == ["python:3.11-slim-bookworm, since TRELLIS_CLUSTER_SOURCE says so"]


def test_one_built_before_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\n[ "$5" = trellis/base:bookworm-py311 ] && echo 1b12ec1a25fd\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    settings = Settings(way="build", cache=tmp_path / "cache")
    assert base_image(settings, ENGINE, lambda _: None) == "trellis/base:bookworm-py311"
    assert not settings.cache.exists()
