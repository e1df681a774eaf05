"""Templates and static files of the pages, from inside the package."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

_HERE = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class _Revalidated(StaticFiles):
    """Static files that a browser asks for again, so that an update shows at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def page_files() -> StaticFiles:
    """Serves ``static``."""
    return _Revalidated(directory=_HERE / "static")


async def icon(_request: Request) -> Response:
    """The icon, for pages that name none (Swagger UI's)."""
    return FileResponse(_HERE / "static" / "lattice.svg", media_type="image/svg+xml")


def render(template: str, **values: Any) -> str:
    """One template to HTML; every value is escaped."""
    return _ENVIRONMENT.get_template(template).render(**values)
