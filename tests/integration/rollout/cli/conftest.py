from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.rollout.cli.played import Played
from trellis.contracts.control import ControllerAddress
from trellis.rollout.cli.local import ADDRESS_FILE
from trellis.rollout.http.server import ControlServer
from trellis.rollout.http.tables import TableServer

TOKEN = "the-token-of-a-local-run"


@pytest.fixture
def played() -> Played:
    return Played()


@pytest.fixture
def told() -> list[str]:
    """What the controller tells of people's changes."""
    return []


@pytest.fixture
async def server(played: Played, told: list[str]) -> AsyncIterator[ControlServer]:
    """The controller's HTTP over a real socket."""
    server = ControlServer(TableServer(), played, TOKEN, told.append)
    await server.start("127.0.0.1", 0)
    yield server
    await server.close()


@pytest.fixture
def folder(server: ControlServer, tmp_path: Path) -> Path:
    """Where a person stands whose local run is alive."""
    state = tmp_path / ".trellis"
    state.mkdir()
    address = ControllerAddress(url=server.url, token=TOKEN)
    (state / ADDRESS_FILE).write_text(address.model_dump_json())
    return tmp_path
