"""A real predictor process: started on free ports, waited for, asked, ended and its exit checked."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.integration.ports import free_port

REPOSITORY = Path(__file__).parents[3]
HOST = "127.0.0.1"
#: A process that is not ready by then is broken; a busy machine needs far less.
START_SECONDS = 60.0
END_SECONDS = 60.0


@dataclass
class Answer:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of an error, which has this one field."""
        document = self.json
        assert list(document) == ["error"], document
        sentence: str = document["error"]
        return sentence


class Caller:
    """One keep-alive connection to a server; ``connections`` counts how many it took."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30)
        self.connections = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if self._connection.sock is None:
            self.connections += 1
            self._connection.connect()
        self._connection.request(method, path, body, headers or {})
        response = self._connection.getresponse()
        content = response.read()
        return Answer(
            response.status, {name.lower(): value for name, value in response.getheaders()}, content
        )

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, document: Any, headers: dict[str, str] | None = None) -> Answer:
        """POST a JSON document."""
        head = {"content-type": "application/json", **(headers or {})}
        return self.ask("POST", path, json.dumps(document).encode(), head)


class PredictorProcess:
    """``python -m trellis.serving`` from this tree; a context manager.

    It runs beside its log, so that no ``.env`` of a developer's takes part.
    """

    def __init__(
        self, *arguments: object, log: Path, environment: dict[str, str] | None = None
    ) -> None:
        self.http_port, self.grpc_port = free_port(), free_port()
        ports = ["--http_port", self.http_port, "--grpc_port", self.grpc_port, "--host", HOST]
        self._command = [sys.executable, "-m", "trellis.serving", *map(str, (*arguments, *ports))]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("TRELLIS_")}
        self._environment = clean | {"PYTHONPATH": str(REPOSITORY)} | (environment or {})
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def child(self) -> subprocess.Popen[bytes]:
        assert self._child is not None, "the process was not started"
        return self._child

    @property
    def address(self) -> str:
        return f"{HOST}:{self.http_port}"

    @property
    def grpc_address(self) -> str:
        return f"{HOST}:{self.grpc_port}"

    @property
    def log(self) -> str:
        """All that the process has written so far."""
        return self._log.read_text(encoding="utf-8")

    def caller(self) -> Caller:
        """A new keep-alive connection."""
        return Caller(self.http_port)

    def launch(self) -> Self:
        """Start without waiting."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
                cwd=self._log.parent,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a person's Ctrl-C reaches pytest alone, which ends it in order
            )
        return self

    def until_answers(self, path: str = "/health", status: int = 200) -> None:
        """Wait until ``path`` answers ``status``; fails with the process's log."""
        until = time.monotonic() + START_SECONDS
        last: object = None
        while time.monotonic() < until:
            if self.child.poll() is not None:
                raise AssertionError(
                    f"the process ended with {self.child.returncode} while waiting for {path}:\n{self.log}"
                )
            try:
                with self.caller() as caller:
                    last = caller.get(path).status
                if last == status:
                    return
            except OSError as error:
                last = error
            time.sleep(0.05)
        raise AssertionError(f"{path} did not answer {status}, last {last!r}:\n{self.log}")

    def until_log(self, words: str) -> None:
        """Wait until the process has written ``words``."""
        until = time.monotonic() + START_SECONDS
        while words not in self.log:
            assert time.monotonic() < until, f"{words!r} was never logged:\n{self.log}"
            time.sleep(0.02)

    def wait(self, seconds: float = END_SECONDS) -> int:
        """The exit status, once the process has ended by itself."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(5)
            raise AssertionError(f"the process did not end in {seconds} s:\n{self.log}") from None

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        self.child.send_signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        self.launch()
        try:
            self.until_answers()
        except BaseException:
            self.child.kill()
            self.child.wait(5)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.child.poll() is None:
            self.terminate()
        code = self.wait()
        if error is None:
            assert code == 0, f"the process ended with {code}:\n{self.log}"
