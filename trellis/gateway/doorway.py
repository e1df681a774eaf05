"""What the doorkeeper is asked about an HTTP request: its key, its address, or whose job it runs."""

from typing import Any

from trellis.gateway.access.admission import Access
from trellis.gateway.access.callers import Admitted, Caller, Scope

#: In an ASGI scope, the ``Caller`` that was admitted when this request became a job. No request
#: from outside can hold it: the server makes the scopes.
ADMITTED = "trellis.admitted"


async def admit(
    access: Access,
    asgi_scope: Any,
    credentials: bytes | None,
    scope: Scope,
    model: str | None,
    cost: float = 1.0,
) -> Admitted:
    """``Access.admit`` for one request; a job's was admitted when it was handed in.

    ``credentials`` as ``headers.credentials_among`` finds them. Raises what ``Access.admit``
    raises.
    """
    stored: Caller | None = asgi_scope.get(ADMITTED)
    if stored is not None:
        return Admitted(stored, [])
    client = asgi_scope.get("client")
    return await access.admit(credentials, client[0] if client else "", scope, model, cost)
