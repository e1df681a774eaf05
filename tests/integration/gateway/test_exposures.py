"""What a recorded request leaves in Redis, whichever way it came; and what leaves nothing."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import grpc
import pytest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from redis import Redis

from tests.integration.gateway.processes import FakeUpstream, Gateway, ask, get, post_json, table_of
from tests.integration.redis_server import RedisServer
from trellis.contracts.events import Exposure, digest_of_shares

WITHIN_SECONDS = 20.0
SENTENCE = {"text": "so glad"}
V2 = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["so glad"]}]}
#: Shares of the line: v1 three quarters, v2 one.
SHARES = {"v1-1": 0.75, "v2-1": 0.25}


class Recording:
    """A gateway before v1 and v2 whose requests for ``sentiment`` are recorded in ``redis``."""

    def __init__(
        self,
        folder: Path,
        upstreams: tuple[FakeUpstream, FakeUpstream],
        server: RedisServer,
        **route: Any,
    ) -> None:
        one, two = upstreams
        self.prefix = folder.name
        self.redis = Redis.from_url(server.url)
        arms = [
            one.arm(
                model="sentiment", fingerprint="sha256:v1", intervals=[[0, 0.75]], role="stable"
            ),
            two.arm(
                model="sentiment", fingerprint="sha256:v2", intervals=[[0.75, 1]], role="canary"
            ),
        ]
        table = table_of(
            {
                "sentiment": {"arms": arms, "record": True, "experiment": "words", **route},
                "quiet": arms,
                # As a controller names it whose service's host leads to one revision after another.
                "behind": {
                    "arms": [
                        one.arm(
                            model="sentiment",
                            fingerprint="sha256:v1",
                            revision="sentiment-predictor",
                            intervals=[[0, 1]],
                        )
                    ],
                    "record": True,
                },
                "drowsy": {
                    "arms": [one.arm(model="drowsy", intervals=[[0, 1]])],
                    "record": True,
                },
            },
            version=7,
        )
        self.gateway = Gateway(
            folder,
            table,
            redis_url=server.url,
            redis_prefix=self.prefix,
            cache_redis_url=server.url,
            cache_timeout=2,
            connect_wait=0.5,
        )
        self.gateway.up()

    def all(self) -> dict[str, Exposure]:
        """Every stored exposure by its request id."""
        entries: Any = self.redis.xrange(f"{self.prefix}:{{events}}:exposures")
        read = [Exposure.model_validate_json(fields[b"event"]) for _, fields in entries]
        found = {exposure.request_id: exposure for exposure in read}
        assert len(found) == len(read), "a request was recorded twice"
        return found

    def of(self, request_id: str) -> Exposure:
        """One exposure, once it is there."""
        until = time.monotonic() + WITHIN_SECONDS
        while request_id not in (found := self.all()):
            assert time.monotonic() < until, found.keys()
            time.sleep(0.02)
        return found[request_id]


@pytest.fixture(scope="module")
def recording(
    tmp_path_factory: pytest.TempPathFactory,
    upstreams: tuple[FakeUpstream, FakeUpstream],
    redis_server: RedisServer,
) -> Iterator[Recording]:
    running = Recording(tmp_path_factory.mktemp("recorded"), upstreams, redis_server)
    yield running
    assert running.gateway.stop() == 0
    running.redis.close()


def head(request_id: str, unit: str = "user 1") -> dict[str, str]:
    return {"x-request-id": request_id, "x-unit-id": unit}


def expected_arm(unit: str) -> str:
    return "v1-1" if int(unit_hash(unit), 16) / 2**64 < SHARES["v1-1"] else "v2-1"


def unit_hash(unit: str) -> str:
    return blake2b(unit.encode(), key=b"salt of sentiment").digest()[:8].hex()


@pytest.mark.parametrize("unit", ["user 1", "user 4", "user 7"])
@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v2/models/sentiment/infer", V2),
        ("/v1/models/sentiment:predict", {"instances": ["so glad"]}),
        ("/predict/sentiment", SENTENCE),
    ],
    ids=["v2", "v1", "people"],
)
def test_every_field_of_an_exposure_says_what_was(
    recording: Recording, path: str, document: Any, unit: str
) -> None:
    request_id = f"every-field {path} {unit}".replace(" ", "-").replace("/", ".")
    before = time.time()
    headers = {**head(request_id, unit), "cache-control": "no-cache"}
    assert post_json(recording.gateway.url + path, document, headers)[0] == 200
    exposure = recording.of(request_id)
    arm = expected_arm(unit)
    assert before - 1 < exposure.time < time.time() + 1
    assert 0 < exposure.seconds < 60
    expected = {
        "request_id": request_id,
        "unit": unit_hash(unit),
        "sticky": True,
        "experiment": "words",
        "model": "sentiment",
        "arm": arm,
        "version": arm.removesuffix("-1"),
        "revision": arm,
        "propensity": pytest.approx(SHARES[arm]),
        "shares": digest_of_shares(SHARES),
        "table_version": 7,
        "code": 200,
        "cached": False,
        "asked": False,
        "predicted": "positive" if path.startswith("/predict") else None,
    }
    assert exposure.model_dump(exclude={"time", "seconds"}) == expected


def test_units_of_one_request_do_not_return(recording: Recording) -> None:
    request_id = "without-a-unit"
    url = f"{recording.gateway.url}/v2/models/sentiment/infer"
    post_json(url, V2, {"x-request-id": request_id})
    exposure = recording.of(request_id)
    assert not exposure.sticky
    assert exposure.unit == unit_hash(request_id)


def test_over_grpc_too(recording: Recording) -> None:
    message = pb.ModelInferRequest(model_name="sentiment").SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{recording.gateway.grpc_port}") as channel:
        infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        infer(message, metadata=tuple(head("grpc-good").items()), timeout=20)
        refused = (*head("grpc-refused").items(), ("x-do", "refuse"))
        with pytest.raises(grpc.RpcError):
            infer(message, metadata=refused, timeout=20)
    assert recording.of("grpc-good").code == 200
    assert recording.of("grpc-refused").code == 400
    assert recording.of("grpc-good").arm == expected_arm("user 1")


@pytest.mark.parametrize(("do", "code"), [("break", 502), ("status:500", 500), ("status:422", 422)])
def test_failures_are_exposures_with_their_code(recording: Recording, do: str, code: int) -> None:
    request_id = f"failed-{code}"
    headers = {**head(request_id), "x-do": do}
    url = f"{recording.gateway.url}/v2/models/sentiment/infer"
    assert post_json(url, V2, headers)[0] == code
    assert recording.of(request_id).code == code


def test_a_version_that_was_asked_for_is_no_random_assignment(recording: Recording) -> None:
    url = f"{recording.gateway.url}/v2/models/sentiment/infer?model_version=v2"
    post_json(url, V2, head("asked"))
    exposure = recording.of("asked")
    assert (exposure.asked, exposure.arm, exposure.version) == (True, "v2-1", "v2")


def until_hit(
    recording: Recording, path: str, word: str, *unit: str
) -> Iterator[tuple[str, Exposure]]:
    """What each answer said of the cache, until one was a hit, and its exposure."""
    document: Any = V2 if path.startswith("/v2") else SENTENCE
    name = path.replace("/", ".")
    told: list[str] = []
    until = time.monotonic() + WITHIN_SECONDS
    while "hit" not in told:  # the cache's Redis is reached beside the requests
        assert time.monotonic() < until, told
        headers = head(f"{word}-{len(told)}-{name}", *unit)
        told.append(post_json(recording.gateway.url + path, document, headers)[1]["x-cache"])
    for number, cache in enumerate(told):
        yield cache, recording.of(f"{word}-{number}-{name}")


@pytest.mark.parametrize("path", ["/v2/models/sentiment/infer", "/predict/sentiment"])
def test_an_answer_from_the_cache_is_an_exposure_too(recording: Recording, path: str) -> None:
    for cache, exposure in until_hit(recording, path, "cached", "user 7"):
        assert exposure.cached is (cache == "hit")
        assert exposure.revision == expected_arm("user 7")


@pytest.mark.parametrize("path", ["/v2/models/behind/infer", "/predict/behind"])
def test_a_hit_names_the_arm_whose_answer_it_is(recording: Recording, path: str) -> None:
    for cache, exposure in until_hit(recording, path, "behind"):
        assert exposure.cached is (cache == "hit")
        assert exposure.arm == "sentiment-predictor"
        assert exposure.revision == ("sentiment-predictor" if exposure.cached else "v1-1")


def until_inside(gateway: Gateway, model: str) -> None:
    """Until the gateway has one request for the model in flight."""
    until = time.monotonic() + WITHIN_SECONDS
    while gateway.metric("trellis_inflight_requests", model=model) != 1:
        assert time.monotonic() < until
        time.sleep(0.02)


@contextmanager
def leaving(gateway: Gateway, path: str, request_id: str, length: int) -> Iterator[None]:
    """Send a head and a body of some ``length``, and go away at the context's end."""
    body = json.dumps(V2 if path.startswith("/v2") else {"drowsy": "so glad"}).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        f"content-length: {length or len(body)}",
        *(f"{name}: {value}" for name, value in head(request_id).items()),
    ]
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as caller:
        caller.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        yield


