"""The tree of what the gateway itself may answer in words; what a predictor answers passes as it is.

::

    GatewayError
    ├── BadRequest            400  INVALID_ARGUMENT     cannot be parsed
    │   ├── WrongMediaType    415
    │   └── DoesNotFit        422                       parsed, but not what the model takes
    │       └── IdempotencyConflict                     the key was used for another request
    ├── Unauthenticated       401  UNAUTHENTICATED      no key, or none that is good
    ├── Forbidden             403  PERMISSION_DENIED    a good key, without this scope or model
    ├── NotFound              404  NOT_FOUND            model, version or route
    ├── BodyTooSlow           408  DEADLINE_EXCEEDED    the caller's fault, so no 5xx
    ├── Conflict              409  ABORTED              another manager's, changed, or said otherwise
    ├── TooLarge              413  RESOURCE_EXHAUSTED
    ├── LimitExceeded         429  RESOURCE_EXHAUSTED   the caller's own limit
    ├── Backlogged            429  RESOURCE_EXHAUSTED   as many jobs wait as may
    ├── UpstreamBroke         502  UNAVAILABLE          may have been computed: never sent again
    ├── NotReady              503  UNAVAILABLE          no routing table yet, or draining
    ├── Overloaded            503  UNAVAILABLE          too many in flight here or upstream
    ├── UpstreamDown          503  UNAVAILABLE          nothing was sent: no connection came about
    ├── AccessDown            503  UNAVAILABLE          keys (or limits) cannot be looked up now
    ├── JobsDown              503  UNAVAILABLE          the Redis of the jobs does not answer, or is full
    ├── EventsDown            503  UNAVAILABLE          the Redis of the events does not answer, or is full
    ├── ControllerDown        503  UNAVAILABLE          no controller is set, or it does not answer
    └── DeadlineExceeded      504  DEADLINE_EXCEEDED
"""

from collections.abc import Sequence
from typing import ClassVar

#: Said where the fault is the gateway's own; whoever says it logs the rest under the same id.
FAILED = "the gateway failed; its log says more under this request id"


class GatewayError(Exception):
    """Any request that the gateway refuses; ``str(error)`` is the sentence for the caller.

    ``retry_after`` is in seconds; ``headers`` are the answer's further ones, in lower case.
    """

    status: ClassVar[int] = 500
    grpc_code: ClassVar[str] = "INTERNAL"
    retry_after: int | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()


class BadRequest(GatewayError):
    """The request cannot be parsed."""

    status = 400
    grpc_code = "INVALID_ARGUMENT"


class WrongMediaType(BadRequest):
    """The content type is not taken by this route or this model."""

    status = 415


class DoesNotFit(BadRequest):
    """Parsed, but not what the model takes."""

    status = 422


class IdempotencyConflict(DoesNotFit):
    """The idempotency key belongs to a job whose request was another."""


class Unauthenticated(GatewayError):
    """No key came, or none that is good; ``challenge`` is the value of ``www-authenticate``."""

    status = 401
    grpc_code = "UNAUTHENTICATED"

    def __init__(self, sentence: str, challenge: bytes = b"Bearer") -> None:
        super().__init__(sentence)
        self.headers = ((b"www-authenticate", challenge),)


class Forbidden(GatewayError):
    """The key is good, but not for this scope or this model."""

    status = 403
    grpc_code = "PERMISSION_DENIED"


class NotFound(GatewayError):
    """No such model, version or route."""

    status = 404
    grpc_code = "NOT_FOUND"


class BodyTooSlow(GatewayError):
    """The caller did not send the whole body within the deadline."""

    status = 408
    grpc_code = "DEADLINE_EXCEEDED"


class Conflict(GatewayError):
    """What is there does not allow it: another manager owns it, it has changed, or was said otherwise."""

    status = 409
    grpc_code = "ABORTED"


class TooLarge(GatewayError):
    """The body is over the limit."""

    status = 413
    grpc_code = "RESOURCE_EXHAUSTED"


class LimitExceeded(GatewayError):
    """The caller asks more often than it may; ``retry_after`` seconds from now it may again."""

    status = 429
    grpc_code = "RESOURCE_EXHAUSTED"
    retry_after: int

    def __init__(
        self, sentence: str, retry_after: int, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        self.headers = headers


class Backlogged(GatewayError):
    """As many jobs wait as may; nothing was accepted."""

    status = 429
    grpc_code = "RESOURCE_EXHAUSTED"
    retry_after = 5


class UpstreamBroke(GatewayError):
    """The predictor took the request, then closed the connection or sent no HTTP."""

    status = 502
    grpc_code = "UNAVAILABLE"


class NotReady(GatewayError):
    """There is no routing table yet."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class Overloaded(GatewayError):
    """More in flight than the limit; nothing was started."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class UpstreamDown(GatewayError):
    """No connection to the predictor came about, so nothing was sent."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class AccessDown(GatewayError):
    """The Redis of the keys (or the limits, where they are closed without it) does not answer."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class JobsDown(GatewayError):
    """The Redis of the jobs does not answer, or takes no more."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class EventsDown(GatewayError):
    """The Redis of the events does not answer, is full, or is not set."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class ControllerDown(GatewayError):
    """The controller does not answer, answers nonsense, or is not set."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class DeadlineExceeded(GatewayError):
    """The predictor gave no answer within the deadline."""

    status = 504
    grpc_code = "DEADLINE_EXCEEDED"
