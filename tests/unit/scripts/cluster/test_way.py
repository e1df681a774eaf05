import http.server
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from scripts.cluster import way
from scripts.cluster.settings import Settings


class Closed(http.server.BaseHTTPRequestHandler):
    code = 401

    def do_GET(self) -> None:
        self.send_response(self.code)
        self.end_headers()

    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Closed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/"
        server.shutdown()


def test_a_registry_that_wants_a_login_is_there(registry: str) -> None:
    assert way.answers(registry)
    assert way.choose(Settings(), registry) == ("pull", "the image registry answers")


@pytest.mark.parametrize("code", [403, 407, 502])
def test_a_proxy_that_answers_for_itself_is_no_registry(
    registry: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Closed, "code", code)
    assert not way.answers(registry)


def test_one_that_refuses_is_not() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
    chosen, why = way.choose(Settings(), address)
    assert chosen == "build"
    assert "2 s" in why


def test_one_that_is_silent_is_not_waited_for() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        start = time.monotonic()
        assert not way.answers(f"http://127.0.0.1:{silent.getsockname()[1]}/", patience=0.2)
        assert time.monotonic() - start < 2


def test_no_address_is_no_registry() -> None:
    assert not way.answers("")


def test_a_choice_is_not_second_guessed(registry: str) -> None:
    chosen, why = way.choose(Settings(way="build"), registry)
    assert chosen == "build"
    assert "TRELLIS_CLUSTER_SOURCE" in why
