from trellis.gateway.jobs.records import BRIEF, read_record

QUEUED = {"state": b"queued", "model": b"m", "method": b"POST", "path": b"/p", "created": b"1500"}


def read(values: dict[str, bytes]) -> object:
    return read_record("id", [values.get(field) for field in BRIEF])


def test_a_job_that_nobody_has_taken_has_no_more_than_it_was_handed_in_with() -> None:
    told = read_record("id", [QUEUED.get(field) for field in BRIEF])
    assert told is not None
    assert (told.state, told.created_at, told.started_at, told.finished_at) == (
        "queued",
        1.5,
        None,
        None,
    )
    assert (told.status, told.headers, told.body, told.error) == (None, (), b"", None)
    assert not told.final


def test_an_answer_is_there_where_it_was_asked_for() -> None:
    done = {**QUEUED, "state": b"succeeded", "status": b"200", "finished": b"2000"}
    values = [done.get(field) for field in BRIEF]
    brief = read_record("id", values)
    assert brief is not None
    assert brief.final
    assert (brief.body, brief.length) == (b"", 0)
    assert read_record("id", values, 1, b"x") == brief._replace(body=b"x", length=1)
    assert read_record("id", values, 9, None) == brief._replace(length=9)


def test_a_hash_that_is_not_there_or_only_half_is_no_job() -> None:
    assert read({}) is None
    assert read({"error": b"left behind"}) is None
