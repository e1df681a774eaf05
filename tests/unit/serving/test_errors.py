"""The tree of errors: every leaf has the design's status, in REST and in gRPC."""

import grpc
import pytest

from trellis.serving import errors

TABLE: dict[type[errors.ServingError], tuple[int, str]] = {
    errors.BadRequest: (400, "INVALID_ARGUMENT"),
    errors.WrongMediaType: (415, "INVALID_ARGUMENT"),
    errors.DoesNotFit: (422, "INVALID_ARGUMENT"),
    errors.NotFound: (404, "NOT_FOUND"),
    errors.MethodNotAllowed: (405, "UNIMPLEMENTED"),
    errors.TooLarge: (413, "RESOURCE_EXHAUSTED"),
    errors.Overloaded: (429, "RESOURCE_EXHAUSTED"),
    errors.NotReady: (503, "UNAVAILABLE"),
    errors.DeadlineExceeded: (504, "DEADLINE_EXCEEDED"),
    errors.Fault: (500, "INTERNAL"),
}


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_status(kind: type[errors.ServingError]) -> None:
    assert (kind.status, kind.grpc_code) == TABLE[kind]
    assert kind.grpc_code in grpc.StatusCode.__members__


def test_only_what_may_pass_says_when_to_come_again() -> None:
    again = {kind for kind in TABLE if kind.retry_after is not None}
    assert again == {errors.Overloaded, errors.NotReady}
