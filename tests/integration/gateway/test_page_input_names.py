"""The front page before models whose input is called as something that a form has itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.integration.gateway.browsing import Visit, needs_chromium
from tests.integration.gateway.processes import FakeUpstream, Gateway, table_of

pytestmark = needs_chromium

NAMES = ("action", "dataset", "addEventListener")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("names")
    upstream = FakeUpstream("v1", folder)
    upstream.up()
    arms = {name: [upstream.arm(model=name, intervals=[[0, 1]])] for name in NAMES}
    running = Gateway(folder, table_of(arms))
    running.up()
    yield running
    assert running.stop() == 0
    upstream.stop()


@pytest.fixture
def visit(browser: Browser, gateway: Gateway) -> Iterator[Visit]:
    visiting = Visit(browser, gateway.url)
    yield visiting
    visiting.done()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_asks_whatever_the_input_is_called(visit: Visit, name: str) -> None:
    page = visit(f"/?model={name}")
    page.fill("#text", "lovely")
    page.click("#send")
    expect(page.locator("#label")).to_have_text("Positive", ignore_case=True)


def test_without_a_script_the_form_sends_the_input_by_its_name(visit: Visit) -> None:
    page = visit("/?model=action", java_script_enabled=False)
    page.fill("#text", "lovely")
    page.click("#send")
    expect(page.locator("body")).to_contain_text('"label":"positive"')
