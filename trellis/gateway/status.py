"""Quiet routes: health, the protocols' server level, names of models, examples."""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from trellis import __version__
from trellis.gateway.access.admission import Access
from trellis.gateway.asking import ask_leave, tell_limits
from trellis.gateway.catalogue import Catalogue
from trellis.gateway.errors import NotFound
from trellis.gateway.routing_table import TableHolder

#: Seconds that an example's picture waits for its predictor.
DESCRIBE_SECONDS = 2.0


class Status:
    """The endpoints; each takes a Starlette request."""

    def __init__(self, holder: TableHolder, catalogue: Catalogue, access: Access) -> None:
        self._holder = holder
        self._catalogue = catalogue
        self._access = access

    async def health(self, _request: Request) -> Response:
        """200 while requests are welcome, 503 before the first table and while draining."""
        if self._holder.ready:
            return _json({"status": "ok"})
        return _json({"error": "the gateway has no routing table yet or is closing"}, 503)

    async def live(self, _request: Request) -> Response:
        """V2: the process answers."""
        return _json({"live": True})

    async def ready(self, _request: Request) -> Response:
        """V2: as ``health``."""
        return _json({"ready": self._holder.ready}, 200 if self._holder.ready else 503)

    async def server(self, _request: Request) -> Response:
        """V2 server metadata."""
        return _json(
            {
                "name": "trellis-gateway",
                "version": __version__,
                "extensions": ["binary_tensor_data"],
            }
        )

    async def names(self, _request: Request) -> Response:
        """V1 and V2: the names of all models."""
        return _json({"models": sorted(self._holder.router.routes)})

    async def example_image(self, request: Request) -> Response:
        """The picture of one example, as its predictor gave it; for whoever may see the page."""
        admitted = await ask_leave(self._access, request, None)
        target = self._holder.router.route(request.path_params["model"]).stable
        described = await self._catalogue.describe(target, DESCRIBE_SECONDS)
        place: str = request.path_params["place"]
        pictures = {str(at): example.image for at, example in enumerate(described.examples)}
        image = pictures.get(place)
        if image is None:
            raise NotFound(f"model {target.model!r} has no example picture {place[:24]!r}")
        response = Response(image, media_type=_picture_type(image))
        tell_limits(response, admitted.headers)
        return response


def _picture_type(image: bytes) -> str:
    if image.startswith(b"\x89PNG"):
        return "image/png"
    return "image/webp" if image[8:12] == b"WEBP" else "image/jpeg"


def _json(document: object, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
