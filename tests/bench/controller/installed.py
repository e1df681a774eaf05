"""The controller as charts/trellis installs it by default, but as a process beside the API server."""

import sys
from pathlib import Path
from typing import Any

from tests.bench.processes import BOTH_CORES, Server
from tests.integration.ports import free_ports
from tests.integration.redis_server import RedisServer
from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.test_chart import PLACES
from tests.unit.charts.helm import PLATFORM, Document, Helm
from tests.unit.manifests.conftest import tool

#: What a pod would be given, and is left out of an API server without nodes.
_NODES = frozenset(("Deployment", "PodDisruptionBudget", "NetworkPolicy"))
_TOKEN = "a-token-of-sixteen-letters"


def install(api: ApiServer, namespace: str, folder: Path, redis: RedisServer) -> Server:
    """Apply what the chart renders, the webhook led here; the process, to be entered."""
    flags = ("--namespace", namespace)
    values = {"controller": {"enabled": True}}
    rendered = Helm(tool("helm"), folder).render(PLATFORM, values, flags=flags)
    http_port, webhook_port = free_ports(2)
    for document in rendered:
        if document["kind"] in PLACES.keys() - _NODES:
            _apply(api, namespace, _led_here(document, webhook_port))
    own = [item for item in rendered if item["metadata"]["name"] == "trellis-controller"]
    (deployment,) = (item for item in own if item["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    environment = {item["name"]: item.get("value", "") for item in container["env"]}
    environment |= {
        "KUBECONFIG": str(_kubeconfig(api, namespace)),
        "TRELLIS_POD_NAMESPACE": namespace,
        "TRELLIS_REDIS_URL": redis.url,
        "TRELLIS_CONTROLLER_TOKEN": _TOKEN,
        "TRELLIS_HOST": "127.0.0.1",
        "TRELLIS_HTTP_PORT": str(http_port),
        "TRELLIS_WEBHOOK_PORT": str(webhook_port),
    }
    settings = [f"{name}={value}" for name, value in environment.items()]
    # As a container begins that is given no limit of its own.
    begun = ["prlimit", "--nofile=1024:", "env", *settings]
    command = [*begun, sys.executable, *container["command"][1:]]
    log = folder / "controller.log"
    return Server(command, http_port, http_port, "/ready", log, BOTH_CORES)


def _led_here(document: Document, port: int) -> Document:
    """The Service's name leads to this machine, at the port that the webhook has here."""
    if document["kind"] == "Service":
        return {**document, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    if document["kind"] == "MutatingWebhookConfiguration":
        for hook in document["webhooks"]:
            hook["clientConfig"]["service"]["port"] = port
    return document


def _apply(api: ApiServer, namespace: str, document: dict[str, Any]) -> None:
    place = PLACES[document["kind"]].format(namespace)
    api.apply(f"{place}/{document['metadata']['name']}", document, "helm", force=True)


def _kubeconfig(api: ApiServer, namespace: str) -> Path:
    """Of the controller's own account, with the rights that the chart gives it."""
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/trellis-controller"
    asked = {"spec": {"expirationSeconds": 7200}}
    token = api.call("POST", f"{account}/token", asked)["status"]["token"]
    return api.kubeconfig_of(token, namespace)
