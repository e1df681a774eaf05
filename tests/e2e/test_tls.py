"""The ingress answers by https with a certificate of our own, and redirects to it where so set."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator

import pytest

from tests.e2e.support.kube import Kube
from tests.e2e.support.requests import diabetes
from tests.e2e.support.services import Service
from tests.e2e.support.waiting import NotYet, wait_for
from tests.integration.serving.process import HOST, Answer, Caller

REDIRECT = "networking.knative.dev/http-protocol"


@pytest.fixture(scope="module")
def service(models: dict[str, Service]) -> Service:
    return models["diabetes"]


def _secure(kube: Kube, service: Service, *, trusted: bool = True, name: str = "") -> Answer:
    """One prediction over TLS, as curl asks for a name that resolves to this machine."""
    context = ssl.create_default_context(
        cafile=str(kube.settings.state / "ca.crt") if trusted else None
    )
    request = diabetes(kube.settings.https_port, service.host)
    with (
        socket.create_connection((HOST, request.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=name or service.host) as wrapped,
    ):
        connection = http.client.HTTPConnection(service.host)
        connection.sock = wrapped
        connection.request(
            "POST", request.path, request.body, {"content-type": request.content_type}
        )
        answer = connection.getresponse()
        headers = {key.lower(): value for key, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())


def test_https_answers(kube: Kube, service: Service) -> None:
    answer = _secure(kube, service)
    assert answer.status == 200, answer.body
    assert answer.json["outputs"][1]["name"] == "label"


def test_unknown_authority_is_not_trusted(kube: Kube, service: Service) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _secure(kube, service, trusted=False)


def test_certificate_is_for_our_names_only(kube: Kube, service: Service) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="ostname"):
        _secure(kube, service, name="tomato.example.com")


def test_plain_http_answers_where_nothing_is_set(kube: Kube, service: Service) -> None:
    assert _plain(kube, service).status == 200


@pytest.fixture
def redirected(kube: Kube, service: Service) -> Iterator[Service]:
    """The service with the annotation that redirects; KServe leaves it to the Knative Service."""
    name = f"{service.name}-predictor"
    knative = ("services.serving.knative.dev", name, service.namespace)
    kube.patch(*knative, {"metadata": {"annotations": {REDIRECT: "redirected"}}})
    try:
        yield service
    finally:
        kube.patch(*knative, {"metadata": {"annotations": {REDIRECT: None}}})
        wait_for("plain http again", lambda: _until(kube, service, 200), 60)


def test_plain_http_is_redirected_where_so_set(kube: Kube, redirected: Service) -> None:
    answer = wait_for("redirect", lambda: _until(kube, redirected, 301, 302, 307, 308), 60)
    assert answer.headers["location"].startswith(f"https://{redirected.host}"), answer.headers
    assert _secure(kube, redirected).status == 200


def _plain(kube: Kube, service: Service) -> Answer:
    request = diabetes(kube.settings.http_port, service.host)
    with Caller(request.port) as caller:
        return caller.post(request.path, json.loads(request.body), {"host": request.host})


def _until(kube: Kube, service: Service, *statuses: int) -> Answer:
    answer = _plain(kube, service)
    if answer.status not in statuses:
        raise NotYet(f"the status is {answer.status}")
    return answer
