"""The page in a real browser, in front of real predictors. Pictures go to ``TRELLIS_ARTIFACTS``."""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from tests.integration.gateway.processes import (
    REPOSITORY,
    Gateway,
    Process,
    free_port,
    get,
    table_of,
    wait_for,
)

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
MODELS = {"tomato": "image", "sentiment": "text", "diabetes": "features", "squares": "numbers"}
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 900}

# Where a run requires the browser, a missing one fails at its launch instead.
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "TRELLIS_REQUIRE_TOOLS" not in os.environ,
    reason="needs Chromium on the PATH",
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway before one real predictor process that hosts the committed models."""
    folder = tmp_path_factory.mktemp("page")
    http_port, grpc_port = free_port(), free_port()
    ports = [f"--http_port={http_port}", f"--grpc_port={grpc_port}"]
    predictor = Process(
        [sys.executable, "-m", "trellis.serving", str(REPOSITORY / "models"), *ports],
        folder / "predictor.log",
    )
    predictor.start()
    wait_for(f"http://127.0.0.1:{http_port}/health", predictor)
    arms = {
        model: [
            {
                "url": f"http://127.0.0.1:{http_port}",
                "model": model,
                "version": "v1",
                "revision": f"{model}-00001",
                "intervals": [[0, 1]],
            }
        ]
        for model in MODELS
    }
    running = Gateway(folder, table_of(arms), default_model="tomato")
    running.up()
    yield running
    assert running.stop() == 0
    predictor.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield launched
        launched.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, gateway: Gateway) -> Iterator[OpenPage]:
    """Opens a path; at the end of the test nothing may stand in any console."""
    complaints: list[str] = []
    contexts = []

    def opened(path: str, *, dark: bool = False, size: Any = DESK) -> Page:
        context = browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        page.goto(gateway.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def save(page: Page, name: str) -> None:
    folder = Path(os.environ.get("TRELLIS_ARTIFACTS", REPOSITORY / "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    page.mouse.move(0, 0)
    page.screenshot(path=str(folder / f"page-{name}.png"), full_page=True)


def example_picture(gateway: Gateway) -> bytes:
    return get(f"{gateway.url}/models/tomato/examples/0")[2]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_its_first_example(open_page: OpenPage, model: str) -> None:
    page = open_page(f"/?model={model}")
    page.locator(".examples button").first.click()
    expect(page.locator("#result")).to_be_visible()
    expect(page.locator("#chances tbody tr").first).to_be_visible()
    expect(page.locator("#trace")).to_contain_text(re.compile(r"\d ms · request [0-9a-f]{32}"))
    expect(page.locator("#error")).to_be_hidden()
    save(page, f"{model}-light")


@pytest.mark.parametrize("model", ["tomato", "diabetes"])
def test_it_fits_a_phone_and_the_dark(open_page: OpenPage, model: str) -> None:
    for dark, size, name in (
        (True, DESK, "dark"),
        (False, PHONE, "phone"),
        (True, PHONE, "phone-dark"),
    ):
        page = open_page(f"/?model={model}", dark=dark, size=size)
        page.locator(".examples button").first.click()
        expect(page.locator("#result")).to_be_visible()
        too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not too_wide
        save(page, f"{model}-{name}")


def test_an_uploaded_jpeg_is_shown_and_classified(open_page: OpenPage, gateway: Gateway) -> None:
    page = open_page("/")
    upload = FilePayload(name="leaf.jpg", mimeType="image/jpeg", buffer=example_picture(gateway))
    page.set_input_files("#file", upload)
    expect(page.locator("#label")).not_to_be_empty()
    expect(page.locator("#preview")).to_be_visible()
    expect(page.locator("#file-name")).to_have_text("leaf.jpg")
    expect(page.locator("#confidence")).to_have_text(re.compile(r"^\d+\.\d % confident$"))
    rows = page.locator("#chances tbody tr")
    assert rows.count() == 10
    chances = [float(row.split()[-2]) for row in rows.all_inner_texts()]
    assert chances == sorted(chances, reverse=True)
    assert abs(sum(chances) - 100) < 1


def test_a_dropped_picture_is_classified(open_page: OpenPage) -> None:
    page = open_page("/")
    page.evaluate(
        """async () => {
          const blob = await (await fetch("/models/tomato/examples/1")).blob();
          const data = new DataTransfer();
          data.items.add(new File([blob], "dropped.jpg", { type: "image/jpeg" }));
          document.getElementById("drop")
            .dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
        }"""
    )
    expect(page.locator("#label")).not_to_be_empty()
    expect(page.locator("#file-name")).to_have_text("dropped.jpg")


def test_the_keyboard_alone_is_enough(open_page: OpenPage) -> None:
    page = open_page("/?model=squares")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "numbers":
        page.keyboard.press("Tab")
    page.keyboard.type("3, 4")
    page.keyboard.press("Enter")
    expect(page.locator("#chances td").first).to_have_text("9, 16")


@pytest.mark.parametrize(
    ("model", "field", "typed", "sentence"),
    [
        ("sentiment", "#text", "   ", "Write a sentence first."),
        ("squares", "#numbers", "1, two", "“two” is no number."),
        ("diabetes", "#feature-0", "old", "needs a number."),
    ],
)
def test_what_cannot_be_sent_is_said_beside_the_field(
    open_page: OpenPage, model: str, field: str, typed: str, sentence: str
) -> None:
    page = open_page(f"/?model={model}")
    page.fill(field, typed)
    page.click("#send")
    expect(page.locator("#error")).to_contain_text(sentence)
    expect(page.locator(field)).to_have_attribute("aria-invalid", "true")
    expect(page.locator(field)).to_be_focused()


def test_a_refusal_of_the_model_is_told_in_its_words(browser: Browser, gateway: Gateway) -> None:
    # Not by open_page: a browser itself writes every status of 400 and above to the console.
    page = browser.new_page()
    page.goto(gateway.url)
    text = FilePayload(name="not.jpg", mimeType="image/jpeg", buffer=b"no picture at all")
    page.set_input_files("#file", text)
    expect(page.locator("#error")).to_contain_text("JPEG, PNG or WebP")
    expect(page.locator("#result")).to_be_hidden()
    page.close()


def test_the_data_is_told_plainly(open_page: OpenPage) -> None:
    expect(open_page("/?model=tomato").locator(".note")).to_contain_text("drawn leaves")


def test_numbers_have_the_names_of_their_columns(open_page: OpenPage) -> None:
    page = open_page("/?model=diabetes")
    labels = page.locator(".field label").all_inner_texts()
    assert len(labels) == 10
    assert labels[0].lower() == "age"


def test_nothing_on_the_page_tells_the_version(open_page: OpenPage) -> None:
    page = open_page("/?model=sentiment")
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - Playwright takes no builtin
    page.locator(".examples button").first.click()
    expect(page.locator("#result")).to_be_visible()
    assert answers
    for answer in answers:
        assert not {"x-model-version", "x-model-revision"} & answer.headers.keys()
    assert not re.search(r"\bv[12]\b", page.content())
    assert "00001" not in page.content()


def test_every_control_has_a_name_and_every_picture_a_text(open_page: OpenPage) -> None:
    for model in MODELS:
        page = open_page(f"/?model={model}")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("input, textarea, button, a")].filter(
              (control) => !(control.labels?.length || control.textContent.trim())
            ).length"""
        )
        assert nameless == 0
        assert page.locator("img:not([alt])").count() == 0
        assert page.locator("h1").count() == 1


def test_the_api_page_renders_from_here_alone(open_page: OpenPage, gateway: Gateway) -> None:
    page = open_page("/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert page.locator(".opblock").count() >= 8
    origins = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert all(origin.startswith((gateway.url, "data:")) for origin in origins)
