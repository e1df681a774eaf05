"""A server goes on while its certificate is renewed, and shows the new one to who comes then."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.waiting import until
from tests.integration.rollout.webhook.test_webhook import configuration, trusted
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.facts import Key
from trellis.rollout.webhook import server as webhook
from trellis.rollout.webhook.admission import Governing
from trellis.rollout.webhook.certificates import RENEWED_BEFORE, VALID, make_certificate
from trellis.rollout.webhook.keeper import CertificateKeeper, FolderKeeper, SecretKeeper
from trellis.rollout.webhook.server import WebhookServer
from trellis.telemetry.metrics import ControllerMetrics

NOW = dt.datetime.now(dt.UTC)
REVIEW = {"request": {"uid": "1", "operation": "UPDATE", "namespace": "shop", "name": "tomato"}}


class Counted:
    """A keeper, and how often it was asked."""

    def __init__(self, keeper: CertificateKeeper) -> None:
        self._keeper = keeper
        self.asked = 0

    async def present(self) -> tuple[bytes, bytes]:
        self.asked += 1
        return await self._keeper.present()

    async def twice_more(self) -> None:
        """The second look begins when the first is done with."""
        before = self.asked
        await until(lambda: self.asked >= before + 2)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "LOOK_SECONDS", 0.02)


@contextlib.asynccontextmanager
async def serving(keeper: CertificateKeeper) -> AsyncIterator[str]:
    """The address of a server that looks after its certificate."""

    def nothing(_service: Key) -> Governing | None:
        return None

    async def listed() -> None:
        return

    metrics = ControllerMetrics(CollectorRegistry())
    server = WebhookServer(keeper, nothing, listed, metrics)
    await server.start("127.0.0.1", 0)
    looking = asyncio.create_task(server.keep())
    try:
        yield f"https://localhost:{server.port}{webhook.PATH}"
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await server.close()


async def answers(url: str, authority: bytes) -> bool:
    """Whether a caller that trusts the authority alone is answered, on a connection of its own."""
    tls = ssl.create_default_context(cadata=authority.decode())
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=REVIEW, ssl=tls) as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientConnectorCertificateError:
        return False


async def test_a_folder_s_new_one_is_shown_once_chain_and_key_are_there(tmp_path: Path) -> None:
    """As cert-manager renews a mounted Secret."""
    first, second = make_certificate("localhost", NOW), make_certificate("localhost", NOW)
    (tmp_path / "tls.crt").write_bytes(first.chain)
    (tmp_path / "tls.key").write_bytes(first.key)
    keeper = Counted(FolderKeeper(tmp_path))
    tls = ssl.create_default_context(cadata=first.authority.decode())
    async with serving(keeper) as url, aiohttp.ClientSession() as held:
        async with held.post(url, json=REVIEW, ssl=tls) as answer:
            assert answer.status == 200
        (tmp_path / "tls.crt").write_bytes(second.chain)
        await keeper.twice_more()
        assert await answers(url, first.authority)
        (tmp_path / "tls.key").write_bytes(second.key)
        await keeper.twice_more()
        assert await answers(url, second.authority)
        assert not await answers(url, first.authority)
        async with held.post(url, json=REVIEW, ssl=tls) as answer:  # the connection goes on
            assert answer.status == 200


async def test_a_self_made_one_is_renewed_in_time_and_always_trusted(
    api: Api, kserve_api: ApiServer, namespace: str
) -> None:
    configuration(kserve_api, namespace)
    now = NOW - (VALID - RENEWED_BEFORE)
    keeper = Counted(
        SecretKeeper(api, namespace, "certificate", "localhost", namespace, lambda: now)
    )
    async with serving(keeper) as url:
        before = trusted(kserve_api, namespace)
        assert await answers(url, before)
        now = NOW
        await keeper.twice_more()
        both = trusted(kserve_api, namespace)
        assert both != before
        assert both.endswith(before)  # of a replica that has not looked yet
        assert await answers(url, both)
        assert not await answers(url, before)
