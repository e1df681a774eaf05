"""HTTP/1.1 load where ``wrk`` is not installed.

Run as ``python -m tests.bench.load.http1 PORT CONNECTIONS SECONDS REQUEST``; REQUEST is a file
that holds the whole request, head and body. Prints a JSON line.
"""

import json
import sys
from pathlib import Path

from tests.bench.load.closed_loop import Connection, Tally, run

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class HttpConnection(Connection):
    """Reads answers that say their length, as all contestants' do."""

    def __init__(self, tally: Tally, request: bytes) -> None:
        super().__init__(tally)
        self._request = request
        self._got = b""
        self._needed = -1

    def ask(self) -> None:
        """Write the request."""
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Gather until the length that the head names is there."""
        got = self._got = self._got + data if self._got else data
        if self._needed < 0:
            head = got.find(_END)
            if head < 0:
                return
            at = got.lower().find(_LENGTH, 0, head) + len(_LENGTH)
            self._needed = head + len(_END) + int(got[at : got.index(b"\r", at)])
        if len(got) >= self._needed:
            right = got[9:10] == b"2"
            self._got, self._needed = b"", -1
            self.answered(right=right)


if __name__ == "__main__":
    port, connections, seconds, file = sys.argv[1:]
    request = Path(file).read_bytes()
    figures = run(
        lambda tally: HttpConnection(tally, request), int(port), int(connections), float(seconds)
    )
    print(json.dumps(figures))
