"""The first prediction: the tomato model, asked through Kourier as anybody would."""

import http.client
import json
from pathlib import Path

from scripts.cluster.documents import Document, read, stream
from scripts.cluster.program import Program
from scripts.cluster.progress import Say
from scripts.cluster.settings import DOMAIN, NAMESPACE, Settings
from scripts.cluster.waiting import troubles, until

MODEL = "tomato"
PICTURE = Path("models/tomato/examples/healthy.jpg")


def host(model: str = MODEL) -> str:
    """The host name under which Kourier knows a model."""
    return f"{model}-predictor.{NAMESPACE}.{DOMAIN}"


def deploy(kubectl: Program, settings: Settings, say: Say) -> None:
    """Apply the tomato model of `manifests/overlays/kind`, unless there is one: it may be yours."""
    if kubectl(
        "get", "inferenceservice", MODEL, "-n", NAMESPACE, "--ignore-not-found", "-o", "name"
    ):
        return
    rendered = kubectl("kustomize", str(settings.checkout / "manifests/overlays/kind"))
    wanted = read(rendered, keep=lambda _, name: name == MODEL)
    say("the API to take the model")
    # As a person would, whose `kubectl apply -k` comes next and finds its own.
    kubectl("apply", "--filename=-", text=stream(wanted.objects))


def ask(kubectl: Program, settings: Settings, say: Say, patience: float = 180) -> Document:
    """The answer to the example picture, waited for.

    :raises ClusterError: where none comes within ``patience`` seconds; says how the pods are.
    """
    picture = (settings.checkout / PICTURE).read_bytes()
    answers: list[Document] = []

    def look() -> str:
        status, body = _post(settings.http_port, picture)
        if status == http.client.OK:
            answers.append(json.loads(body))
            return ""
        return f"prediction of {MODEL} ({status or body})"

    def explain() -> str:
        told = json.loads(kubectl("get", "pods", "-n", NAMESPACE, "-o", "json"))
        return "\n  ".join(troubles(told, [NAMESPACE]))

    until(look, patience, say, explain)
    return answers[0]


def _post(port: int, picture: bytes) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            "POST",
            f"/v1/models/{MODEL}:predict",
            body=picture,
            headers={"host": host(), "content-type": "image/jpeg"},
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}"
    finally:
        connection.close()
