"""The page in a real browser, in front of real predictors, with jobs done by a real worker."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from tests.integration.gateway.browsing import (
    DESK,
    PHONE,
    Visit,
    is_too_wide,
    needs_chromium,
    save,
)
from tests.integration.gateway.jobs.beside_gateway import WorkerBeside
from tests.integration.gateway.processes import (
    REPOSITORY,
    Gateway,
    Process,
    get,
    post_json,
    table_of,
    wait_for,
)
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer

MODELS = {"tomato": "image", "sentiment": "text", "diabetes": "features", "squares": "numbers"}
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> Iterator[Gateway]:
    """A gateway and a worker before one real predictor that hosts the committed models."""
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
    settings = {"default_model": "tomato", "redis_url": redis_server.url, "redis_prefix": "page"}
    running = Gateway(folder, table_of(arms), **settings)
    running.up()
    worker = WorkerBeside(folder, running)
    worker.up()
    yield running
    assert worker.stop() == 0
    assert running.stop() == 0
    predictor.stop()


@pytest.fixture
def open_page(browser: Browser, gateway: Gateway) -> Iterator[Visit]:
    """Opens a path; at the end of the test nothing may stand in any console."""
    visit = Visit(browser, gateway.url)
    yield visit
    visit.done()


def picture(name: str, content: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="image/jpeg", buffer=content)


def example_picture(gateway: Gateway) -> bytes:
    return get(f"{gateway.url}/models/tomato/examples/0")[2]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_its_first_example(open_page: Visit, model: str) -> None:
    page = open_page(f"/?model={model}")
    page.locator(".examples button").first.click()
    expect(page.locator("#result")).to_be_visible()
    expect(page.locator("#chances tbody tr").first).to_be_visible()
    expect(page.locator("#trace")).to_contain_text(re.compile(r"\d ms · request [0-9a-f]{32}"))
    expect(page.locator("#error")).to_be_hidden()
    save(page, f"{model}-light")


@pytest.mark.parametrize("model", ["tomato", "diabetes"])
def test_it_fits_a_phone_and_the_dark(open_page: Visit, model: str) -> None:
    for dark, size, name in (
        (True, DESK, "dark"),
        (False, PHONE, "phone"),
        (True, PHONE, "phone-dark"),
    ):
        page = open_page(f"/?model={model}", dark=dark, size=size)
        page.locator(".examples button").first.click()
        expect(page.locator("#result")).to_be_visible()
        assert not is_too_wide(page)
        save(page, f"{model}-{name}")


def test_an_uploaded_jpeg_is_shown_and_classified(open_page: Visit, gateway: Gateway) -> None:
    page = open_page("/")
    page.set_input_files("#file", picture("leaf.jpg", example_picture(gateway)))
    expect(page.locator("#label")).not_to_be_empty()
    expect(page.locator("#preview")).to_be_visible()
    expect(page.locator("#file-name")).to_have_text("leaf.jpg")
    expect(page.locator("#confidence")).to_have_text(re.compile(r"^\d+\.\d % confident$"))
    rows = page.locator("#chances tbody tr")
    assert rows.count() == 10
    chances = [float(row.split()[-2]) for row in rows.all_inner_texts()]
    assert chances == sorted(chances, reverse=True)
    assert abs(sum(chances) - 100) < 1


def test_a_dropped_picture_is_classified(open_page: Visit) -> None:
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


def test_the_keyboard_alone_is_enough(open_page: Visit) -> None:
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
    open_page: Visit, model: str, field: str, typed: str, sentence: str
) -> None:
    page = open_page(f"/?model={model}")
    page.fill(field, typed)
    page.click("#send")
    expect(page.locator("#error")).to_contain_text(sentence)
    expect(page.locator(field)).to_have_attribute("aria-invalid", "true")
    expect(page.locator(field)).to_be_focused()


def test_a_refusal_of_the_model_is_told_in_its_words(open_page: Visit) -> None:
    page = open_page("/")
    page.set_input_files("#file", picture("not.jpg", b"no picture at all"))
    expect(page.locator("#error")).to_contain_text("JPEG, PNG or WebP")
    expect(page.locator("#result")).to_be_hidden()
    expect(page.locator("#again")).to_be_hidden()
    open_page.forgive("415")


def test_the_data_is_told_plainly(open_page: Visit) -> None:
    expect(open_page("/?model=tomato").locator(".note")).to_contain_text("drawn leaves")


def test_numbers_have_the_names_of_their_columns(open_page: Visit) -> None:
    page = open_page("/?model=diabetes")
    labels = page.locator(".field label").all_inner_texts()
    assert len(labels) == 10
    assert labels[0].lower() == "age"


def test_nothing_on_the_page_tells_the_version(open_page: Visit) -> None:
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


def test_every_control_has_a_name_and_every_picture_a_text(open_page: Visit) -> None:
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


def test_the_api_page_renders_from_here_alone(open_page: Visit, gateway: Gateway) -> None:
    page = open_page("/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert page.locator(".opblock").count() >= 8
    origins = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert all(origin.startswith((gateway.url, "data:")) for origin in origins)


def answer_first_with(page: Page, path: str, status: int, headers: dict[str, str]) -> list[str]:
    """The gateway's first answer on ``path`` is replaced by a refusal; returns what was asked."""
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.fallback()
            return
        body = json.dumps({"error": "too many at once"})
        route.fulfill(status=status, headers=headers, content_type="application/json", body=body)

    page.route(path, refuse)
    return asked


