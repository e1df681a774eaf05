"""Experiments of ``trellis up`` as people see them, and the users whom they meet."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from tests.integration.local.conftest import Up

SECONDS = 180.0


def asked(
    url: str, body: Any = None, headers: dict[str, str] | None = None, method: str | None = None
) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def table_of(up: Up) -> dict[str, Any]:
    """The routing table as the controller's HTTP has it."""
    place = json.loads((up.folder / "state" / "controller.json").read_text())
    status, table = asked(f"{place['url']}/routing-table")
    assert status == 200, table
    return dict(table)


def until_route(up: Up, model: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The model's route in the table that the gateway has, once this holds of it."""
    deadline = time.monotonic() + SECONDS
    while True:
        table = table_of(up)
        route: dict[str, Any] = table["models"][model]
        if holds(route):
            up.wait_for_table(table["version"])
            return route
        assert time.monotonic() < deadline, table
        time.sleep(0.2)


def view(up: Up, name: str) -> dict[str, Any]:
    """As the controller's HTTP has it."""
    place = json.loads((up.folder / "state" / "controller.json").read_text())
    headers = {"authorization": f"Bearer {place['token']}"}
    status, found = asked(f"{place['url']}/experiments/{name}/evidence", headers=headers)
    assert status == 200, found
    return dict(found)


def until(up: Up, name: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The experiment's status once this holds of it."""
    deadline = time.monotonic() + SECONDS
    while True:
        status: dict[str, Any] = view(up, name)["status"]
        if holds(status):
            return status
        assert time.monotonic() < deadline, json.dumps(status, indent=1)[:4000] + up.said()
        time.sleep(0.2)


def units(status: dict[str, Any]) -> int:
    return sum(arm["units"] for arm in status["arms"])


@contextmanager
def users(one: Callable[[int], None]) -> Iterator[None]:
    """Ever new ones, from two workers, until the block ends."""
    done = threading.Event()

    def come(worker: int) -> None:
        number = worker
        while not done.is_set():
            one(number)
            number += 2

    with ThreadPoolExecutor(2) as pool:
        coming = [pool.submit(come, worker) for worker in range(2)]
        try:
            yield
        finally:
            done.set()
        for each in coming:
            each.result()
