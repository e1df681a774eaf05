"""The page ``/``: choose a model, give it something, read its answer."""

from collections.abc import Sequence

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from trellis.gateway.access.admission import Access
from trellis.gateway.asking import ask_leave, tell_limits
from trellis.gateway.catalogue import Catalogue, Described
from trellis.gateway.errors import GatewayError, NotFound
from trellis.gateway.headers import read_headers
from trellis.gateway.pages.files import render
from trellis.gateway.pages.words import sentence, title
from trellis.gateway.parts import Parts
from trellis.gateway.routing_table import TableHolder
from trellis.gateway.visitors import Visitors

#: Seconds that the page waits for a model to describe itself.
DESCRIBE_SECONDS = 3.0


class UploadPage:
    """The endpoint; ``?model=`` chooses, else the default model.

    ``max_bytes`` of one input; ``max_job_bytes`` of each of many that are asked at once, None
    where this gateway keeps no jobs; ``keys``: whether a key is needed.
    """

    def __init__(
        self,
        holder: TableHolder,
        catalogue: Catalogue,
        visitors: Visitors,
        access: Access,
        *,
        max_bytes: int,
        max_job_bytes: int | None,
        keys: bool,
    ) -> None:
        self._holder = holder
        self._catalogue = catalogue
        self._visitors = visitors
        self._access = access
        self._max_bytes = max_bytes
        self._max_job_bytes = max_job_bytes
        self._keys = keys

    async def page(self, request: Request) -> Response:
        """Render the page; a model that is not there or not ready, or a limit, is told in words.

        It needs no key, and asks predictors: so it counts at the limit of strangers.
        """
        visitor = self._visitors.of(request, read_headers(request.scope["headers"], b""))
        names: list[str] = []
        chosen = request.query_params.get("model")
        described: Described | None = None
        problem, status = "", 200
        headers: dict[str, str] = {"cache-control": "no-store"}
        limits: Sequence[tuple[bytes, bytes]] = ()
        try:
            router = self._holder.router
            names = sorted(router.routes)
            chosen = chosen or router.default_model
            if chosen is None:
                raise NotFound("no model is served yet")
            limits = (await ask_leave(self._access, request, None)).headers
            described = await self._catalogue.describe(
                router.route(chosen).stable, DESCRIBE_SECONDS
            )
        except GatewayError as error:
            problem, status = str(error), error.status
            limits = (*limits, *error.headers)
            if error.retry_after is not None:
                headers["retry-after"] = str(error.retry_after)
        page = render(
            "upload.html",
            names=names,
            chosen=chosen if chosen in names else None,
            model=described,
            examples=_for_buttons(described),
            problem=sentence(problem),
            max_bytes=self._max_bytes,
            max_job_bytes=self._max_job_bytes,
            keys=self._keys,
            title=title,
        )
        response = HTMLResponse(page, status, headers)
        tell_limits(response, limits)
        visitor.remember(response)
        return response


def upload_page(parts: Parts, catalogue: Catalogue, visitors: Visitors) -> UploadPage:
    """The page as the settings have it."""
    settings = parts.settings
    most = settings.max_body_bytes
    return UploadPage(
        parts.holder,
        catalogue,
        visitors,
        parts.access,
        max_bytes=most,
        max_job_bytes=None if parts.jobs is None else min(most, settings.job_max_body_bytes),
        keys=settings.auth == "keys",
    )


def _for_buttons(model: Described | None) -> list[dict[str, str]]:
    """The examples: ``picture`` is where an image is fetched, ``value`` the JSON of any other."""
    if model is None:
        return []
    buttons = []
    for place, example in enumerate(model.examples):
        picture = f"/models/{model.name}/examples/{place}" if example.image is not None else ""
        value = "" if example.image is not None else orjson.dumps(example.value).decode()
        named = example.title or _short(example.value, place)
        buttons.append({"title": named, "picture": picture, "value": value})
    return buttons


def _short(value: object, place: int) -> str:
    return value if isinstance(value, str) else f"Example {place + 1}"
