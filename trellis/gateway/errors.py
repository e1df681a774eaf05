"""The tree of what the gateway itself may answer in words; what a predictor answers passes as it is.

::

    GatewayError
    ├── BadRequest            400  INVALID_ARGUMENT     cannot be parsed
    │   ├── WrongMediaType    415
    │   └── DoesNotFit        422                       parsed, but not what the model takes
    ├── NotFound              404  NOT_FOUND            model, version or route
    ├── BodyTooSlow           408  DEADLINE_EXCEEDED    the caller's fault, so no 5xx
    ├── TooLarge              413  RESOURCE_EXHAUSTED
    ├── UpstreamBroke         502  UNAVAILABLE          may have been computed: never sent again
    ├── NotReady              503  UNAVAILABLE          no routing table yet, or draining
    ├── Overloaded            503  UNAVAILABLE          too many in flight here or upstream
    ├── UpstreamDown          503  UNAVAILABLE          nothing was sent: no connection came about
    └── DeadlineExceeded      504  DEADLINE_EXCEEDED
"""

from typing import ClassVar

#: Said where the fault is the gateway's own; whoever says it logs the rest under the same id.
FAILED = "the gateway failed; its log says more under this request id"


class GatewayError(Exception):
    """Any request that the gateway refuses; ``str(error)`` is the sentence for the caller."""

    status: ClassVar[int] = 500
    grpc_code: ClassVar[str] = "INTERNAL"
    retry_after: ClassVar[int | None] = None


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


class NotFound(GatewayError):
    """No such model, version or route."""

    status = 404
    grpc_code = "NOT_FOUND"


class BodyTooSlow(GatewayError):
    """The caller did not send the whole body within the deadline."""

    status = 408
    grpc_code = "DEADLINE_EXCEEDED"


class TooLarge(GatewayError):
    """The body is over the limit."""

    status = 413
    grpc_code = "RESOURCE_EXHAUSTED"


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


class DeadlineExceeded(GatewayError):
    """The predictor gave no answer within the deadline."""

    status = 504
    grpc_code = "DEADLINE_EXCEEDED"
