"""Images of the code as it is, for every test of this folder."""

import os

import pytest

from scripts.cluster.preflight import engine
from scripts.cluster.settings import from_environment
from scripts.images.base import base_image
from scripts.images.build import build
from scripts.images.targets import named


@pytest.fixture(scope="session")
def base() -> str:
    """The base image's name."""
    return base_image(from_environment(os.environ), engine(), print)


@pytest.fixture(scope="session", autouse=True)
def built(base: str) -> None:
    """All images; one whose code is the same costs a second."""
    for target in named([]):
        build(target, base)
