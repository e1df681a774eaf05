import pytest

from trellis.gateway.jobs.queue import Answer
from trellis.gateway.jobs.retry import sentence_of, verdict


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, "succeeded"),
        (204, "succeeded"),
        (302, "succeeded"),
        (400, "failed"),
        (404, "failed"),
        (413, "failed"),
        (422, "failed"),
        (408, "again"),
        (429, "again"),
        (499, "again"),
        (500, "again"),
        (502, "again"),
        (503, "again"),
        (504, "again"),
    ],
)
def test_only_an_answer_that_another_try_could_better_is_asked_for_again(
    status: int, expected: str
) -> None:
    assert verdict(status) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": "too hot"}', "too hot"),
        (b'{"error": "%s"}' % (b"x" * 600), "x" * 500),
        (b'{"error": 5}', "the model answered 503"),
        (b"[]", "the model answered 503"),
        (b"\xff<html>", "the model answered 503"),
        (b"", "the model answered 503"),
    ],
)
def test_an_answer_says_what_went_wrong_in_one_sentence(body: bytes, expected: str) -> None:
    assert sentence_of(Answer(503, (), body)) == expected
