"""Each model answers through the ingress in every form, with the labels of the local run."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http

from tests.e2e.support import services
from tests.e2e.support.kube import Kube
from tests.e2e.support.services import Service, deploy, example
from tests.integration.serving.process import HOST, Answer, Caller, PredictorProcess

MODELS = ("cifar10", "diabetes", "sentiment", "tomato")
IMAGES = ("cifar10", "tomato")

each_model = pytest.mark.parametrize("name", MODELS)
each_image_model = pytest.mark.parametrize("name", IMAGES)


class Asked:
    """One model in the cluster: its service, its version, and examples with the local labels."""

    def __init__(self, service: Service, local: PredictorProcess) -> None:
        self.service = service
        version = service.get()["spec"]["predictor"]["model"]["storageUri"].rsplit("/", 1)[1]
        self.version: str = version
        path = f"/v2/models/{service.name}/versions/{version}"
        with local.caller() as caller:
            told = caller.get(f"{path}/examples").json["examples"]
            self.inputs: list[dict[str, Any]] = [item["inputs"][0] for item in told]
            self.labels = [
                outputs(caller.post(f"{path}/infer", {"inputs": [item]}))["label"][0]
                for item in self.inputs
            ]

    @property
    def rows(self) -> list[Any]:
        """One row of each example: a picture in base64, a sentence, a list of numbers."""
        return [
            item["data"][0] if item["datatype"] == "BYTES" else item["data"] for item in self.inputs
        ]

    def tensor(self) -> np.ndarray[Any, Any]:
        """The examples as one batch; pictures as the bytes of their files."""
        if self.inputs[0]["datatype"] != "BYTES":
            return np.array(self.rows, dtype=np.float32)
        raw = [
            base64.b64decode(row) if self.service.name in IMAGES else row.encode()
            for row in self.rows
        ]
        return np.array(raw, dtype=np.object_)


@pytest.fixture(scope="module")
def asked(models: dict[str, Service], local: PredictorProcess) -> dict[str, Asked]:
    return {name: Asked(models[name], local) for name in MODELS}


@pytest.fixture
def ingress(kube: Kube) -> Iterator[Caller]:
    """A keep-alive connection to the ingress."""
    with Caller(kube.settings.http_port) as caller:
        yield caller


@pytest.fixture(scope="module")
def over_grpc(kube: Kube, namespace: str) -> dict[str, Service]:
    """A second InferenceService of each model, behind gRPC: a container has one port."""
    made = {}
    for name in MODELS:
        document = example("grpc.yaml", f"pvc://models/{name}/v1")
        document["metadata"]["name"] = f"{name}-grpc"
        document["spec"]["predictor"]["model"]["resources"] = {"requests": {"cpu": "25m"}}
        made[name] = deploy(kube, namespace, document)
    for service in made.values():
        service.until_ready()
    return made


def outputs(answer: Answer) -> dict[str, Any]:
    """Data by the name of the output."""
    assert answer.status == 200, answer.body
    return {item["name"]: item["data"] for item in answer.json["outputs"]}


@each_model
def test_v1(name: str, asked: dict[str, Asked], ingress: Caller) -> None:
    model = asked[name]
    rows = [{"b64": row} for row in model.rows] if name in IMAGES else model.rows
    answer = ingress.post(
        f"/v1/models/{name}:predict", {"instances": rows}, {"host": model.service.host}
    )
    assert answer.status == 200, answer.body
    assert [item["label"] for item in answer.json["predictions"]] == model.labels
    assert answer.headers["x-model-version"] == model.version
    assert answer.headers["x-model-revision"] == model.service.newest


@each_model
def test_v2_json(name: str, asked: dict[str, Asked], ingress: Caller) -> None:
    model = asked[name]
    batch = {
        **model.inputs[0],
        "shape": [len(model.inputs), *model.inputs[0]["shape"][1:]],
        "data": model.rows,
    }
    answer = ingress.post(
        f"/v2/models/{name}/infer", {"inputs": [batch]}, {"host": model.service.host}
    )
    assert outputs(answer)["label"] == model.labels
    assert answer.json["model_version"] == model.version


@each_model
def test_v2_binary(name: str, asked: dict[str, Asked], kube: Kube) -> None:
    model = asked[name]
    batch = model.tensor()
    datatype = model.inputs[0]["datatype"]
    given = tritonclient.http.InferInput(model.inputs[0]["name"], batch.shape, datatype)
    given.set_data_from_numpy(batch, binary_data=True)
    wanted = tritonclient.http.InferRequestedOutput("label", binary_data=True)
    address = f"{HOST}:{kube.settings.http_port}"
    with tritonclient.http.InferenceServerClient(address) as client:
        result = client.infer(name, [given], outputs=[wanted], headers={"Host": model.service.host})
    assert [label.decode() for label in result.as_numpy("label")] == model.labels


@each_model
def test_v2_grpc(
    name: str,
    asked: dict[str, Asked],
    over_grpc: dict[str, Service],
    local: PredictorProcess,
    kube: Kube,
) -> None:
    service, model = over_grpc[name], asked[name]
    batch = model.tensor()
    given = tritonclient.grpc.InferInput(
        model.inputs[0]["name"], batch.shape, model.inputs[0]["datatype"]
    )
    given.set_data_from_numpy(batch)
    # The ingress finds the model by the authority, as it does by the host of HTTP.
    authority = [("grpc.default_authority", service.host), ("grpc.enable_http_proxy", 0)]
    address = f"{HOST}:{kube.settings.http_port}"
    with tritonclient.grpc.InferenceServerClient(address, channel_args=authority) as client:
        answer = client.infer(service.name, [given])
    with tritonclient.grpc.InferenceServerClient(local.grpc_address) as client:
        expected = client.infer(name, [given], model_version="v1")
    assert answer.get_response().model_version == "v1"
    assert answer.as_numpy("label").tolist() == expected.as_numpy("label").tolist()
    np.testing.assert_allclose(
        answer.as_numpy("probabilities"), expected.as_numpy("probabilities"), atol=1e-5
    )


@each_image_model
def test_image_file_in_a_form(name: str, asked: dict[str, Asked], ingress: Caller) -> None:
    model = asked[name]
    body = b"".join(
        b'--line\r\ncontent-disposition: form-data; name="file"; filename="picture.jpg"\r\n'
        b"content-type: image/jpeg\r\n\r\n" + picture + b"\r\n"
        for picture in model.tensor()
    )
    headers = {"host": model.service.host, "content-type": "multipart/form-data; boundary=line"}
    answer = ingress.ask("POST", f"/v1/models/{name}:predict", body + b"--line--\r\n", headers)
    assert answer.status == 200, answer.body
    assert [item["label"] for item in answer.json["predictions"]] == model.labels


@each_image_model
def test_image_as_the_body(name: str, asked: dict[str, Asked], ingress: Caller) -> None:
    model = asked[name]
    headers = {"host": model.service.host, "content-type": "image/jpeg"}
    for picture, label in zip(model.tensor(), model.labels, strict=True):
        answer = ingress.ask("POST", f"/v1/models/{name}:predict", picture, headers)
        assert answer.status == 200, answer.body
        assert [item["label"] for item in answer.json["predictions"]] == [label]


def test_examples_have_more_than_one_label(asked: dict[str, Asked]) -> None:
    # Else a model that always says the same would pass all of the above.
    assert all(len(set(model.labels)) > 1 for model in asked.values())


def test_custom_container_form(kube: Kube, namespace: str, ingress: Caller) -> None:
    service = deploy(kube, namespace, example("custom-container.yaml"))
    service.until_ready()
    answer = ingress.post(
        "/v1/models/squares:predict", {"instances": [1, 2, 3]}, {"host": service.host}
    )
    assert answer.status == 200, answer.body
    assert answer.json == {"predictions": [1, 4, 9]}


@pytest.mark.parametrize(("name", "engine"), [("diabetes", "sklearn"), ("tomato", "keras")])
def test_frameworks_own_engine(
    name: str, engine: str, asked: dict[str, Asked], kube: Kube, namespace: str, ingress: Caller
) -> None:
    own = asked[name]
    document = services.model(kube, name, model={"runtime": f"trellis-{engine}"})
    document["metadata"]["name"] = f"{name}-{engine}"
    del document["spec"]["predictor"]["model"]["resources"]  # the runtime's, for its framework
    service = deploy(kube, namespace, document)
    service.until_ready()
    host = {"host": service.host}
    told = ingress.get(f"/v2/models/{service.name}", host)
    assert told.json["platform"] == f"trellis_{engine}", told.body
    rows = [{"b64": row} for row in own.rows] if name in IMAGES else own.rows
    answer = ingress.post(f"/v1/models/{service.name}:predict", {"instances": rows}, host)
    assert answer.status == 200, answer.body
    assert [item["label"] for item in answer.json["predictions"]] == own.labels


def test_an_error_keeps_its_words_on_the_way_out(asked: dict[str, Asked], ingress: Caller) -> None:
    host = {"host": asked["diabetes"].service.host}
    answer = ingress.post("/v1/models/diabetes:predict", {"instances": [[1, 2]]}, host)
    assert answer.status == 422, answer.body
    assert "features" in answer.error
    json.loads(answer.body)
