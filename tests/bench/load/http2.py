"""gRPC load: unary calls as raw HTTP/2 frames, one at a time on each connection.

A client library would need more of its core than the server needs of its own, and so measure
itself. Run as ``python -m tests.bench.load.http2 PORT CONNECTIONS SECONDS PATH MESSAGE``; MESSAGE
is a file with the serialised request. Prints a JSON line. Source of the frames: RFC 9113 and 7541.
"""

import json
import struct
import sys
from pathlib import Path

from tests.bench.load.closed_loop import Connection, Tally, run

_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_INITIAL_WINDOW_SIZE, _LARGEST_WINDOW, _FIRST_WINDOW = 4, 2**31 - 1, 65_535


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame: 24 bits of length, kind, flags, stream, payload."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(path: str) -> bytes:
    """A unary call's headers, each a literal that no table remembers."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    return b"".join(
        b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
        for name, value in fields.items()
    )


class GrpcConnection(Connection):
    """A call is right when a message came back before the trailers."""

    def __init__(self, tally: Tally, path: str, message: bytes) -> None:
        super().__init__(tally)
        self._headers = header_block(path)
        self._message = b"\0" + struct.pack(">I", len(message)) + message
        self._stream = -1
        self._window = _FIRST_WINDOW
        self._waits = False
        self._got = b""
        self._message_came = False

    def greet(self) -> None:
        """Preface, settings, and as much room for answers as there can be."""
        settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, _LARGEST_WINDOW)
        room = struct.pack(">I", _LARGEST_WINDOW - _FIRST_WINDOW)
        self.transport.write(
            _PREFACE + frame(_SETTINGS, 0, 0, settings) + frame(_WINDOW_UPDATE, 0, 0, room)
        )

    def ask(self) -> None:
        """Write one call, once the connection's window has room for it."""
        if self._window < len(self._message):
            self._waits = True
            return
        self._window -= len(self._message)
        self._stream += 2
        self._message_came = False
        self.transport.write(
            frame(_HEADERS, _END_HEADERS, self._stream, self._headers)
            + frame(_DATA, _END_STREAM, self._stream, self._message)
        )

    def data_received(self, data: bytes) -> None:
        """Take whole frames off the front."""
        got = self._got + data if self._got else data
        at, size = 0, len(got)
        while at + 9 <= size:
            length = int.from_bytes(got[at : at + 3])
            if at + 9 + length > size:
                break
            stream = int.from_bytes(got[at + 5 : at + 9])
            self._frame(got[at + 3], got[at + 4], stream, got[at + 9 : at + 9 + length])
            at += 9 + length
        self._got = got[at:]

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _DATA:
            self._message_came = self._message_came or bool(payload)
        elif kind == _HEADERS:
            if flags & _END_STREAM:
                self.answered(right=self._message_came)
        elif kind == _WINDOW_UPDATE and stream == 0:
            # A call's own window is never reached by messages this small.
            self._grow(int.from_bytes(payload))
        elif kind in (_SETTINGS, _PING) and not flags & _ACK:
            self.transport.write(frame(kind, _ACK, 0, payload if kind == _PING else b""))
        elif kind in (_RESET, _GOAWAY):
            self.answered(right=False)

    def _grow(self, by: int) -> None:
        self._window += by
        if self._waits:
            self._waits = False
            self.ask()


if __name__ == "__main__":
    port, connections, seconds, path, file = sys.argv[1:]
    message = Path(file).read_bytes()
    figures = run(
        lambda tally: GrpcConnection(tally, path, message),
        int(port),
        int(connections),
        float(seconds),
    )
    print(json.dumps(figures))