@pytest.mark.parametrize("path", ["/v2/models/drowsy/infer", "/predict/drowsy"])
def test_a_caller_that_leaves_has_met_the_arm(recording: Recording, path: str) -> None:
    request_id = "left" + path.replace("/", ".")
    with leaving(recording.gateway, path, request_id, 0):
        until_inside(recording.gateway, "drowsy")
    exposure = recording.of(request_id)
    assert (exposure.code, exposure.arm, exposure.cached) == (499, "v1-1", False)


def test_a_caller_that_leaves_a_call_has_met_the_arm(recording: Recording) -> None:
    message = pb.ModelInferRequest(model_name="sentiment").SerializeToString()
    with grpc.insecure_channel(f"127.0.0.1:{recording.gateway.grpc_port}") as channel:
        infer: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        call = infer.future(
            message, metadata=(*head("grpc-left").items(), ("x-do", "think:30")), timeout=60
        )
        until_inside(recording.gateway, "sentiment")
        call.cancel()
    assert recording.of("grpc-left").code == 499


def test_a_caller_that_leaves_within_its_body_has_met_none(recording: Recording) -> None:
    with leaving(recording.gateway, "/v2/models/drowsy/infer", "left-early", 99_999):
        until_inside(recording.gateway, "drowsy")
    post_json(f"{recording.gateway.url}/v2/models/sentiment/infer", V2, head("after-early"))
    recording.of("after-early")
    assert "left-early" not in recording.all()


