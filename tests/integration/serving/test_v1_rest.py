"""V1 over REST: JSON, uploads, raw pictures."""

import base64

import aiohttp
import pytest

from tests.integration.serving import lab, pictures
from tests.integration.serving.process import Caller, PredictorProcess

RED, BLUE = (250, 0, 0), (0, 0, 250)
PREDICT = "/v1/models/redness:predict"


def test_numbers(caller: Caller) -> None:
    answer = caller.post("/v1/models/squares:predict", {"instances": [2, -3.5]})
    assert answer.json == {"predictions": [4.0, 12.25]}
    assert answer.headers["x-model-version"] == "v10"
    assert answer.headers["x-model-fingerprint"].startswith("sha256:")


def test_rows_plain_or_named(caller: Caller) -> None:
    plain = caller.post("/v1/models/table:predict", {"instances": [[1, 2, 3], [4, 5, 6]]})
    named = caller.post(
        "/v1/models/table:predict", {"instances": [{"numbers": [1, 2, 3]}, [4, 5, 6]]}
    )
    assert plain.json == named.json == {"predictions": [[1, 4, 9], [16, 25, 36]]}


def test_several_outputs_make_an_object_a_row(caller: Caller) -> None:
    row = {f"in_{kind}": [1, 0] for kind in lab.NUMBERS}
    instance = row | {"in_BOOL": [True, False], "in_BYTES": ["a", "ü"]}
    answer = caller.post("/v1/models/echo:predict", {"instances": [instance]})
    assert answer.status == 200, answer.body
    (prediction,) = answer.json["predictions"]
    assert prediction["out_INT8"] == [1, 0]
    assert prediction["out_BYTES"] == ["a", "ü"]
    assert prediction["out_BOOL"] == [True, False]


@pytest.mark.parametrize("wrapped", [True, False], ids=["b64 object", "string"])
def test_a_picture_as_base64(caller: Caller, wrapped: bool) -> None:
    coded = base64.b64encode(pictures.jpeg(RED)).decode()
    instances = [{"b64": coded} if wrapped else coded, {"image": coded}]
    predictions = caller.post(PREDICT, {"instances": instances}).json["predictions"]
    assert predictions[0] == predictions[1]
    assert list(predictions[0]) == ["label", "confidence", "probabilities"]
    assert predictions[0]["label"] == "red"
    assert predictions[0]["probabilities"] == pytest.approx({"red": 0.98, "other": 0.02}, abs=0.01)
    assert predictions[0]["confidence"] == predictions[0]["probabilities"]["red"]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_a_raw_picture(caller: Caller, kind: str) -> None:
    body = getattr(pictures, kind)(BLUE)
    answer = caller.ask("POST", PREDICT, body, {"content-type": f"image/{kind}"})
    assert answer.json["predictions"][0]["label"] == "other"


async def post_form(process: PredictorProcess, form: aiohttp.FormData) -> tuple[int, object]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{process.address}{PREDICT}", data=form) as response,
    ):
        return response.status, await response.json()


async def test_uploads_under_the_name_file_are_rows_in_order(laboratory: PredictorProcess) -> None:
    form = aiohttp.FormData()
    form.add_field("note", "ignored")
    form.add_field("file", pictures.png(RED), filename="a.png")
    form.add_field("file", pictures.jpeg(BLUE), filename="b.jpg")
    status, body = await post_form(laboratory, form)
    assert status == 200
    assert isinstance(body, dict)
    assert [row["label"] for row in body["predictions"]] == ["red", "other"]


async def test_a_single_upload_of_any_name_is_taken(laboratory: PredictorProcess) -> None:
    form = aiohttp.FormData()
    form.add_field("photo", pictures.png(RED), filename="a.png")
    status, _ = await post_form(laboratory, form)
    assert status == 200


async def test_a_form_chooses_the_version_and_the_fallback(laboratory: PredictorProcess) -> None:
    form = aiohttp.FormData()
    form.add_field("file", pictures.png(RED), filename="a.png")
    form.add_field("model_version", "v9")
    form.add_field("fallback", "true")
    status, _ = await post_form(laboratory, form)
    assert status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/models/squares/versions/v1:predict", {}),
        ("/v1/models/squares:predict?model_version=v1", {}),
        ("/v1/models/squares:predict", {"model_version": "v1"}),
    ],
    ids=["path", "query", "body"],
)
def test_the_version_is_chosen_by(caller: Caller, path: str, body: dict[str, str]) -> None:
    answer = caller.post(path, {"instances": [2.0]} | body)
    assert (answer.status, answer.headers["x-model-version"]) == (200, "v1")


def test_models_and_their_readiness(caller: Caller) -> None:
    assert "squares" in caller.get("/v1/models").json["models"]
    assert caller.get("/v1/models/squares").json["ready"] is True
    assert caller.get("/v1/models/none").status == 404


def test_a_classifier_answers_as_designed(committed: PredictorProcess) -> None:
    with committed.caller() as caller:
        row = [60.0, 1.0, 25.6, 78.0, 195.0, 95.4, 91.0, 2.0, 3.7612, 87.0]
        answer = caller.post("/v1/models/diabetes:predict", {"instances": [row]})
    (prediction,) = answer.json["predictions"]
    assert list(prediction) == ["label", "confidence", "probabilities"]
    assert prediction["label"] in ("low", "high")
    assert prediction["confidence"] == max(prediction["probabilities"].values())
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-6)
