"""The front page of a gateway that asks for keys and keeps no jobs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.integration.gateway.browsing import PHONE, Visit, needs_chromium, save
from tests.integration.gateway.processes import FakeUpstream, Gateway, table_of

pytestmark = needs_chromium

ADMIN_KEY = "an-admin-key-of-the-tests-long-enough"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("closed")
    upstream = FakeUpstream("v1", folder)
    upstream.up()
    arms = {
        model: [upstream.arm(model=model, intervals=[[0, 1]])] for model in ("leaf", "sentiment")
    }
    gateway = Gateway(folder, table_of(arms), auth="keys", admin_key=ADMIN_KEY)
    gateway.up()
    yield gateway
    assert gateway.stop() == 0
    upstream.stop()


@pytest.fixture
def visit(browser: Browser, closed: Gateway) -> Iterator[Visit]:
    visiting = Visit(browser, closed.url)
    yield visiting
    visiting.done()


def test_the_page_asks_for_a_key_where_one_is_missing_and_keeps_it_for_the_tab(
    visit: Visit,
) -> None:
    page = visit("/?model=sentiment", size=PHONE)
    expect(page.locator("#key")).to_be_hidden()
    page.fill("#text", "lovely")
    page.click("#send")
    expect(page.locator("#error")).to_contain_text("whoever has a key")
    expect(page.locator("#key")).to_be_focused()
    save(page, "key-phone")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.click("#send")
    expect(page.locator("#error")).to_contain_text("no API key")
    page.fill("#key", ADMIN_KEY)
    page.keyboard.press("Enter")
    page.click("#send")
    expect(page.locator("#result")).to_be_visible()
    page.reload()
    page.fill("#text", "lovely")
    page.click("#send")
    expect(page.locator("#result")).to_be_visible()
    assert page.evaluate("JSON.stringify(localStorage)").count(ADMIN_KEY) == 0
    visit.forgive("401")


def test_without_jobs_one_picture_is_taken_at_a_time(visit: Visit) -> None:
    page = visit("/?model=leaf")
    assert page.locator("#file").get_attribute("multiple") is None
    assert page.locator("#batch").count() == 0
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          for (const name of ["one.jpg", "two.jpg"]) data.items.add(new File(["x"], name));
          document.getElementById("drop")
            .dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }"""
    )
    expect(page.locator("#error")).to_contain_text("One picture at a time")


def test_a_picture_over_the_limit_is_not_even_sent(visit: Visit) -> None:
    page = visit("/?model=leaf")
    page.evaluate("document.getElementById('ask').dataset.limit = '1000'")
    large = FilePayload(name="large.jpg", mimeType="image/jpeg", buffer=bytes(2000))
    page.set_input_files("#file", large)
    expect(page.locator("#error")).to_contain_text("“large.jpg” has 0.0 MB; the limit is 0.0 MB.")
