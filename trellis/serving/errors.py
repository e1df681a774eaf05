"""The tree of a request's errors: each knows its status in REST and in gRPC.

::

    ServingError
    ├── BadRequest          400  INVALID_ARGUMENT     cannot be parsed
    │   ├── WrongMediaType  415
    │   └── DoesNotFit      422                       parsed, but not what the signature says
    ├── NotFound            404  NOT_FOUND            model, version or route
    ├── MethodNotAllowed    405  UNIMPLEMENTED
    ├── TooLarge            413  RESOURCE_EXHAUSTED
    ├── Overloaded          429  RESOURCE_EXHAUSTED   retry-after
    ├── NotReady            503  UNAVAILABLE          retry-after
    ├── DeadlineExceeded    504  DEADLINE_EXCEEDED
    ├── CallerGone          499  CANCELLED            counted only; nobody is left to answer
    └── Fault               500  INTERNAL             ours; the caller learns no more than that

A message names the field, what came and what was expected. It is sent to the caller as it is,
so it never holds a path or anything of the process.
"""

from typing import ClassVar


class ServingError(Exception):
    """Any failure of a request; ``str(error)`` is the sentence for the caller."""

    status: ClassVar[int] = 500
    grpc_code: ClassVar[str] = "INTERNAL"
    retry_after: int | None = None


class BadRequest(ServingError):
    """The body cannot be parsed."""

    status = 400
    grpc_code = "INVALID_ARGUMENT"


class WrongMediaType(BadRequest):
    """The content type, or what the bytes really are, is not taken here."""

    status = 415


class DoesNotFit(BadRequest):
    """Parsed, but not what the version's signature says."""

    status = 422


class NotFound(ServingError):
    """No such model, version or route."""

    status = 404
    grpc_code = "NOT_FOUND"


class MethodNotAllowed(ServingError):
    """The route exists, for another method."""

    status = 405
    grpc_code = "UNIMPLEMENTED"

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class TooLarge(ServingError):
    """The body, the batch or the image is over its limit."""

    status = 413
    grpc_code = "RESOURCE_EXHAUSTED"


class Overloaded(ServingError):
    """More in flight than the limit; nothing was started."""

    status = 429
    grpc_code = "RESOURCE_EXHAUSTED"
    retry_after = 1


class NotReady(ServingError):
    """Not loaded yet, failed to load, or draining."""

    status = 503
    grpc_code = "UNAVAILABLE"
    retry_after = 1


class DeadlineExceeded(ServingError):
    """No answer within the deadline."""

    status = 504
    grpc_code = "DEADLINE_EXCEEDED"


class CallerGone(ServingError):
    """Nobody waits for the answer any more; 499 is counted, and sent to no one."""

    status = 499
    grpc_code = "CANCELLED"


class Fault(ServingError):
    """A fault of ours; details go to the log, never to the caller."""
