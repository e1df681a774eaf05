"""How a gateway ends when one of its own servers does."""

from functools import partial

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.ports import free_port
from trellis.gateway import __main__ as module
from trellis.gateway.channels import Channels
from trellis.gateway.listening import RestServer
from trellis.gateway.parts import open_parts
from trellis.gateway.settings import Settings


@pytest.mark.parametrize("which", ["metrics_port", "http_port"])
async def test_a_server_that_fails_ends_the_process_in_order(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    ports = {name: free_port() for name in ("http_port", "grpc_port", "metrics_port")}
    flags = {**ports, "host": "127.0.0.1", "routing_table_file": f"{tmp_path}/table.json"}
    settings = Settings.model_validate({**flags, "drain_delay": 0, "grace_period": 1})
    serve, close, closed = RestServer.run_until_stopped, Channels.close, []

    async def run(server: RestServer) -> None:
        if server._listener.getsockname()[1] == ports[which]:
            server._listener.close()
            server._last.close()
            raise RuntimeError("no server any more")
        await serve(server)

    async def noted(channels: Channels) -> None:
        closed.append(channels)
        await close(channels)

    parts = partial(open_parts, registry=CollectorRegistry())
    monkeypatch.setattr("trellis.gateway.__main__.open_parts", parts)
    monkeypatch.setattr(RestServer, "run_until_stopped", run)
    monkeypatch.setattr(Channels, "close", noted)
    with pytest.raises(RuntimeError, match="no server any more"):
        await module.serve(settings)
    assert closed
