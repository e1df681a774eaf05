"""The webhook's HTTPS at its beginning: before the API server answers, and before all is known."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import ApiUnreachable
from trellis.rollout.webhook import server as webhook
from trellis.rollout.webhook.admission import Governing
from trellis.rollout.webhook.certificates import make_certificate
from trellis.rollout.webhook.server import WebhookServer
from trellis.telemetry.metrics import ControllerMetrics


class LateKeeper:
    """Reaches the API server at the third attempt."""

    def __init__(self) -> None:
        self.attempts = 0
        made = make_certificate("localhost", dt.datetime.now(dt.UTC))
        self._shown = made.chain, made.key

    async def present(self) -> tuple[bytes, bytes]:
        self.attempts += 1
        if self.attempts < 3:
            raise ApiUnreachable("the API server does not answer")
        return self._shown


def _service(version: str) -> dict[str, object]:
    model = {"storageUri": f"pvc://models/tomato/{version}"}
    return {"metadata": {"name": "tomato"}, "spec": {"predictor": {"model": model}}}


REVIEW = {
    "request": {
        "uid": "1",
        "operation": "UPDATE",
        "namespace": "shop",
        "name": "tomato",
        "object": _service("v2"),
        "oldObject": _service("v1"),
    }
}


@pytest.fixture
def listed() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def url(listed: asyncio.Event, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    def governing(_service: Key) -> Governing | None:
        return Governing("tomato", "Idle") if listed.is_set() else None

    async def until_listed() -> None:
        await listed.wait()

    monkeypatch.setattr(webhook, "FIRST_PAUSE", 0.01)
    keeper = LateKeeper()
    metrics = ControllerMetrics(CollectorRegistry())
    server = WebhookServer(keeper, governing, until_listed, metrics)
    await server.start("127.0.0.1", 0)
    assert keeper.attempts == 3
    yield f"https://localhost:{server.port}{webhook.PATH}"
    await server.close()


async def test_nothing_is_admitted_before_all_is_known(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "LISTED_SECONDS", 0.05)
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=REVIEW, ssl=False) as answer,
    ):
        assert answer.status == 503
        assert "not all Rollouts" in await answer.text()


async def test_a_request_waits_until_all_is_known(
    url: str, listed: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "LISTED_SECONDS", 60.0)
    async with aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.post(url, json=REVIEW, ssl=False))
        done, _ = await asyncio.wait({asked}, timeout=0.3)
        assert not done
        listed.set()
        async with await asked as answer:
            assert (await answer.json())["response"]["patchType"] == "JSONPatch"
