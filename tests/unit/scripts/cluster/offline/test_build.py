import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.cluster.offline import GROUPS, BuildError, Cache, Parts, build
from scripts.cluster.offline.images import Image
from scripts.cluster.versions import version


def test_an_unknown_group_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no group serve; there are tools, node, serving"):
        build(tmp_path, ["tools", "serve"], print)


def test_an_unknown_tool_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no tool etcd; there are kind, kubectl, helm"):
        Parts(Cache(tmp_path), {}).tool("etcd")


@pytest.mark.parametrize("name", GROUPS)
def test_an_image_holds_a_program_of_its_group_or_packages(name: str) -> None:
    group = GROUPS[name]
    programs = {p.name for p in group.programs} | {"envoy"}
    for image in group.images:
        assert image.packages or image.name in programs
        assert not image.program or image.name in programs


def test_programs_that_tests_run_are_built_before_the_tests() -> None:
    tests = Path(__file__).parents[4] / "integration"
    asked = {
        name
        for path in tests.rglob("*.py")
        for name in re.findall(r'\bprogram\("([a-z-]+)"', path.read_text())
    }
    assert "etcd" in asked
    assert asked <= {program.name for program in GROUPS["api-server"].programs}


def test_images_have_distinct_names_and_archives() -> None:
    images = {image for group in GROUPS.values() for image in group.images}
    assert len({image.reference for image in images}) == len(images)


def test_an_image_is_named_by_its_version() -> None:
    assert Image("envoy", "envoy").reference == f"trellis/envoy:{version('envoy')}"


def command(cache: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "scripts.cluster.offline", *words],
        env={**os.environ, "TRELLIS_CLUSTER_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_cache_goes_by_one_command(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "bin").mkdir(parents=True)
    done = command(cache, "--remove")
    assert (done.returncode, done.stdout) == (0, f"removed {cache}\n")
    assert not cache.exists()


def test_a_mistake_is_told_on_standard_error(tmp_path: Path) -> None:
    done = command(tmp_path, "serve")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no group serve; there are ")