def test_the_page_says_when_to_come_again_and_then_asks_the_same_again(
    open_page: Visit, gateway: Gateway
) -> None:
    page = open_page("/")
    page.clock.install()
    asked = answer_first_with(page, "**/predict/tomato", 429, {"retry-after": "30"})
    page.set_input_files("#file", picture("leaf.jpg", example_picture(gateway)))
    expect(page.locator("#error")).to_contain_text("Too many at once. It may be asked again in 30")
    expect(page.locator("#again")).to_be_disabled()
    expect(page.locator("#again")).to_have_text("Try again in 30 s")
    page.clock.run_for(31_000)
    expect(page.locator("#again")).to_be_enabled()
    page.locator("#again").click()
    expect(page.locator("#label")).not_to_be_empty()
    expect(page.locator("#error")).to_be_hidden()
    assert len(asked) == 2
    open_page.forgive("429")


def test_a_gateway_that_is_gone_is_told_and_can_be_asked_again(open_page: Visit) -> None:
    page = open_page("/?model=sentiment")
    page.context.set_offline(offline=True)
    page.fill("#text", "lovely")
    page.click("#send")
    expect(page.locator("#error")).to_contain_text("The gateway cannot be reached.")
    page.context.set_offline(offline=False)
    page.locator("#again").click()
    expect(page.locator("#result")).to_be_visible()
    open_page.forgive("ERR_INTERNET_DISCONNECTED")


def test_the_upload_shows_how_far_it_is_and_can_be_stopped(
    open_page: Visit, gateway: Gateway
) -> None:
    page = open_page("/")
    # Some seconds for the whole: the page is looked at while it is on its way.
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 2**19}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    padded = example_picture(gateway) + bytes(4 * 2**20)
    page.set_input_files("#file", picture("large.jpg", padded))
    expect(page.locator("#underway-words")).to_have_text("Sending")
    expect(page.locator("#sent")).to_have_attribute("value", re.compile(r"^0\.0*[1-9]"))
    save(page, "tomato-sending")
    page.locator("#stop").click()
    expect(page.locator("#underway")).to_be_hidden()
    expect(page.locator("#error")).to_be_hidden()
    expect(page.locator("#empty")).to_be_visible()
    open_page.forgive("ERR_ABORTED")


def test_what_was_asked_is_remembered_in_this_browser_until_it_is_cleared(
    open_page: Visit, gateway: Gateway
) -> None:
    page = open_page("/?model=sentiment")
    expect(page.locator("#history")).to_be_hidden()
    page.fill("#text", "a lovely little film")
    page.click("#send")
    expect(page.locator("#history-list li")).to_have_count(1)
    page.goto(f"{gateway.url}/?model=tomato")
    page.set_input_files("#file", picture("leaf.jpg", example_picture(gateway)))
    expect(page.locator("#history-list li")).to_have_count(2)
    first = page.locator("#history-list li").first
    expect(first).to_contain_text("leaf.jpg")
    stored = page.evaluate("localStorage.getItem('trellis-history')")
    assert re.search(r'"thumb":"data:image/jpeg;base64,[^"]{100,8000}"', stored)
    page.reload()
    expect(page.locator("#history-list li")).to_have_count(2)
    page.locator("#history-clear").click()
    expect(page.locator("#history")).to_be_hidden()
    assert page.evaluate("localStorage.length") == 0


