"""The page that shows an OpenAPI document: all of it from here, no inline script."""

import re

from trellis.web.api_page import api_page


def test_the_page_names_only_what_is_here() -> None:
    page = api_page("/docs")
    assert page is not None
    html = page[0].decode()
    assert api_page("/docs/") == page
    assert "http" not in html
    assert not re.search(r"<script>|\son\w+=|style=", html)
    for path in re.findall(r'(?:src|href)="([^"]+)"', html):
        found = api_page(path)
        assert found is not None
        assert found[0]


def test_another_path_is_not_ours() -> None:
    assert api_page("/docs/other.js") is None
    assert api_page("/docs/../secret") is None
