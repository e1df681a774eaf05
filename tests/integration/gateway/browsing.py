"""A real Chromium for the tests of pages. Pictures go to ``TRELLIS_ARTIFACTS``."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.integration.gateway.processes import REPOSITORY

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 900}

# Where a run requires the browser, a missing one fails at its launch instead.
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and "TRELLIS_REQUIRE_TOOLS" not in os.environ,
    reason="needs Chromium on the PATH",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the tests of one module."""
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield launched
        launched.close()


class Visit:
    """Pages of one test; ``done`` fails where anything stands in a console."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def __call__(self, path: str, *, dark: bool = False, size: Any = DESK, **settings: Any) -> Page:
        """Open a path in a context of its own: no cookies, nothing stored."""
        context = self._browser.new_context(
            viewport=size,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            **settings,
        )
        self._contexts.append(context)
        page = context.new_page()
        self.listen(page)
        page.goto(self._url + path)
        return page

    def listen(self, page: Page) -> None:
        """Note what the page complains of."""
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(_failed(request)))

    def forgive(self, words: str) -> None:
        """A browser itself writes every status of 400 and above to the console: expected here."""
        assert any(words in complaint for complaint in self.complaints), self.complaints
        self.complaints = [each for each in self.complaints if words not in each]

    def done(self) -> None:
        # What closing a page breaks off is nobody's complaint.
        left = [each for each in self.complaints if not each.startswith(_LEFT)]
        for context in self._contexts:
            context.close()
        assert left == [], left


#: What a page or the browser gave up by itself: a stream that is closed, an icon ("other") on
#: reload, and the variant of a picture that fitted while the window had another size.
_LEFT = "left: "


def _failed(request: Any) -> str:
    given_up = request.resource_type in {"eventsource", "image", "other"}
    if request.failure == "net::ERR_ABORTED" and given_up:
        return f"{_LEFT}{request.url}"
    return f"failed: {request.url} {request.failure}"


def save(page: Page, name: str) -> None:
    """A picture of the whole page."""
    folder = Path(os.environ.get("TRELLIS_ARTIFACTS", REPOSITORY / "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    page.mouse.move(0, 0)
    page.screenshot(path=str(folder / f"page-{name}.png"), full_page=True)


def is_too_wide(page: Page) -> bool:
    """Whether the page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
