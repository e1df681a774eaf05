"""The dashboard in a real browser: real predictors, jobs and Redis, and a controller's stand-in."""

import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.gateway.browsing import (
    PHONE,
    Visit,
    is_too_wide,
    needs_chromium,
    save,
)
from tests.integration.gateway.controller import ControllerProcess
from tests.integration.gateway.controller_server import TOKEN
from tests.integration.gateway.jobs.beside_gateway import WorkerBeside
from tests.integration.gateway.processes import (
    START_SECONDS,
    Gateway,
    Process,
    ask,
    get,
    post_json,
    table_of,
    wait_for,
)
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer

pytestmark = needs_chromium

ADMIN_KEY = "an-admin-key-of-the-tests-long-enough"
WIDE = {"width": 1280, "height": 900}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Stack(NamedTuple):
    """What runs behind the dashboard."""

    gateway: Gateway
    controller: ControllerProcess
    redis: RedisServer

    def traffic(self, count: int) -> None:
        """Sentences to ``leaf``, each from a unit of its own."""
        for number in range(count):
            unit = {"x-unit-id": f"visitor {number}"}
            text = ("a lovely little film", "dull and far too long")[number % 2]
            status, _, body = post_json(
                f"{self.gateway.url}/predict/leaf", {"text": f"{text} {number}"}, unit
            )
            assert status == 200, body

    def moves(self) -> list[dict[str, Any]]:
        """What the controller was told to change."""
        return [told for told in self.controller.told() if told["method"] == "POST"]


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Two versions of a model of sentences; their URLs."""
    folder = tmp_path_factory.mktemp("predictors")
    running: dict[str, tuple[str, Process]] = {}
    for version in ("v1", "v2"):
        http_port, grpc_port = free_port(), free_port()
        argv = [sys.executable, "-m", "trellis.serving", f"models/sentiment/{version}"]
        ports = [f"--http_port={http_port}", f"--grpc_port={grpc_port}"]
        process = Process([*argv, *ports], folder / f"{version}.log")
        process.start()
        running[version] = f"http://127.0.0.1:{http_port}", process
    for url, process in running.values():
        wait_for(f"{url}/health", process)
    yield {version: url for version, (url, _) in running.items()}
    for _, process in running.values():
        process.stop()


@pytest.fixture(scope="module")
def controller(
    predictors: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControllerProcess]:
    pages = {version: f"{url}/metrics" for version, url in predictors.items()}
    process = ControllerProcess(tmp_path_factory.mktemp("controller"), pages)
    process.up()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def stack(
    predictors: dict[str, str],
    controller: ControllerProcess,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Open mode; ``leaf`` is halved in an experiment, ``gone`` has no predictor."""
    folder: Path = tmp_path_factory.mktemp("dashboard")
    halves = [[[0, 0.5]], [[0.5, 1]]]
    arms = [
        {
            "url": url,
            "model": "sentiment",
            "version": version,
            "revision": f"{version}-1",
            "intervals": interval,
        }
        for (version, url), interval in zip(predictors.items(), halves, strict=True)
    ]
    leaf = {"arms": arms, "experiment": "colours", "record": True, "attributionWindow": 3600}
    gone = {
        "url": f"http://127.0.0.1:{free_port()}",
        "model": "gone",
        "version": "v1",
        "revision": "gone-1",
        "intervals": [[0, 1]],
    }
    worker_port = free_port()
    gateway = Gateway(
        folder,
        table_of({"leaf": leaf, "gone": [gone]}, version=7),
        redis_url=redis_server.url,
        redis_prefix="dashboard",
        controller_url=controller.url,
        controller_token=TOKEN,
        connect_wait=0.1,
        job_attempts=1,
        dashboard_workers=f"http://127.0.0.1:{worker_port}/metrics",
    )
    gateway.up()
    worker = WorkerBeside(folder, gateway, worker_port=worker_port)
    worker.url = f"http://127.0.0.1:{worker_port}"
    worker.up()
    yield Stack(gateway, controller, redis_server)
    assert worker.stop() == 0
    assert gateway.stop() == 0


