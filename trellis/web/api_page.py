"""The ``/docs`` page: Swagger UI from a package, with no inline script and nothing off-site."""

from importlib import resources

_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Trellis API</title><link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><main id="api"></main><script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>
"""
_START = """window.addEventListener("load", () => {
  SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null });
});
"""
_ASSETS = {
    "/docs/swagger-ui.css": ("swagger-ui.css", b"text/css; charset=utf-8"),
    "/docs/swagger-ui-bundle.js": ("swagger-ui-bundle.js", b"text/javascript; charset=utf-8"),
}


def api_page(path: str) -> tuple[bytes, bytes] | None:
    """(body, content type) of the page or one of its assets; ``None`` for another path.

    The OpenAPI document itself is the caller's, at ``/openapi.json``.
    """
    if path in ("/docs", "/docs/"):
        return _HTML.encode(), b"text/html; charset=utf-8"
    if path == "/docs/start.js":
        return _START.encode(), b"text/javascript; charset=utf-8"
    if path in _ASSETS:
        name, content_type = _ASSETS[path]
        return (resources.files("swagger_ui") / "static" / name).read_bytes(), content_type
    return None
