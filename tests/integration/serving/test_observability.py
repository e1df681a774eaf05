"""What a process says of itself: metrics, logs, the API's description."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.serving import calls, lab
from tests.integration.serving.lab import tensor
from tests.integration.serving.process import Caller, PredictorProcess

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(caller: Caller) -> Samples:
    """Every sample of the page, by name and labels."""
    answer = caller.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    """How much the samples of ``name`` with these labels have grown, added up."""

    def total(page: Samples) -> float:
        return sum(
            value
            for (found, own), value in page.items()
            if found == name and labels.items() <= dict(own).items()
        )

    return total(after) - total(before)


WHO = {"model": "diabetes", "version": "v2", "revision": "models-00007"}
ROW = [60.0, 1.0, 25.6, 78.0, 195.0, 95.4, 91.0, 2.0, 3.7612, 87.0]


def test_requests_are_counted_by_who_answered_code_and_protocol(
    committed: PredictorProcess,
) -> None:
    tensors = {"inputs": [tensor("features", "FP32", ROW * 2, [2, 10])]}
    with committed.caller() as caller, calls.channel(committed.grpc_address) as channel:
        before = samples(caller)
        caller.post("/v1/models/diabetes:predict", {"instances": [ROW]})
        caller.post("/v2/models/diabetes/infer", tensors)
        caller.post("/v2/models/diabetes/infer", {"inputs": []})
        caller.post("/v2/models/none/infer", tensors)
        given = calls.tensor("features", "FP32", (1, 10), fp32_contents=ROW)
        calls.infer(channel, calls.request("diabetes", given))
        after = samples(caller)
    requests = "trellis_requests_total"
    assert grown(before, after, requests, **WHO, code="200", protocol="v1") == 1
    assert grown(before, after, requests, **WHO, code="200", protocol="v2") == 1
    assert grown(before, after, requests, **WHO, code="422", protocol="v2") == 1
    assert grown(before, after, requests, **WHO, code="200", protocol="grpc") == 1
    assert grown(before, after, requests, model="", version="", code="404") == 1
    assert grown(before, after, "trellis_request_duration_seconds_count", **WHO) == 4
    assert grown(before, after, "trellis_request_duration_seconds_sum", **WHO) > 0
    assert grown(before, after, "trellis_request_duration_seconds_squares_total", **WHO) > 0
    assert grown(before, after, "trellis_predictions_total", **WHO) == 4
    assert grown(before, after, "trellis_prediction_confidence_count", **WHO) == 4
    assert grown(before, after, "trellis_prediction_confidence_squares_total", **WHO) > 1
    assert grown(before, after, "trellis_batch_size_sum", **WHO) == 4
    for phase in ("decode", "queue", "predict", "encode"):
        name = "trellis_request_phase_duration_seconds_count"
        assert grown(before, after, name, **WHO, phase=phase) >= 3
    who = tuple(sorted(WHO.items()))
    assert after["trellis_loaded_model_versions", who] == 1
    assert after["trellis_inflight_requests", who] == 0
    assert after["trellis_queue_depth", who] == 0


def test_kserves_own_histograms_stay(committed: PredictorProcess) -> None:
    with committed.caller() as caller:
        before = samples(caller)
        caller.post("/v1/models/diabetes:predict", {"instances": [ROW]})
        after = samples(caller)
    for phase in ("preprocess", "predict", "postprocess"):
        name = f"request_{phase}_seconds_count"
        assert grown(before, after, name, model_name="diabetes") == 1


def test_two_workers_share_the_ports_and_one_page(tmp_path: Path) -> None:
    folder = lab.write_squares(tmp_path / "squares" / "v1")
    body = {"instances": [2.0]}
    process = PredictorProcess(
        folder, "--workers", 2, log=tmp_path / "log", environment={"K_REVISION": "squares-00003"}
    )
    with process:
        process.until_log('"ready"')
        while process.log.count('"event":"ready"') < 2:
            process.until_answers()
        for _ in range(60):  # each on a connection of its own: the kernel shares them out
            with process.caller() as caller:
                assert caller.post("/v1/models/squares:predict", body).status == 200
        who = {"model": "squares", "version": "v1", "revision": "squares-00003"}

        def answered(page: Samples) -> float:
            return grown({}, page, "trellis_requests_total", **who, code="200", protocol="v1")

        with process.caller() as caller:
            # A worker counts an answer once it has sent it.
            until = time.monotonic() + 20
            while answered(page := samples(caller)) != 60 or page != samples(caller):
                assert time.monotonic() < until, page
    assert grown({}, page, "trellis_loaded_model_versions", **who) == 1
    assert process.log.count('"event":"draining"') == 2


def test_every_line_of_the_log_is_json(laboratory: PredictorProcess) -> None:
    with laboratory.caller() as caller:
        caller.post(
            "/v1/models/touchy:predict", {"instances": [13]}, {"x-request-id": "the-thirteen"}
        )
    laboratory.until_log("the-thirteen")
    lines = [json.loads(line) for line in laboratory.log.splitlines()]
    assert all({"time", "level", "logger", "event"} <= set(line) for line in lines)
    (fault,) = (line for line in lines if line.get("request_id") == "the-thirteen")
    assert fault["level"] == "error"
    assert "RuntimeError: thirteen" in fault["exception"]


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictorProcess]:
    """One version, with a line of log a request."""
    folder = tmp_path_factory.mktemp("talkative")
    lab.write_squares(folder / "squares" / "v1")
    with PredictorProcess(
        folder / "squares", "--access_log", "true", log=folder / "log"
    ) as process:
        yield process


def test_requests_are_logged_where_it_is_asked_for(talkative: PredictorProcess) -> None:
    headers = {
        "x-request-id": "mine-3",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
    }
    with talkative.caller() as caller:
        caller.post("/v1/models/squares:predict", {"instances": [2]}, headers)
    talkative.until_log("mine-3")
    (line,) = (json.loads(line) for line in talkative.log.splitlines() if "mine-3" in line)
    assert (line["event"], line["status"], line["protocol"]) == ("request", 200, "v1")
    assert (line["model"], line["version"]) == ("squares", "v1")
    assert line["traceparent"] == headers["traceparent"]
    assert line["milliseconds"] >= 0


def test_an_unloaded_version_is_no_longer_counted_as_loaded(talkative: PredictorProcess) -> None:
    with talkative.caller() as caller:
        who = (("model", "squares"), ("revision", "v1"), ("version", "v1"))
        assert samples(caller)["trellis_loaded_model_versions", who] == 1
        caller.post("/v2/repository/models/squares/unload", {})
        assert samples(caller)["trellis_loaded_model_versions", who] == 0
        caller.post("/v2/repository/models/squares/load", {})


def test_requests_leave_no_line_by_default(laboratory: PredictorProcess) -> None:
    with laboratory.caller() as caller:
        caller.post("/v1/models/squares:predict", {"instances": [2]}, {"x-request-id": "unseen"})
    assert "unseen" not in laboratory.log


def test_the_docs_page_and_all_it_names_come_from_here(caller: Caller) -> None:
    page = caller.get("/docs")
    assert page.status == 200
    named = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(named) == 3
    for path in named:
        assert path.startswith("/docs/")
        assert caller.get(path).status == 200


def test_openapi_describes_every_model_with_an_example_that_works(caller: Caller) -> None:
    document = caller.get("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    for model in caller.get("/v2/models").json["models"]:
        for path in (f"/v2/models/{model}/infer", f"/v1/models/{model}:predict"):
            operation = document["paths"][path]["post"]
            content = operation["requestBody"]["content"]["application/json"]
            schema = content["schema"] | {"components": document["components"]}
            Draft202012Validator(schema).validate(content["example"])
            answer = caller.post(path, content["example"])
            assert answer.status == 200, (path, answer.body)
            wanted = operation["responses"]["200"]["content"]["application/json"]["schema"]
            Draft202012Validator(wanted | {"components": document["components"]}).validate(
                answer.json
            )


def test_every_path_of_openapi_without_a_body_answers(caller: Caller) -> None:
    document = caller.get("/openapi.json").json
    for path, item in document["paths"].items():
        if "get" in item:
            assert caller.get(path).status == 200, path


@pytest.mark.parametrize("path", ["/nothing", "/v2/nothing", "/v1/models/a/b/c", "/docs/nothing"])
def test_an_unknown_route_is_404_with_a_sentence(caller: Caller, path: str) -> None:
    answer = caller.get(path)
    assert answer.status == 404
    assert path in answer.error