@pytest.fixture(scope="module")
def closed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Keys are asked for."""
    folder: Path = tmp_path_factory.mktemp("closed")
    gateway = Gateway(
        folder,
        table_of({}),
        redis_url=stack.redis.url,
        redis_prefix="closed",
        auth="keys",
        admin_key=ADMIN_KEY,
    )
    gateway.up()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Visit]:
    visiting = Visit(browser, stack.gateway.url)
    yield visiting
    visiting.done()


@pytest.fixture
def visit_closed(browser: Browser, closed: Gateway) -> Iterator[Visit]:
    visiting = Visit(browser, closed.url)
    yield visiting
    visiting.done()


def row(page: Page, name: str) -> Any:
    return page.locator("[data-panel=models] tbody tr").filter(has_text=name)


def charts_are_drawn(page: Page) -> None:
    """Every chart on the page has loaded, and has words for who does not see it."""
    # All at one moment: the next look of the page puts others in their place.
    charts = page.evaluate(
        """() => Promise.all([...document.querySelectorAll("img.chart")].map(async (image) => {
          image.loading = "eager";
          await image.decode();
          return [image.naturalWidth, image.alt];
        }))"""
    )
    assert charts
    for width, words in charts:
        assert width > 100
        assert words


def test_without_data_it_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, table_of({}))
    gateway.up()
    visiting = Visit(browser, gateway.url)
    page = visiting("/dashboard", size=WIDE)
    for panel, words in (
        ("traffic", "No requests yet"),
        ("models", "No model is served yet"),
        ("answers", "No predictor's metrics are read here"),
        ("experiments", "redis_url"),
        ("jobs", "redis_url"),
    ):
        expect(page.locator(f"[data-panel={panel}]")).to_contain_text(words)
    expect(page.locator("#live")).to_contain_text("Live")
    assert page.locator("img.chart").count() == 0
    save(page, "dashboard-empty")
    # A viewer's stream does not hold the process up.
    assert gateway.stop() == 0
    visiting.complaints = []
    visiting.done()


def test_it_shows_traffic_answers_experiments_jobs_and_the_machine(
    visit: Visit, stack: Stack
) -> None:
    stack.traffic(40)
    page = visit("/dashboard", size=WIDE)
    expect(page.locator("[data-panel=now]")).to_contain_text("version 7")
    for version in ("v1", "v2"):
        expect(row(page, f"{version}-1")).to_contain_text(re.compile(r"\d ms"))
    expect(row(page, "v0-1")).to_contain_text("its image cannot be pulled")
    answers = page.locator("[data-panel=answers]")
    answers.locator("summary").click()
    expect(answers).to_contain_text("Positive", ignore_case=True)
    expect(page.locator("[data-panel=experiments]")).to_contain_text("colours")
    counted = page.locator("[data-panel=experiments] tbody tr td:nth-child(3)")
    expect(counted).to_have_count(2)
    assert sum(int(cell) for cell in counted.all_inner_texts()) >= 40
    expect(page.locator("[data-panel=machine]")).to_contain_text("Memory")
    assert page.locator("img.chart").count() == 4
    charts_are_drawn(page)
    save(page, "dashboard")


@pytest.mark.parametrize(
    ("dark", "size", "name"),
    [(True, WIDE, "dark"), (False, PHONE, "phone"), (True, PHONE, "phone-dark")],
)
def test_it_fits_a_phone_and_the_dark(
    visit: Visit, stack: Stack, dark: bool, size: Any, name: str
) -> None:
    stack.traffic(5)
    page = visit("/dashboard", dark=dark, size=size)
    charts_are_drawn(page)
    sources = page.locator("img.chart").evaluate_all("all => all.map((one) => one.currentSrc)")
    assert all(f"scheme={'dark' if dark else 'light'}" in source for source in sources)
    assert all(f"shape={'narrow' if size is PHONE else 'wide'}" in source for source in sources)
    assert not is_too_wide(page)
    save(page, f"dashboard-{name}")


def test_it_follows_what_happens_without_being_asked(visit: Visit, stack: Stack) -> None:
    page = visit("/dashboard")
    expect(page.locator("#live")).to_contain_text("Live")
    units = page.locator("[data-panel=experiments] tbody tr td:nth-child(3)")
    before = sum(int(cell) for cell in units.all_inner_texts())
    stack.traffic(20)

    def caught_up() -> bool:
        return sum(int(cell) for cell in units.all_inner_texts()) >= before + 20

    until = time.monotonic() + START_SECONDS
    while not caught_up():
        assert time.monotonic() < until
        page.wait_for_timeout(100)
    page.locator("#pause").click()
    expect(page.locator("#live")).to_have_text("Paused")
    expect(page.locator("#pause")).to_have_attribute("aria-pressed", "true")
    page.locator("#pause").click()
    expect(page.locator("#live")).to_contain_text("Live")


def test_all_viewers_share_one_look(stack: Stack) -> None:
    def looks() -> int:
        return sum(told["path"] == "/models" for told in stack.controller.told())

    def follow(_number: int) -> int:
        """The events of one viewer until the third."""
        seen = 0
        with urllib.request.urlopen(f"{stack.gateway.url}/dashboard/events", timeout=60) as stream:
            for line in stream:
                seen += line == b"event: panels\n"
                if seen == 3:
                    break
        return seen

    before = looks()
    with ThreadPoolExecutor(30) as viewers:
        assert list(viewers.map(follow, range(30))) == [3] * 30
    # Thirty viewers of three looks each: ninety without sharing, and each look asks twice.
    assert looks() - before < 30


def test_a_version_is_activated_by_keyboard_after_a_second_thought(
    visit: Visit, stack: Stack
) -> None:
    page = visit("/dashboard")
    before = len(stack.moves())
    page.get_by_text("Activate leaf v2").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("This gives all traffic of leaf to version v2.")).to_be_visible()
    assert len(stack.moves()) == before
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Done: the version gets all traffic.")).to_be_visible()
    expect(row(page, "v2-1")).to_contain_text("100.0 %")
    expect(row(page, "v1-1")).to_contain_text("0.0 %")
    (told,) = stack.moves()[before:]
    assert told["path"] == "/models/leaf/versions/v2:activate"
    assert told["x-trellis-actor"] == "open"
    audit = json.loads(get(f"{stack.gateway.url}/audit")[2])["entries"]
    assert (audit[0]["action"], audit[0]["subject"]) == ("activate", "leaf/v2")


def test_it_works_without_any_script(visit: Visit, stack: Stack) -> None:
    stack.traffic(3)
    page = visit("/dashboard", java_script_enabled=False)
    expect(page.locator("img.chart").first).to_be_visible()
    expect(page.locator("#pause")).to_be_hidden()
    page.get_by_text("Rollback leaf v2").click()
    page.get_by_role("button", name="Rollback v2").click()
    expect(page.get_by_text("Done: the version gets no traffic.")).to_be_visible()
    expect(row(page, "v1-1")).to_contain_text("100.0 %")


def test_what_the_controller_refuses_is_told_in_its_words(visit: Visit) -> None:
    page = visit("/dashboard")
    page.get_by_text("Activate leaf v0").click()
    page.get_by_role("button", name="Activate v0").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Model 'leaf' has no such version; known are: v1, v2."
    )
    visit.forgive("404")


def test_a_dead_letter_is_listed_and_replayed(visit: Visit, stack: Stack) -> None:
    status, headers, _ = post_json(
        f"{stack.gateway.url}/v2/models/gone/infer", {"inputs": []}, {"prefer": "respond-async"}
    )
    assert status == 202
    location = f"{stack.gateway.url}{headers['location']}"
    assert json.loads(get(location, {"prefer": "wait=30"})[2])["state"] == "dead"
    page = visit("/dashboard")
    dead = page.locator("[data-panel=jobs] tbody tr")
    expect(dead).to_have_count(1)
    expect(dead).to_contain_text("gone")
    save(page, "dashboard-dead-letter")
    dead.get_by_role("button").click()
    expect(page.get_by_text("Done: the job is queued again.")).to_be_visible()
    assert json.loads(get(location, {"prefer": "wait=30"})[2])["state"] == "dead"
    assert stack.gateway.metric("trellis_jobs_total", state="replayed") == 1
    told = json.loads(get(f"{stack.gateway.url}/audit")[2])["entries"][0]
    assert (told["action"], told["model"], told["outcome"]) == ("replay", "gone", "done")
    assert location.endswith(f"/jobs/{told['subject']}")
    unknown = ask("POST", f"{stack.gateway.url}/dashboard/jobs/none-none/replay", b"", FORM)
    assert unknown[0] == 404
    assert b"none-none" in unknown[2]


def test_what_a_worker_counts_is_shown_too(visit: Visit, stack: Stack) -> None:
    post = {"prefer": "respond-async"}
    _, headers, _ = post_json(f"{stack.gateway.url}/predict/leaf", {"text": "a job"}, post)
    get(f"{stack.gateway.url}{headers['location']}", {"prefer": "wait=30"})
    page = visit("/dashboard")
    jobs = page.locator("[data-panel=jobs]")
    expect(jobs).to_contain_text(re.compile(r"Succeeded in .+\s*[1-9]"), timeout=20_000)


def test_another_sites_page_cannot_move_traffic(stack: Stack) -> None:
    before = len(stack.moves())
    url = f"{stack.gateway.url}/dashboard/models/leaf/versions/v2/activate"
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ):
        assert ask("POST", url, b"", {**FORM, **headers})[0] == 403
    assert len(stack.moves()) == before


def test_a_chart_opened_by_itself_keeps_to_its_own_narrow_policy(
    visit: Visit, stack: Stack
) -> None:
    stack.traffic(3)
    path = "/dashboard/charts/traffic.svg?scheme=dark"
    status, headers, _ = get(stack.gateway.url + path)
    assert status == 200
    assert headers["content-type"] == "image/svg+xml"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["x-content-type-options"] == "nosniff"
    page = visit(path)
    # Without its style sheet all words would be black.
    words = page.locator("text").first
    assert words.evaluate("text => getComputedStyle(text).fill") == "rgb(232, 236, 233)"
    assert get(f"{stack.gateway.url}/dashboard/charts/none.svg")[0] == 404


def test_only_an_admin_key_signs_in(visit_closed: Visit, closed: Gateway) -> None:
    page = visit_closed("/dashboard")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.locator("[data-panel]").count() == 0
    save(page, "dashboard-sign-in")
    page.fill("#key", "tk_" + "a" * 12 + "_" + "b" * 64)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The API key is unknown.")
    page.fill("#key", ADMIN_KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#live")).to_contain_text("Live")
    (cookie,) = [c for c in page.context.cookies(f"{closed.url}/dashboard") if "dash" in c["name"]]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert cookie["path"] == "/dashboard"
    assert ADMIN_KEY not in cookie["value"]
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    visit_closed.forgive("401")


def test_a_key_without_the_scope_and_one_that_was_revoked_see_nothing(closed: Gateway) -> None:
    redis = next(flag for flag in closed._argv if flag.startswith("--redis_url="))
    keys = [sys.executable, "-m", "trellis.cli", "keys"]
    where = [redis, "--redis_prefix=closed"]

    def make(scope: str) -> str:
        made = subprocess.run(
            [*keys, "create", *where, "--name=test", f"--scopes={scope}"],
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"tk_[A-Za-z0-9]+_[A-Za-z0-9_-]+", made.stdout)
        assert found is not None
        return found[0]

    def sign_in(key: str) -> tuple[int, dict[str, str]]:
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                return None

        opener = urllib.request.build_opener(Stay)
        try:
            opener.open(f"{closed.url}/dashboard/sign-in", f"key={key}".encode())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {name.lower(): value for name, value in error.headers.items()}
        raise AssertionError("a redirect or a refusal was expected")

    assert sign_in(make("infer"))[0] == 403
    admin = make("admin")
    status, headers = sign_in(admin)
    assert status == 303
    session = {"cookie": headers["set-cookie"].partition(";")[0]}
    paths = ("/dashboard", "/dashboard/charts/traffic.svg")
    assert [get(closed.url + path, session)[0] for path in paths] == [200, 200]
    assert [get(closed.url + path)[0] for path in (*paths, "/dashboard/events")] == [401] * 3
    forged = {"cookie": session["cookie"][:-2] + "xx"}
    assert get(f"{closed.url}/dashboard", forged)[0] == 401
    stream = urllib.request.Request(f"{closed.url}/dashboard/events", headers=session)
    with urllib.request.urlopen(stream, timeout=30) as events:
        assert events.readline().startswith(b"retry:")
        subprocess.run([*keys, "revoke", *where, admin.split("_")[1]], check=True)
        # Who follows the dashboard with a key that is revoked is told to sign in again.
        assert b"event: signed-out" in events.read()
    assert get(f"{closed.url}/dashboard", session)[0] == 401
