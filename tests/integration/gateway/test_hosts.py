"""By which names a gateway lets itself be asked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, get, table_of

PATHS = [
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/dashboard"),
    ("GET", "/v2/models/sentiment"),
    ("POST", "/v2/models/sentiment/infer"),
    ("POST", "/predict/sentiment"),
]
BODY = b'{"text": "so glad"}'


@pytest.fixture(scope="module", params=["open", "keys", "listed"])
def door(
    request: pytest.FixtureRequest,
    upstreams: tuple[FakeUpstream, FakeUpstream],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Gateway]]:
    """``listed`` asks for keys, and has a list of names."""
    settings = {
        "open": {"allowed_hosts": "*.lab.example"},
        "keys": {"auth": "keys", "admin_key": "k" * 32},
        "listed": {"auth": "keys", "admin_key": "k" * 32, "allowed_hosts": "*.lab.example"},
    }[request.param]
    folder: Path = tmp_path_factory.mktemp(request.param)
    table = table_of({"sentiment": [upstreams[0].arm(model="sentiment", intervals=[[0, 1]])]})
    gateway = Gateway(folder, table, **settings)
    gateway.up()
    yield request.param, gateway
    assert gateway.stop() == 0


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_name_that_another_site_controls_reaches_nothing_where_everybody_may_ask(
    door: tuple[str, Gateway], method: str, path: str
) -> None:
    mode, gateway = door
    body = BODY if method == "POST" else None
    by = {
        host: ask(method, gateway.url + path, body, {"host": host, "x-api-key": "k" * 32})
        for host in ("evil.example:8080", "a.lab.example", "localhost:8080")
    }
    refused = by.pop("evil.example:8080")
    if mode == "keys":
        assert refused[0] == 200
    else:
        assert refused[0] == 403
        assert "'evil.example:8080' is no name of this gateway" in json.loads(refused[2])["error"]
        assert refused[1]["x-request-id"]
    assert {answer[0] for answer in by.values()} == {200}


def test_the_port_beside_it_goes_by_the_same_names(door: tuple[str, Gateway]) -> None:
    mode, gateway = door
    refused = get(gateway.metrics_url, {"host": "evil.example"})[0]
    assert refused == (200 if mode == "keys" else 403)
    for host in ("a.lab.example", "localhost:8083", "10.0.0.1:8083"):
        assert get(gateway.metrics_url, {"host": host})[0] == 200
