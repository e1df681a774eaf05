"""The pages and routes of rollouts and experiments, in a real browser, on the controller's own HTTP."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.integration.gateway.browsing import (
    PHONE,
    Visit,
    is_too_wide,
    needs_chromium,
    save,
)
from tests.integration.gateway.processes import Gateway, Process, ask, get, table_of, wait_for
from tests.integration.gateway.trials_server import TOKEN
from tests.integration.ports import free_port
from tests.integration.redis_server import RedisServer
from trellis.contracts.rollout_status import RolloutView, RolloutViews

pytestmark = needs_chromium

ADMIN_KEY = "an-admin-key-of-the-tests-long-enough"
WIDE = {"width": 1280, "height": 900}
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Controller(Process):
    """``trials_server.py`` on free ports."""

    def __init__(self, folder: Path) -> None:
        port, told = free_port(), free_port()
        self.url, self._told = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{told}/told"
        argv = [sys.executable, "-m", "tests.integration.gateway.trials_server"]
        super().__init__([*argv, f"--port={port}", f"--told-port={told}"], folder / "trials.log")

    def up(self) -> None:
        self.start()
        wait_for(self._told, self)

    def told(self, rollout: str) -> list[dict[str, str]]:
        """The commands that came for a rollout so far."""
        told: list[dict[str, str]] = json.loads(get(self._told)[2])
        return [one for one in told if one["rollout"] == rollout]


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    process = Controller(tmp_path_factory.mktemp("controller"))
    process.up()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def gateway(
    controller: Controller, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Open mode."""
    process = Gateway(
        tmp_path_factory.mktemp("gateway"),
        table_of({}),
        controller_url=controller.url,
        controller_token=TOKEN,
        redis_url=redis_server.url,
        redis_prefix="trials",
    )
    process.up()
    yield process
    process.stop()


@pytest.fixture
def visit(browser: Browser, gateway: Gateway) -> Iterator[Visit]:
    visiting = Visit(browser, gateway.url)
    yield visiting
    visiting.done()


def charts_are_drawn(page: Page, count: int) -> None:
    """Every chart on the page has loaded, and has words for who does not see it."""
    charts = page.evaluate(
        """() => Promise.all([...document.querySelectorAll("img.chart")].map(async (image) => {
          await image.decode();
          return [image.naturalWidth, image.alt];
        }))"""
    )
    assert len(charts) == count
    for width, words in charts:
        assert width > 100
        assert words


def test_without_a_controller_it_says_what_to_set(browser: Browser, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, table_of({}))
    gateway.up()
    visiting = Visit(browser, gateway.url)
    page = visiting("/dashboard/rollouts", size=WIDE)
    expect(page.locator("[data-panel=rollouts]")).to_contain_text("controller_url")
    expect(page.locator("#live")).to_contain_text("Live")
    save(page, "rollouts-empty")
    assert get(f"{gateway.url}/dashboard/rollouts/tomato")[0] == 503
    # A viewer's stream does not hold the process up.
    assert gateway.stop() == 0
    visiting.complaints = []
    visiting.done()


