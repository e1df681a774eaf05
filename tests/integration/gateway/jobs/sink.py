"""A real HTTP server that callbacks go to; says what came, and answers as the test wants."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes!").decode()
#: Whatever is awaited is there by then; a busy machine needs far less.
AWAIT_SECONDS = 90.0


class Call(NamedTuple):
    """One request; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    def is_signed(self, secret: str = SECRET) -> bool:
        """As a receiver checks it that knows Standard Webhooks and the secret."""
        said = (self.headers["webhook-id"], self.headers["webhook-timestamp"])
        assert abs(time.time() - int(said[1])) < 300
        signed = ".".join(said).encode() + b"." + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        return expected in self.headers["webhook-signature"].split(" ")


class Sink:
    """Answers each call with the next of ``statuses``, the last for ever; 0 lets it wait."""

    def __init__(self, *statuses: int, location: str = "") -> None:
        self.calls: list[Call] = []
        self._statuses = list(statuses) or [204]
        self._location = location
        self._closing = threading.Event()
        self._changed = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = sink._took(Call(self.path, headers, body))
                if status == 0:
                    sink._closing.wait()
                    self.close_connection = True
                    return
                self.send_response(status)
                if sink._location:
                    self.send_header("location", sink._location)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_request(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, *statuses: int) -> None:
        """From now on."""
        with self._changed:
            self._statuses = list(statuses)

    def called(self, times: int = 1) -> list[Call]:
        """Wait until it was called as often, and say what came."""
        return self.saw(lambda calls: len(calls) >= times)

    def saw(self, enough: Callable[[list[Call]], bool]) -> list[Call]:
        with self._changed:
            came = self._changed.wait_for(lambda: enough(self.calls), AWAIT_SECONDS)
            assert came, f"only {len(self.calls)} calls came"
            return list(self.calls)

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _took(self, call: Call) -> int:
        with self._changed:
            self.calls.append(call)
            self._changed.notify_all()
            return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
