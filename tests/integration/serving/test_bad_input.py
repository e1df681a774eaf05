"""Every kind of bad request, over every protocol: status, words, neighbours, connection, no leaks."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import grpc
import pytest

from tests.integration.serving import calls, pictures
from tests.integration.serving.bad_grpc import BAD_GRPC, BadCall
from tests.integration.serving.bad_rest import BAD_REST, IMAGE_V1, Bad
from tests.integration.serving.lab import tensor
from tests.integration.serving.process import REPOSITORY, Caller, PredictorProcess

NEIGHBOURS = 6
GOOD = {"inputs": [tensor("numbers", "FP32", [1.0, 2.0, 3.0], [1, 3])]}
LEAK = re.compile(
    r"Traceback|\.py\b|site-packages|0x[0-9a-f]{6}|Error\b|Exception|(?<![\w/])/(tmp|usr|home|work|mnt)\b"
)


def assert_no_leak(sentence: str) -> None:
    assert not LEAK.search(sentence), sentence
    assert str(REPOSITORY) not in sentence
    assert len(sentence) < 400, sentence


async def neighbours(session: aiohttp.ClientSession, address: str) -> list[list[float]]:
    """Good requests, each with numbers of its own; what each got back."""

    async def ask(number: int) -> list[float]:
        document = {"inputs": [tensor("numbers", "FP32", [number, 2.0, 3.0], [1, 3])]}
        url = f"http://{address}/v2/models/table/infer"
        async with session.post(url, json=document) as response:
            assert response.status == 200
            found: list[float] = (await response.json())["outputs"][0]["data"]
            return found

    return await asyncio.gather(*(ask(number) for number in range(NEIGHBOURS)))


@pytest.mark.parametrize("bad", BAD_REST, ids=lambda bad: bad.id)
async def test_bad_rest_request(bad: Bad, laboratory: PredictorProcess) -> None:
    async with aiohttp.ClientSession() as session:
        with laboratory.caller() as caller:
            send = asyncio.to_thread(caller.ask, bad.method, bad.path, bad.body, bad.headers)
            answer, others = await asyncio.gather(send, neighbours(session, laboratory.address))
            again = await asyncio.to_thread(caller.post, "/v2/models/table/infer", GOOD)
    assert answer.status == bad.status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert "x-request-id" in answer.headers
    for words in bad.words:
        assert words in answer.error
    assert_no_leak(answer.error)
    assert others == [[number**2, 4.0, 9.0] for number in range(NEIGHBOURS)]
    assert again.status == 200
    assert caller.connections == (2 if bad.closes else 1)


RED = (250, 0, 0)
FINE = {
    "a PNG named JPEG": (pictures.png(RED), "image/jpeg"),
    "a JPEG named WebP": (pictures.jpeg(RED), "image/webp"),
    "one pixel": (pictures.png(RED, (1, 1)), "image/png"),
    "a line of pixels": (pictures.jpeg(RED, (300, 1)), "image/jpeg"),
}


@pytest.mark.parametrize("kind", FINE)
def test_odd_but_whole_pictures_are_answered(kind: str, caller: Caller) -> None:
    body, content_type = FINE[kind]
    answer = caller.ask("POST", IMAGE_V1, body, {"content-type": content_type})
    assert answer.status == 200, answer.body
    assert answer.json["predictions"][0]["label"] == "red"


async def test_a_row_that_breaks_the_predictor_fails_alone(laboratory: PredictorProcess) -> None:
    async def ask(session: aiohttp.ClientSession, number: float) -> tuple[int, object]:
        url = f"http://{laboratory.address}/v2/models/touchy/infer"
        document = {"inputs": [tensor("numbers", "FP32", [number])]}
        async with session.post(url, json=document) as response:
            body = await response.json()
            return response.status, body.get("error") or body["outputs"][0]["data"]

    numbers = [float(number) for number in range(10, 18)] * 3
    async with aiohttp.ClientSession() as session:
        answers = await asyncio.gather(*(ask(session, number) for number in numbers))
    for number, (status, body) in zip(numbers, answers, strict=True):
        if number == 13:
            assert (status, body) == (500, "the prediction failed")
        elif number == 14:
            assert (status, body) == (500, "the model computed no number for this input")
        else:
            assert (status, body) == (200, [number**2])


def test_the_server_that_answered_all_this_has_logged_no_fault_but_the_model_s_own(
    laboratory: PredictorProcess,
) -> None:
    faults = [line for line in laboratory.log.splitlines() if '"level":"error"' in line]
    assert all("thirteen" in line or "holds NaN" in line for line in faults), faults


def test_a_request_line_that_names_no_path(laboratory: PredictorProcess) -> None:
    with laboratory.caller() as caller:
        answer = caller.ask("OPTIONS", "*")
        assert answer.status == 404
        assert_no_leak(answer.error)
        assert caller.get("/health").status == 200
        assert caller.connections == 1


@pytest.mark.parametrize("bad", BAD_GRPC, ids=lambda bad: f"grpc {bad.id}")
def test_bad_grpc_request(bad: BadCall, laboratory: PredictorProcess) -> None:
    with calls.channel(laboratory.grpc_address) as channel:
        with ThreadPoolExecutor(NEIGHBOURS) as pool:
            others = [
                pool.submit(calls.infer, channel, calls.table(i, 2, 3)) for i in range(NEIGHBOURS)
            ]
            with pytest.raises(grpc.RpcError) as caught:
                calls.infer(channel, bad.message)
        answers = [list(other.result().outputs[0].contents.fp32_contents) for other in others]
        again = calls.infer(channel, calls.table(1, 2, 3))
    error = caught.value
    assert error.code() is bad.code, error
    sentence = error.details() or ""
    for words in bad.words:
        assert words in sentence
    assert_no_leak(sentence)
    assert answers == [[number**2, 4, 9] for number in range(NEIGHBOURS)]
    assert again.model_name == "table"
