"""What is answered to bytes that are no HTTP: the same kind of sentence as everywhere."""

import orjson

from trellis.web.plain_http import PlainHttpProtocol

_BODY = orjson.dumps(
    {"error": "this is no valid HTTP/1.1 request: its request line or a header cannot be read"}
)
_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"content-type: application/json\r\n"
    b"content-length: %d\r\n"
    b"connection: close\r\n\r\n%b"
) % (len(_BODY), _BODY)


class GatewayProtocol(PlainHttpProtocol):
    """Takes no upgrade, and refuses in JSON."""

    def send_400_response(self, msg: str) -> None:
        """Refuse and close: where the next request would begin is not known."""
        self.transport.write(_ANSWER)
        self.transport.close()