def test_the_list_leads_to_each_rollout_and_experiment(visit: Visit) -> None:
    page = visit("/dashboard", size=WIDE)
    page.get_by_role("link", name="Rollouts", exact=True).click()
    expect(page.get_by_role("link", name="Rollouts", exact=True)).to_have_attribute(
        "aria-current", "page"
    )
    rows = page.locator("[data-panel=rollouts] tbody tr")
    expect(rows).to_have_count(7)
    expect(rows.nth(0)).to_contain_text("3 of 3")
    expect(rows.nth(1)).to_contain_text("v2 was rolled back: errors")
    expect(page.locator("[data-panel=experiments] tbody tr")).to_have_count(2)
    save(page, "rollouts")
    page.get_by_role("link", name="tomato", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rollout tomato")
    page.get_by_role("link", name="All rollouts and experiments").click()
    page.get_by_role("link", name="colours").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Experiment colours")


def test_a_rollout_is_shown_with_its_evidence_over_time(visit: Visit) -> None:
    page = visit("/dashboard/rollouts/tomato", size=WIDE)
    now = page.locator("[data-panel=now]")
    expect(now).to_contain_text("v2 has 50 % of traffic (step 3 of 3)")
    expect(now).to_contain_text("25 min")
    rails = page.get_by_role("region", name="Guardrails").locator("tbody tr")
    expect(rails).to_have_count(3)
    expect(rails.nth(2)).to_contain_text("blind")
    expect(page.locator("[data-panel=steps] [aria-current=step]")).to_contain_text("50 %")
    expect(page.locator("[data-panel=history] tbody tr")).to_have_count(5)
    expect(page.locator("[data-panel=history] tbody tr").first).to_contain_text("ada")
    charts_are_drawn(page, 3)
    page.get_by_text("Over time, as tables").click()
    expect(page.locator("[data-panel=evidence] details table").first).to_contain_text("50 %")
    save(page, "rollout")


@pytest.mark.parametrize(
    ("dark", "size", "name"),
    [(True, WIDE, "dark"), (False, PHONE, "phone"), (True, PHONE, "phone-dark")],
)
@pytest.mark.parametrize(
    "path", ["rollouts", "rollouts/tomato", "rollouts/leaf", "experiments/colours"]
)
def test_the_pages_fit_a_phone_and_the_dark(
    visit: Visit, dark: bool, size: Any, name: str, path: str
) -> None:
    page = visit(f"/dashboard/{path}", dark=dark, size=size)
    expect(page.locator("#live")).to_contain_text("Live")
    charts_are_drawn(page, {"rollouts": 0, "experiments/colours": 1}.get(path, 3))
    sources = page.locator("img.chart").evaluate_all("all => all.map((one) => one.currentSrc)")
    assert all(f"scheme={'dark' if dark else 'light'}" in source for source in sources)
    assert all(f"shape={'narrow' if size is PHONE else 'wide'}" in source for source in sources)
    for summary in page.locator("details.table summary").all():
        summary.click()
    assert not is_too_wide(page)
    save(page, f"{path.replace('/', '-')}-{name}")


def test_it_is_paused_by_keyboard_after_a_second_thought(
    visit: Visit, controller: Controller, gateway: Gateway
) -> None:
    page = visit("/dashboard/rollouts/kale", size=WIDE)
    page.locator("summary", has_text="Pause kale").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("This holds v2 at 50 % of traffic.")).to_be_visible()
    save(page, "rollout-confirm")
    assert controller.told("kale") == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Asked to pause.")).to_be_visible()
    expect(page.locator("[data-panel=now]")).to_contain_text("Paused")
    expect(page.locator("[data-panel=history] tbody tr").first).to_contain_text("open")
    (told,) = controller.told("kale")
    assert (told["do"], told["version"], told["actor"]) == ("pause", "v2", "open")
    entry = json.loads(get(f"{gateway.url}/audit")[2])["entries"][0]
    assert (entry["action"], entry["model"], entry["subject"], entry["status"]) == (
        "rollout",
        "kale",
        "kale pause",
        202,
    )
    page.locator("summary", has_text="Resume kale").click()
    page.get_by_role("button", name="Resume v2").click()
    expect(page.locator("[data-panel=now]")).to_contain_text("Progressing")


