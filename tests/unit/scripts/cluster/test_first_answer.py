import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cluster import first_answer, waiting
from scripts.cluster.errors import ClusterError
from scripts.cluster.program import Program
from scripts.cluster.settings import Settings

ANSWER = {"predictions": [{"label": "healthy"}]}


class Kourier(http.server.BaseHTTPRequestHandler):
    refusals = 0
    seen: list[tuple[str, str, str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        type(self).seen.append((self.path, self.headers["host"], self.headers["content-type"]))
        ready = len(self.seen) > self.refusals
        self.send_response(200 if ready else 503)
        body = json.dumps(ANSWER).encode() if ready else b""
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setattr(waiting, "_PAUSE", 0.0)
    monkeypatch.setattr(Kourier, "seen", [])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kourier) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Settings(http_port=server.server_port)
        server.shutdown()


def test_the_picture_is_sent_to_the_models_host(gateway: Settings, tmp_path: Path) -> None:
    answer = first_answer.ask(Program(tmp_path / "kubectl"), gateway, lambda _: None)
    assert answer == ANSWER
    host = "tomato-predictor.trellis.localhost"
    assert Kourier.seen == [("/v1/models/tomato:predict", host, "image/jpeg")]


def test_a_model_that_is_not_ready_is_waited_for(
    gateway: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kourier, "refusals", 2)
    said = list[str]()
    first_answer.ask(Program(tmp_path / "kubectl"), gateway, said.append)
    assert said == ["prediction of tomato (503)"] * 2


def test_one_that_never_answers_is_explained_by_its_pods(
    gateway: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Kourier, "refusals", 10**6)
    pods = {
        "items": [
            {
                "kind": "Pod",
                "metadata": {"namespace": "trellis", "name": "tomato-1"},
                "status": {"phase": "Pending"},
            }
        ]
    }
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\necho '{json.dumps(pods)}'\n")
    kubectl.chmod(0o755)
    with pytest.raises(ClusterError, match="no prediction of tomato") as caught:
        first_answer.ask(Program(kubectl), gateway, lambda _: None, patience=0.1)
    assert caught.value.remedy == "trellis/tomato-1: Pending"
