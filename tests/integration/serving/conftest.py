"""Two processes for the whole session: the repository's own models, and those of the lab."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.serving import lab
from tests.integration.serving.process import REPOSITORY, Caller, PredictorProcess


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictorProcess]:
    """All of ``models/`` in one process, as the revision ``models-00007``."""
    log = tmp_path_factory.mktemp("committed") / "log"
    with PredictorProcess(
        REPOSITORY / "models", log=log, environment={"K_REVISION": "models-00007"}
    ) as process:
        yield process


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's version folders."""
    return lab.write_lab(tmp_path_factory.mktemp("lab") / "models")


@pytest.fixture(scope="session")
def laboratory(
    lab_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PredictorProcess]:
    """The lab's models in one process, with small limits."""
    log = tmp_path_factory.mktemp("laboratory") / "log"
    limits = ("--max_body_bytes", 1_000_000, "--max_request_rows", 64)
    with PredictorProcess(lab_folder, *limits, log=log, environment=lab.ENVIRONMENT) as process:
        yield process


@pytest.fixture
def caller(laboratory: PredictorProcess) -> Iterator[Caller]:
    """One keep-alive connection to the lab."""
    with laboratory.caller() as caller:
        yield caller
