import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from scripts.cluster.offline.cache import Cache
from scripts.cluster.offline.images import Image, write_images
from scripts.cluster.versions import version

QUEUE = Image("knative-queue", "knative", "/ko-app/queue")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A cache with the program of the image."""
    cache = Cache(tmp_path)
    program = cache.program("knative-queue", version("knative"))
    program.parent.mkdir()
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    return cache


def configuration(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name != "manifest.json" and member.name.endswith(".json"):
                file = tar.extractfile(member)
                assert file
                config: dict[str, Any] = json.load(file)["config"]
                return config
    raise AssertionError


def test_an_image_around_a_program_runs_it(cache: Cache) -> None:
    write_images(cache, [QUEUE], print)
    assert configuration(QUEUE.archive(cache))["Entrypoint"] == ["/ko-app/queue"]
    assert [path.suffix for path in (cache.root / "images").iterdir()] == [".tar"]


def test_an_image_that_is_there_is_not_written_again(cache: Cache) -> None:
    said: list[str] = []
    write_images(cache, [QUEUE], said.append)
    write_images(cache, [QUEUE], said.append)
    assert said == [f"writing image {QUEUE.reference}"]


def test_an_image_made_otherwise_takes_the_place_of_the_older(cache: Cache) -> None:
    elsewhere = Image("knative-queue", "knative", "/queue")
    for image in (QUEUE, elsewhere):
        write_images(cache, [image], print)
    assert list((cache.root / "images").iterdir()) == [elsewhere.archive(cache)]