def test_what_is_pressed_twice_is_asked_once(controller: Controller, gateway: Gateway) -> None:
    html = get(f"{gateway.url}/dashboard/rollouts/chard")[2].decode()
    form = html.partition('action="/dashboard/rollouts/chard/abort"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    body = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    for _ in range(2):
        assert ask("POST", f"{gateway.url}/dashboard/rollouts/chard/abort", body, FORM)[0] == 200
    first, second = controller.told("chard")
    assert first["id"] == second["id"]
    assert (first["do"], first["version"]) == ("abort", "v2")


def test_it_works_without_any_script(visit: Visit, controller: Controller) -> None:
    page = visit("/dashboard/rollouts/cress", java_script_enabled=False)
    expect(page.locator("#pause")).to_be_hidden()
    page.locator("summary", has_text="Promote cress").click()
    page.get_by_role("button", name="Promote v2").click()
    expect(page.get_by_text("Asked to promote.")).to_be_visible()
    expect(page.locator("[data-panel=now]")).to_contain_text("Promoting")
    assert [told["do"] for told in controller.told("cress")] == ["promote"]


def test_what_the_controller_refuses_is_told_in_its_words(visit: Visit) -> None:
    page = visit("/dashboard/rollouts/tomato")
    page.locator("summary", has_text="Skip tomato").click()
    page.get_by_role("button", name="Skip v2").click()
    expect(page.get_by_role("alert")).to_have_text(
        "Rollout tomato has changed just now: ask again."
    )
    expect(page.locator("[data-panel=now]")).to_contain_text("Progressing")
    visit.forgive("409")


def test_the_page_follows_what_happens_without_being_asked(
    visit: Visit, controller: Controller
) -> None:
    page = visit("/dashboard/rollouts/leek")
    expect(page.locator("[data-panel=now]")).to_contain_text("Rolled back")
    command = json.dumps({"id": "elsewhere", "do": "retry", "version": "v2"}).encode()
    headers = {"authorization": f"Bearer {TOKEN}", "x-trellis-actor": "ben"}
    assert ask("POST", f"{controller.url}/rollouts/leek:command", command, headers)[0] == 202
    expect(page.locator("[data-panel=history] tbody tr").first).to_contain_text(
        "ben", timeout=20_000
    )
    expect(page.locator("[data-panel=now]")).to_contain_text("Waiting")


def test_an_experiment_shows_its_arms_and_its_winner(visit: Visit) -> None:
    page = visit("/dashboard/experiments/colours", size=WIDE)
    expect(page.locator("[data-panel=now]")).to_contain_text("v2 is best")
    expect(page.locator("[data-panel=arms] tbody tr").nth(1)).to_contain_text("winner")
    charts_are_drawn(page, 1)
    save(page, "experiment")
    without = visit("/dashboard/experiments/shapes", size=WIDE)
    expect(without.locator("[data-panel=now]")).to_contain_text("a local run only counts")
    expect(without.locator("[data-panel=arms]")).to_contain_text("Nothing is counted of it.")


def test_what_is_not_there_is_told_with_a_way_back(visit: Visit, gateway: Gateway) -> None:
    page = visit("/dashboard/rollouts/none")
    expect(page.get_by_role("alert")).to_have_text(
        re.compile("^Unknown rollout 'none'; known are: tomato, leaf")
    )
    page.get_by_role("link", name="All rollouts and experiments").click()
    expect(page.locator("[data-panel=rollouts] tbody tr")).to_have_count(7)
    visit.forgive("404")
    for path in ("charts/9.svg", "charts/none.svg", "charts/2.svg"):
        assert get(f"{gateway.url}/dashboard/rollouts/tomato/{path}")[0] == 404
    assert get(f"{gateway.url}/dashboard/experiments/shapes/charts/arms.svg")[0] == 404
    assert get(f"{gateway.url}/dashboard/events/rollouts/none")[0] == 404


def test_a_chart_keeps_to_its_own_narrow_policy(gateway: Gateway) -> None:
    status, headers, body = get(
        f"{gateway.url}/dashboard/rollouts/tomato/charts/evidence.svg?scheme=dark"
    )
    assert (status, headers["content-type"]) == (200, "image/svg+xml")
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert b"harm is called at 60" in body


def test_another_sites_page_cannot_ask_anything(gateway: Gateway, controller: Controller) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        url = f"{gateway.url}/dashboard/rollouts/tomato/promote"
        assert ask("POST", url, b"id=1&version=v2", {**FORM, **headers})[0] == 403
    assert controller.told("tomato") == []


@pytest.mark.parametrize(
    ("do", "body", "status"),
    [("dance", b"id=1", 404), ("pause", b"", 400), ("pause", b"id=%3Cb%3E", 400)],
)
def test_a_form_that_no_page_made_is_refused(
    gateway: Gateway, controller: Controller, do: str, body: bytes, status: int
) -> None:
    url = f"{gateway.url}/dashboard/rollouts/tomato/{do}"
    assert ask("POST", url, body, FORM)[0] == status
    assert controller.told("tomato") == []


def test_rollouts_are_there_as_json_too(gateway: Gateway) -> None:
    status, _, body = get(f"{gateway.url}/rollouts")
    assert status == 200
    assert [v.name for v in RolloutViews.model_validate_json(body).rollouts][:2] == [
        "tomato",
        "leaf",
    ]
    status, _, body = get(f"{gateway.url}/rollouts/tomato")
    assert status == 200
    assert RolloutView.model_validate_json(body).status.trace
    status, _, body = get(f"{gateway.url}/rollouts/none")
    assert (status, b"unknown rollout" in body) == (404, True)
    described = json.loads(get(f"{gateway.url}/openapi.json")[2])["paths"]
    assert {"/rollouts", "/rollouts/{name}"} <= described.keys()


def test_a_key_sees_the_rollouts_of_its_models_and_moves_no_others(
    controller: Controller, redis_server: RedisServer, tmp_path: Path
) -> None:
    gateway = Gateway(
        tmp_path,
        table_of({}),
        controller_url=controller.url,
        controller_token=TOKEN,
        redis_url=redis_server.url,
        redis_prefix="trials-keys",
        auth="keys",
        admin_key=ADMIN_KEY,
    )
    gateway.up()

    def key(*flags: str) -> dict[str, str]:
        argv = [sys.executable, "-m", "trellis.cli", "keys", "create", "--name=test", *flags]
        where = [f"--redis_url={redis_server.url}", "--redis_prefix=trials-keys"]
        made = subprocess.run([*argv, *where], capture_output=True, text=True, check=True)
        found = re.search(r"tk_[A-Za-z0-9]+_[A-Za-z0-9_-]+", made.stdout)
        assert found is not None
        return {"x-api-key": found[0]}

    chive = key("--scopes=admin", "--models=chive")
    assert get(f"{gateway.url}/dashboard/rollouts")[0] == 401
    assert get(f"{gateway.url}/rollouts")[0] == 401
    assert get(f"{gateway.url}/rollouts", key("--scopes=infer"))[0] == 403
    views = RolloutViews.model_validate_json(get(f"{gateway.url}/rollouts", chive)[2])
    assert [view.name for view in views.rollouts] == ["chive"]
    html = get(f"{gateway.url}/dashboard/rollouts", chive)[2].decode()
    assert "/dashboard/rollouts/chive" in html
    assert "tomato" not in html
    assert "/dashboard/experiments/shapes" in html
    for path in (
        "/rollouts/tomato",
        "/dashboard/rollouts/tomato",
        "/dashboard/events/rollouts/tomato",
        "/dashboard/rollouts/tomato/charts/0.svg",
        "/dashboard/experiments/colours",
        "/dashboard/events/experiments/colours",
        "/dashboard/experiments/colours/charts/arms.svg",
    ):
        status, _, body = get(gateway.url + path, chive)
        assert status == 403, path
        assert b"v2 is best" not in body
    asked = {**FORM, **chive}
    refused = ask(
        "POST", f"{gateway.url}/dashboard/rollouts/tomato/abort", b"id=1&version=v2", asked
    )
    assert refused[0] == 403
    assert controller.told("tomato") == []
    done = ask("POST", f"{gateway.url}/dashboard/rollouts/chive/pause", b"id=2&version=v2", asked)
    assert done[0] == 200
    (told,) = controller.told("chive")
    assert told["do"] == "pause"
    assert told["actor"] == chive["x-api-key"].split("_")[1]
    gateway.stop()
