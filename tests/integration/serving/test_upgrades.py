"""A request that asks for another protocol is answered in this one, its body read."""

import socket

import pytest

from tests.integration.serving.process import PredictorProcess

BODY = b'{"inputs": ['


@pytest.mark.parametrize("wanted", [b"h2c", b"websocket"])
def test_a_request_that_asks_for_an_upgrade_is_answered_without(
    laboratory: PredictorProcess, wanted: bytes
) -> None:
    head = (
        b"POST /v2/models/squares/infer HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\n"
        b"upgrade: %b\r\ncontent-length: %d\r\n\r\n"
    ) % (wanted, len(BODY))
    with socket.create_connection(("127.0.0.1", laboratory.http_port), timeout=5) as raw:
        for pieces in ((head + BODY,), (head, BODY[:4], BODY[4:])):
            for piece in pieces:
                raw.sendall(piece)
            answer = b""
            while b'{"error"' not in answer:
                received = raw.recv(65_536)
                assert received, answer
                answer += received
            assert answer.startswith(b"HTTP/1.1 400 ")
            # Of an empty body the sentence would be another: the piece that came was read.
            assert b"zero-length" not in answer
            assert b"empty" not in answer