def test_what_only_tells_of_the_model_or_met_no_arm_is_no_exposure(recording: Recording) -> None:
    url = recording.gateway.url
    get(f"{url}/v2/models/sentiment", head("metadata"))
    get(f"{url}/v2/models/sentiment/ready", head("ready"))
    for method in ("GET", "OPTIONS", "PUT"):
        asked = ask(method, f"{url}/v2/models/sentiment/infer", b"", head(f"by-{method}"))
        assert "x-cache" not in asked[1]
    post_json(f"{url}/v2/models/quiet/infer", V2, head("not-recorded"))
    post_json(f"{url}/v2/models/nowhere/infer", V2, head("unknown"))
    post_json(f"{url}/v2/models/sentiment/infer?model_version=v9", V2, head("no-version"))
    post_json(f"{url}/v2/models/sentiment/infer", V2, head("last"))
    recording.of("last")
    assert not recording.all().keys() & {
        "metadata",
        "ready",
        "by-GET",
        "by-OPTIONS",
        "by-PUT",
        "not-recorded",
        "unknown",
        "no-version",
    }


def test_the_arm_is_who_was_assigned_and_the_revision_who_served(
    tmp_path: Path, redis_server: RedisServer, upstreams: tuple[FakeUpstream, FakeUpstream]
) -> None:
    gone = FakeUpstream("v2", tmp_path)  # never started: its port refuses
    running = Recording(tmp_path, (upstreams[0], gone), redis_server, strategy="random")
    try:
        url = f"{running.gateway.url}/v2/models/sentiment/infer"
        for number in range(40):
            assert post_json(url, V2, head(f"r{number}"))[0] == 200
        assert running.gateway.stop() == 0
        exposures = running.all()
        assert len(exposures) == 40, "the end of the process writes what it holds"
        assert {exposure.revision for exposure in exposures.values()} == {"v1-1"}
        assert {exposure.version for exposure in exposures.values()} == {"v1"}
        # None of 40 draws at a quarter: less than 1e-5 by chance.
        assert {exposure.arm for exposure in exposures.values()} == {"v1-1", "v2-1"}
        for exposure in exposures.values():
            assert exposure.propensity == pytest.approx(SHARES[exposure.arm])
    finally:
        running.redis.close()
        assert running.gateway.child is not None
        if running.gateway.child.poll() is None:
            running.gateway.stop(signal.SIGKILL)


def test_pages_and_json_say_nothing_of_the_version(recording: Recording) -> None:
    status, headers, body = post_json(
        f"{recording.gateway.url}/predict/sentiment", SENTENCE, head("silent")
    )
    assert status == 200
    assert not any(name.startswith("x-model-") for name in headers)
    assert not {"model_version", "version", "revision", "arm"} & json.loads(body).keys()
