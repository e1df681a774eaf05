"""The webhook's HTTPS: one route, asked by the API server."""

import asyncio
import base64
import contextlib
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from trellis.rollout.cluster.facts import Key
from trellis.rollout.errors import ApiUnreachable, CannotStart, ControllerError
from trellis.rollout.webhook.admission import Governing, admit
from trellis.rollout.webhook.keeper import CertificateKeeper
from trellis.telemetry.logs import get_logger
from trellis.telemetry.metrics import ControllerMetrics

PATH = "/admit"
#: Seconds between two looks at the certificate.
LOOK_SECONDS = 60.0
#: Seconds between two attempts to begin, while the API server is away: the first, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0
#: Seconds that a request waits until all is known. Where the API server waits less than that, its
#: failurePolicy decides earlier.
LISTED_SECONDS = 4.0
#: An AdmissionReview has the object twice, each at most 3 MB as the API server takes it.
_MOST_BYTES = 8 * 2**20

#: The Rollout of an InferenceService, as far as is known.
Lookup = Callable[[Key], Governing | None]


class WebhookServer:
    """Answers AdmissionReviews; ``keeper`` gives the certificate.

    Before ``listed`` returns, a service without a Rollout is not known from one whose Rollout was not
    heard of yet: a request waits for it, and is 503 after ``LISTED_SECONDS``.
    """

    def __init__(
        self,
        keeper: CertificateKeeper,
        governing: Lookup,
        listed: Callable[[], Awaitable[None]],
        metrics: ControllerMetrics,
    ) -> None:
        self._keeper, self._governing, self._metrics = keeper, governing, metrics
        self._listed = listed
        self._tls = _context()
        self._shown: tuple[bytes, bytes] | None = None
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen, as soon as the API server answers. Raises ``CannotStart`` and ``ApiRefused``."""
        await self._show_first()
        app = web.Application(client_max_size=_MOST_BYTES)
        app.add_routes([web.post(PATH, self._answer)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, ssl_context=self._tls).start()
        except OSError as error:
            raise CannotStart(f"webhook_port {port} cannot be listened on: {error}") from None
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Finish what was asked and stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def keep(self) -> None:
        """Show the certificate that is to be shown, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._show()
            except ControllerError as error:
                get_logger().warning("the webhook's certificate was not looked at", why=str(error))

    async def _show_first(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._show()
            except ApiUnreachable as error:
                if pause == FIRST_PAUSE:
                    get_logger().warning("the webhook waits for its certificate", why=str(error))
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _show(self) -> None:
        shown = await self._keeper.present()
        if shown == self._shown:
            return
        # OpenSSL takes a chain from files only; connections from now on are shown the new one.
        with tempfile.TemporaryDirectory() as folder:
            chain, key = (Path(folder, name) for name in ("tls.crt", "tls.key"))
            chain.write_bytes(shown[0])
            key.write_bytes(shown[1])
            try:
                # Whoever renews a folder may be halfway: what is shown must not take a chain without its key.
                _context().load_cert_chain(chain, key)
            except ssl.SSLError as error:
                raise CannotStart(f"webhook_certificate is none: {error.reason}") from None
            self._tls.load_cert_chain(chain, key)
        self._shown = shown

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            review = orjson.loads(await request.read())
            asked = review["request"]
            uid = asked["uid"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return web.json_response({"error": "this is no AdmissionReview"}, status=400)
        try:
            async with asyncio.timeout(LISTED_SECONDS):
                await self._listed()
        except TimeoutError:
            return web.json_response({"error": "not all Rollouts are known yet"}, status=503)
        key = (asked.get("namespace") or "", asked.get("name") or _name(asked))
        admitted = admit(asked, self._governing(key))
        self._metrics.admissions.labels(admitted.action).inc()
        response: dict[str, Any] = {"uid": uid, "allowed": True}
        if admitted.patch:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(orjson.dumps(admitted.patch)).decode()
        if admitted.warnings:
            response["warnings"] = list(admitted.warnings)
        answer = {"apiVersion": review.get("apiVersion"), "kind": review.get("kind")}
        body = orjson.dumps({**answer, "response": response})
        return web.Response(body=body, content_type="application/json")


def _context() -> ssl.SSLContext:
    return ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)


def _name(asked: dict[str, Any]) -> str:
    with contextlib.suppress(KeyError, TypeError):
        return str(asked["object"]["metadata"]["name"])
    return ""
