"""HTTP/1.1 of a server that takes no upgrade: shared by the gateway and the predictors."""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class PlainHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, answering a request that asks for an upgrade as if it did not.

    RFC 9110, 7.8: a server may ignore ``Upgrade``. The parser, however, takes all that follows
    such a request's head for the other protocol, and its body is lost. So the head is parsed
    again without what asks, and the body after it.
    """

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request may follow another, and each may ask."""
        self._unset_keepalive_if_required()
        while True:
            try:
                self.parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                if not self._asks_for_upgrade():
                    break
                data = self._head_that_does_not_ask() + data[upgrade.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            except httptools.HttpParserError:
                self.send_400_response("Invalid HTTP request received.")
                break

    def on_headers_complete(self) -> None:
        """Begin a request, unless its head is to be parsed again."""
        if not self._asks_for_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request's body, unless its head is to be parsed again."""
        if not self._asks_for_upgrade():
            super().on_message_complete()

    def _asks_for_upgrade(self) -> bool:
        """Whether the present request asks by header; CONNECT asks by its method, and stays refused."""
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _head_that_does_not_ask(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                kept = [token for token in value.split(b",") if token.strip().lower() != b"upgrade"]
                lines.append(b"connection: " + b",".join(kept))
            elif name != b"upgrade":
                lines.append(b"%b: %b" % (name, value))
        return b"\r\n".join((*lines, b"", b""))
