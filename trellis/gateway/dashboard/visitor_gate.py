"""Who may see the dashboard: everybody in open mode, else whoever shows an admin key."""

from starlette.requests import Request

from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Caller
from trellis.gateway.asking import credentials_of
from trellis.gateway.dashboard.session import Sessions


class DashboardGate:
    """Takes a key from a header, as every other route does, else from the session's cookie."""

    def __init__(self, access: Access, sessions: Sessions) -> None:
        self._access = access
        self._sessions = sessions

    def signed_in(self, request: Request) -> bool:
        """Whether the request brings a session that is neither forged nor over."""
        return self._sessions.key_in(request.headers.get("cookie")) is not None

    async def admit(self, request: Request, model: str | None = None, cost: float = 1.0) -> Caller:
        """The operator, for one model where one is named; ``cost`` is taken from the key's limit.

        Raises ``Unauthenticated``, ``Forbidden``, ``LimitExceeded`` and ``AccessDown``.
        """
        shown = credentials_of(request)
        if shown is None:
            key = self._sessions.key_in(request.headers.get("cookie"))
            shown = None if key is None else key.encode()
        return await self._ask(request, shown, model, cost)

    async def admit_key(self, request: Request, key: str) -> Caller:
        """As ``admit``, by the key that somebody signs in with."""
        return await self._ask(request, key.encode() or None, None, 1.0)

    async def _ask(
        self, request: Request, shown: bytes | None, model: str | None, cost: float
    ) -> Caller:
        address = request.client.host if request.client else ""
        return (await self._access.admit(shown, address, "admin", model, cost)).caller
