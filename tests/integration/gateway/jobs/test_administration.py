import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.gateway.jobs.beside_gateway import WorkerBeside
from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, get, table_of
from tests.integration.redis_server import RedisServer

ADMIN = {"x-api-key": "an-admin-key-of-the-tests-long-enough"}


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    upstreams: tuple[FakeUpstream, FakeUpstream],
    redis_server: RedisServer,
) -> Iterator[Gateway]:
    """Its jobs have one attempt, so that what answers 5xx is dead at once."""
    folder = tmp_path_factory.mktemp("administration")
    table = table_of({"sentiment": [upstreams[0].arm(model="sentiment", intervals=[[0, 1]])]})
    running = Gateway(
        folder,
        table,
        redis_url=redis_server.url,
        redis_prefix="administration",
        auth="keys",
        admin_key=ADMIN["x-api-key"],
        job_attempts=1,
    )
    running.up()
    worker = WorkerBeside(folder, running)
    worker.up()
    yield running
    assert worker.stop() == 0
    assert running.stop() == 0


def ended(gateway: Gateway, do: str) -> dict[str, Any]:
    """A job that the model answered as ``do`` says."""
    head = {"content-type": "application/json", "prefer": "respond-async", "x-do": do, **ADMIN}
    status, headers, body = ask("POST", f"{gateway.url}/v2/models/sentiment/infer", b"{}", head)
    assert status == 202, body
    return final(gateway, headers["location"])


def final(gateway: Gateway, location: str) -> dict[str, Any]:
    told = get(gateway.url + location, {"prefer": "wait=50", **ADMIN})
    document: dict[str, Any] = json.loads(told[2])
    return document


def listed(gateway: Gateway, query: str = "") -> list[dict[str, Any]]:
    status, _, body = get(f"{gateway.url}/jobs{query}", ADMIN)
    assert status == 200, body
    found: list[dict[str, Any]] = json.loads(body)["jobs"]
    return found


def audited(gateway: Gateway, job: str) -> list[tuple[object, ...]]:
    """What the audit tells of a job."""
    entries = json.loads(get(f"{gateway.url}/audit", ADMIN)[2])["entries"]
    fields = ("actor", "action", "model", "status", "outcome")
    return [tuple(map(each.get, fields)) for each in entries if each["subject"] == job]


def test_jobs_are_listed_the_newest_first_without_their_results(gateway: Gateway) -> None:
    jobs = [ended(gateway, "status:200")["id"] for _ in range(3)]
    found = listed(gateway)
    assert [job["id"] for job in found][:3] == jobs[::-1]
    assert all(job["result"] is None for job in found)
    assert [job["id"] for job in listed(gateway, "?limit=2")] == jobs[:0:-1]


def test_a_dead_job_is_listed_and_replayed_until_it_lives(gateway: Gateway) -> None:
    dead = ended(gateway, "status:503")
    assert (dead["state"], dead["status"]) == ("dead", 503)
    assert get(f"{gateway.url}{dead['location']}/result", ADMIN)[0] == 503
    assert dead["id"] in {job["id"] for job in listed(gateway, "?state=dead")}
    status, _, body = ask("POST", f"{gateway.url}{dead['location']}:replay", b"", ADMIN)
    assert status == 202
    assert json.loads(body)["id"] == dead["id"]
    assert final(gateway, dead["location"])["state"] == "dead"
    assert audited(gateway, dead["id"]) == [("admin", "replay", "sentiment", 202, "done")]


def test_what_is_not_dead_is_not_replayed(gateway: Gateway) -> None:
    done = ended(gateway, "status:200")
    status, _, body = ask("POST", f"{gateway.url}{done['location']}:replay", b"", ADMIN)
    assert status == 422
    refusal = json.loads(body)["error"]
    assert "is succeeded; only dead jobs" in refusal
    assert audited(gateway, done["id"]) == [("admin", "replay", "sentiment", 422, refusal)]
    assert ask("POST", f"{gateway.url}/jobs/nobody:replay", b"", ADMIN)[0] == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?state=lost", "state is 'lost'"),
        ("?limit=0", "limit is '0'"),
        ("?limit=501", "1 to 500"),
        ("?limit=00000005000000000", "1 to 500"),
        ("?limit=many", "limit is 'many'"),
        ("?limit=%D9%A3", "limit is"),
    ],
)
def test_a_query_that_says_nothing_is_refused_in_words(
    gateway: Gateway, query: str, words: str
) -> None:
    status, _, body = get(f"{gateway.url}/jobs{query}", ADMIN)
    assert status == 422
    assert words in json.loads(body)["error"]


def test_only_admins_may(gateway: Gateway) -> None:
    assert get(f"{gateway.url}/jobs")[0] == 401
    assert ask("POST", f"{gateway.url}/jobs/any:replay", b"")[0] == 401