def test_the_history_is_bounded_and_survives_what_others_wrote_there(open_page: Visit) -> None:
    page = open_page("/?model=squares")
    page.evaluate("localStorage.setItem('trellis-history', 'no JSON')")
    page.reload()
    for number in range(32):
        page.fill("#numbers", str(number))
        page.click("#send")
        expect(page.locator("#chances td").first).to_have_text(str(number**2))
    expect(page.locator("#history-list li")).to_have_count(30)
    expect(page.locator("#history-list li").first).to_contain_text("961")


def test_twenty_pictures_become_twenty_jobs_and_each_row_its_answer(
    open_page: Visit, gateway: Gateway
) -> None:
    page = open_page("/")
    content = example_picture(gateway)
    # What follows a JPEG's end is not looked at: twenty different pictures that look the same.
    many = [picture(f"leaf {place}.jpg", content + bytes([place])) for place in range(19)]
    page.set_input_files("#file", [*many, picture("broken.jpg", b"no picture")])
    expect(page.locator("#batch-summary")).to_have_text("20 of 20 done, 1 failed.")
    rows = page.locator("#batch-rows tr")
    assert rows.count() == 20
    for place in range(19):
        expect(rows.nth(place)).to_contain_text("Done")
        expect(rows.nth(place)).to_contain_text("%")
    expect(rows.nth(19)).to_contain_text("Failed")
    expect(rows.nth(19)).to_contain_text("JPEG, PNG or WebP")
    rows.nth(3).get_by_role("button", name="Show leaf 3.jpg").click()
    expect(page.locator("#label")).not_to_be_empty()
    expect(page.locator("#file-name")).to_have_text("leaf 3.jpg")
    save(page, "tomato-many")
    rows.nth(19).get_by_role("button", name="Try again broken.jpg").click()
    expect(page.locator("#batch-summary")).to_have_text("20 of 20 done, 1 failed.")
    page.locator("#batch-clear").click()
    expect(page.locator("#batch")).to_be_hidden()


def test_a_busy_gateway_is_asked_again_by_itself_and_no_picture_twice(
    open_page: Visit, gateway: Gateway
) -> None:
    page = open_page("/", size=PHONE, dark=True)
    asked = answer_first_with(page, "**/predict/tomato", 503, {"retry-after": "1"})
    content = example_picture(gateway)
    before = gateway.metric("trellis_jobs_total", state="accepted")
    page.set_input_files("#file", [picture(f"leaf {place}.jpg", content) for place in range(3)])
    expect(page.locator("#batch-summary")).to_have_text("3 of 3 done.")
    assert len(asked) == 4
    assert gateway.metric("trellis_jobs_total", state="accepted") == before + 3
    assert not is_too_wide(page)
    save(page, "tomato-many-phone-dark")
    open_page.forgive("503")


def test_jobs_that_wait_can_be_cancelled_and_asked_again(
    open_page: Visit, gateway: Gateway
) -> None:
    page = open_page("/")
    page.route(
        "**/jobs/*", lambda route: None if route.request.method == "GET" else route.fallback()
    )
    content = example_picture(gateway)
    page.set_input_files("#file", [picture(f"leaf {place}.jpg", content) for place in range(2)])
    rows = page.locator("#batch-rows tr")
    expect(rows.nth(1)).to_contain_text("Queued")
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as answered:
        rows.nth(1).get_by_role("button", name="Cancel leaf 1.jpg").click()
    assert answered.value.status == 200
    expect(rows.nth(1)).to_contain_text("Cancelled")
    page.locator("#batch-cancel").click()
    expect(page.locator("#batch-summary")).to_have_text("2 of 2 done.")
    page.unroute("**/jobs/*")
    rows.nth(1).get_by_role("button", name="Ask again leaf 1.jpg").click()
    expect(rows.nth(1)).to_contain_text("Done")
    open_page.forgive("ERR_ABORTED")


def test_many_at_once_by_keyboard_alone(open_page: Visit, gateway: Gateway) -> None:
    page = open_page("/")
    content = example_picture(gateway)
    page.set_input_files("#file", [picture(f"leaf {place}.jpg", content) for place in range(2)])
    expect(page.locator("#batch-summary")).to_have_text("2 of 2 done.")
    page.locator("#batch-rows button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#file-name")).to_have_text("leaf 0.jpg")
    page.locator("#batch-clear").focus()
    page.keyboard.press("Space")
    expect(page.locator("#batch")).to_be_hidden()
    expect(page.locator("#main")).to_be_focused()


def test_a_page_of_another_site_cannot_make_the_browser_ask(gateway: Gateway) -> None:
    headers = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    status, _, body = post_json(f"{gateway.url}/predict/sentiment", {"text": "x"}, headers)
    assert status == 403
    assert b"another site" in body
