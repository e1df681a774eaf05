from trellis.gateway.jobs.records import BRIEF, FIELDS, read_record

QUEUED = {"state": b"queued", "model": b"m", "method": b"POST", "path": b"/p", "created": b"1500"}


def read(values: dict[str, bytes], fields: tuple[str, ...] = FIELDS) -> object:
    return read_record("id", [values.get(field) for field in fields])


def test_a_job_that_nobody_has_taken_has_no_more_than_it_was_handed_in_with() -> None:
    told = read_record("id", [QUEUED.get(field) for field in FIELDS])
    assert told is not None
    assert (told.state, told.created_at, told.started_at, told.finished_at) == (
        "queued",
        1.5,
        None,
        None,
    )
    assert (told.status, told.headers, told.body, told.error) == (None, (), b"", None)
    assert not told.final


def test_a_list_leaves_the_body_out() -> None:
    done = {**QUEUED, "state": b"succeeded", "status": b"200", "answer": b"x", "finished": b"2000"}
    whole = read_record("id", [done.get(field) for field in FIELDS])
    brief = read_record("id", [done.get(field) for field in BRIEF])
    assert whole is not None
    assert brief is not None
    assert whole.body == b"x"
    assert brief == whole._replace(body=b"")
    assert whole.final


def test_a_hash_that_is_not_there_or_only_half_is_no_job() -> None:
    assert read({}) is None
    assert read({"error": b"left behind"}) is None
