"""People's units: a visitor without one gets our cookie with the first answer, and keeps it."""

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from trellis.gateway.headers import Incoming
from trellis.gateway.units import CookieSigner, Unit, unit_of


class Visitor(NamedTuple):
    """A visitor's unit, and the ``Set-Cookie`` that makes it last where it is new."""

    unit: Unit
    cookie: str | None

    def remember(self, response: Response) -> None:
        """Set the cookie on an answer where the visitor has none yet."""
        if self.cookie is not None:
            response.headers.append("set-cookie", self.cookie)


class Visitors:
    """Tells visitors apart by unit header, else by cookie, else by key."""

    def __init__(self, signer: CookieSigner) -> None:
        self._signer = signer

    def of(self, request: Request, incoming: Incoming, key_id: str | None = None) -> Visitor:
        """The visitor behind a request; a new one is assigned by the cookie they are about to get."""
        unit = unit_of(
            incoming.unit, incoming.cookie, key_id, incoming.trace.request_id, self._signer
        )
        if unit.sticky:
            return Visitor(unit, None)
        value = self._signer.new_value()
        cookie = self._signer.set_cookie(value, secure=request.url.scheme == "https")
        return Visitor(Unit(value.partition(".")[0].encode(), sticky=True), cookie)
