"""Versions in memory: loaded once, few at a time, one in use never taken away."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from predictors.squares import Squares
from tests.integration.serving import lab
from trellis.serving.batching import Limits
from trellis.serving.engines import EngineError
from trellis.serving.errors import NotFound, NotReady
from trellis.serving.loaded import LoadedVersion
from trellis.serving.observed import ObservedVersion
from trellis.serving.predictor import Predictor
from trellis.serving.repository import Key, Opener, Repository
from trellis.serving.types import Tensors
from trellis.serving.version_folder import VersionFolder, VersionFolderError
from trellis.telemetry.metrics import ServingMetrics

METRICS = ServingMetrics(CollectorRegistry())
VERSIONS = ("v1", "v2", "v3")


def key(version: str) -> Key:
    return "m", version


class Opened:
    """Opens folders as the server does, slowly, and counts."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.count = 0
        self.alive = 0
        self.most = 0
        self.stopped: list[str] = []
        self.fail: dict[str, BaseException] = {}
        self._lock = threading.Lock()

    def __call__(self, folder: VersionFolder) -> Predictor:
        time.sleep(self.seconds)
        version = folder.yaml.version
        with self._lock:
            self.count += 1
            if version in self.fail:
                raise self.fail[version]
            self.alive += 1
            self.most = max(self.most, self.alive)
        opened = self

        class Stopping(Squares):
            def stop(self) -> None:
                with opened._lock:
                    opened.alive -= 1
                    opened.stopped.append(version)

        return Stopping(folder)


def wrap(predictor: Predictor, model: str) -> LoadedVersion:
    version = predictor.folder.yaml.version
    observed = ObservedVersion(METRICS, model, version, version)
    return LoadedVersion(predictor, model, version, Limits(), observed)


MakeRepository = Callable[..., Repository]


@pytest.fixture
def repository_of(tmp_path: Path) -> MakeRepository:
    folders = {
        version: VersionFolder.open(lab.write_squares(tmp_path / "m" / version))
        for version in VERSIONS
    }

    def make(opened: Opener, most: int = 3) -> Repository:
        return Repository({"m": folders}, {"m": "v3"}, opened, wrap, most)

    return make


async def test_resolving_names(repository_of: MakeRepository) -> None:
    repository = repository_of(Opened())
    assert repository.versions("m") == list(VERSIONS)
    assert repository.resolve("m", None) == key("v3")
    assert repository.resolve("m", "v1") == key("v1")
    assert repository.resolve("m", "v9", fallback=True) == key("v3")
    with pytest.raises(NotFound, match="unknown version 'v9' of model 'm'"):
        repository.resolve("m", "v9")
    with pytest.raises(NotFound, match=r"unknown model 'x'; known: \['m'\]"):
        repository.resolve("x", None, fallback=True)


async def test_a_version_loads_once_however_many_ask(repository_of: MakeRepository) -> None:
    opened = Opened()
    repository = repository_of(opened)
    leased = await asyncio.gather(*(repository.lease(key("v1")) for _ in range(20)))
    assert opened.count == 1
    assert len(set(map(id, leased))) == 1
    assert leased[0].leases == 20
    await repository.close(5)


async def test_the_least_recently_used_goes_first(repository_of: MakeRepository) -> None:
    opened = Opened()
    repository = repository_of(opened, 2)
    for version in ("v1", "v2", "v1", "v3"):
        (await repository.lease(key(version))).release()
        await asyncio.sleep(0.002)
    assert opened.stopped == ["v2"]
    assert repository.in_memory(key("v1"))
    assert repository.state(key("v2")) == ("UNAVAILABLE", "not loaded yet")
    await repository.close(5)


async def test_one_in_use_is_never_taken_away(repository_of: MakeRepository) -> None:
    opened = Opened()
    repository = repository_of(opened, 1)
    used = await repository.lease(key("v1"))
    other = asyncio.create_task(repository.lease(key("v2")))
    await asyncio.sleep(0.1)
    assert not other.done()
    assert opened.stopped == []
    answer = await used.batcher.submit(lab_rows(3), 1, 10)
    assert answer["squares"].tolist() == [9]
    used.release()
    assert (await asyncio.wait_for(other, 10)).version == "v2"
    assert opened.stopped == ["v1"]
    (await other).release()
    await repository.close(5)


async def test_who_waited_for_a_load_has_it_before_it_can_be_taken_away(
    repository_of: MakeRepository,
) -> None:
    opened = Opened()
    repository = repository_of(opened, 1)

    async def use(number: int) -> str:
        loaded = await repository.lease(key(VERSIONS[number % 3]))
        try:
            await loaded.batcher.submit(lab_rows(number), 1, 10)
            return loaded.version
        finally:
            loaded.release()

    served = await asyncio.wait_for(asyncio.gather(*(use(n) for n in range(30))), 30)
    assert served == [VERSIONS[n % 3] for n in range(30)]
    assert opened.most == 1
    await repository.close(5)
    assert opened.alive == 0


async def test_a_caller_that_leaves_stops_no_load_and_holds_no_lease(
    repository_of: MakeRepository,
) -> None:
    opened = Opened(0.05)
    repository = repository_of(opened)
    leaving = asyncio.create_task(repository.lease(key("v1")))
    staying = asyncio.create_task(repository.lease(key("v1")))
    await asyncio.sleep(0.01)
    leaving.cancel()
    loaded = await staying
    assert leaving.cancelled()
    assert (opened.count, loaded.leases) == (1, 1)
    loaded.release()
    await repository.close(5)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (VersionFolderError("m/v1: file 'w' is missing"), "m/v1: file 'w' is missing"),
        (EngineError("not a model"), "not a model"),
        (RuntimeError("secret in /etc"), "the predictor failed to load; see the log"),
        (StopIteration(), "the predictor failed to load; see the log"),
        (SystemExit(3), "the predictor failed to load; see the log"),
    ],
)
async def test_a_load_that_fails_says_why_and_is_tried_again(
    repository_of: MakeRepository, error: BaseException, reason: str
) -> None:
    opened = Opened()
    opened.fail["v1"] = error
    repository = repository_of(opened, 1)
    failures: list[Any] = await asyncio.gather(
        *(repository.lease(key("v1")) for _ in range(3)), return_exceptions=True
    )
    for failure in failures:
        assert isinstance(failure, NotReady)
        assert str(failure) == "version 'v1' of model 'm' does not load"
    assert opened.count == 1
    assert repository.state(key("v1")) == ("UNAVAILABLE", reason)
    assert not repository.is_ready(key("v1"))
    del opened.fail["v1"]
    (await repository.lease(key("v1"))).release()
    assert repository.state(key("v1")) == ("READY", "")
    await repository.close(5)


async def test_unload_answers_what_was_accepted_and_stays_away(
    repository_of: MakeRepository,
) -> None:
    opened = Opened()
    repository = repository_of(opened)
    assert repository.is_ready(key("v1")), "it would be loaded on first use"
    used = await repository.lease(key("v1"))
    unloading = asyncio.create_task(repository.unload(key("v1")))
    await asyncio.sleep(0)
    with pytest.raises(NotReady, match="is unloaded"):
        await repository.lease(key("v1"))
    assert (await used.batcher.submit(lab_rows(2), 1, 10))["squares"].tolist() == [4]
    used.release()
    await unloading
    assert opened.stopped == ["v1"]
    assert repository.state(key("v1")) == ("UNAVAILABLE", "unloaded")
    assert not repository.is_ready(key("v1"))
    await repository.load(key("v1"))
    assert repository.is_ready(key("v1"))
    await repository.close(5)


async def test_unloading_what_is_not_loaded_or_is_loading(repository_of: MakeRepository) -> None:
    opened = Opened()
    repository = repository_of(opened)
    await repository.unload(key("v1"))
    loading = asyncio.create_task(repository.load(key("v2")))
    await asyncio.sleep(0)
    assert repository.state(key("v2")) == ("LOADING", "")
    await repository.unload(key("v2"))
    await loading
    assert opened.stopped == ["v2"]
    await repository.close(5)


async def test_who_asks_to_unload_and_leaves_takes_no_place_with_it(
    repository_of: MakeRepository,
) -> None:
    opened = Opened()
    repository = repository_of(opened, 1)
    used = await repository.lease(key("v1"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(repository.unload(key("v1")), 0.02)
    other = asyncio.create_task(repository.lease(key("v2")))
    await asyncio.sleep(0.02)
    assert opened.stopped == [], "it still answers what it accepted"
    used.release()
    (await asyncio.wait_for(other, 5)).release()
    assert (opened.stopped, opened.most) == (["v1"], 1)
    await repository.close(5)


async def test_a_version_that_comes_back_while_it_leaves_is_there_once(
    repository_of: MakeRepository,
) -> None:
    opened = Opened()
    repository = repository_of(opened, 2)
    used = await repository.lease(key("v1"))
    unloading = [asyncio.create_task(repository.unload(key("v1"))) for _ in range(2)]
    await asyncio.sleep(0)
    back = asyncio.create_task(repository.load(key("v1")))
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in (*unloading, back))
    used.release()
    await asyncio.gather(*unloading, back)
    for version in ("v2", "v3"):
        (await repository.lease(key(version))).release()
    assert (opened.count, opened.most) == (4, 2)
    await repository.close(5)


async def test_a_stop_that_fails_frees_the_place(
    repository_of: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = repository_of(Opened(), 1)
    loaded = await repository.lease(key("v1"))
    loaded.release()

    def stop() -> None:
        raise RuntimeError("cannot stop")

    monkeypatch.setattr(loaded.predictor, "stop", stop)
    (await asyncio.wait_for(repository.lease(key("v2")), 5)).release()
    await repository.close(5)


async def test_who_waits_for_a_version_that_is_leaving_is_answered_at_the_end(
    repository_of: MakeRepository,
) -> None:
    hold = threading.Event()

    class Held(Squares):
        def predict(self, inputs: Tensors) -> Tensors:
            hold.wait(5)
            return super().predict(inputs)

    repository = repository_of(Held)
    loaded = await repository.lease(key("v1"))
    waiting = loaded.batcher.submit(lab_rows(1), 1, 10)
    loaded.release()
    unloading = asyncio.create_task(repository.unload(key("v1")))
    await asyncio.sleep(0)
    await repository.close(0.02)
    with pytest.raises(NotReady, match="shutting down"):
        await waiting
    hold.set()
    await asyncio.wait_for(unloading, 5)


async def test_abandon_answers_who_waits_in_a_queue(repository_of: MakeRepository) -> None:
    repository = repository_of(Opened())
    loaded = await repository.lease(key("v1"))
    waiting = loaded.batcher.submit(lab_rows(1), 1, 10)
    repository.abandon()
    with pytest.raises(NotReady, match="shutting down"):
        await waiting
    loaded.release()
    await repository.close(5)


def lab_rows(*values: float) -> Any:
    import numpy as np

    return {"numbers": np.array(values, np.float32)}


async def test_a_caller_that_leaves_in_the_very_turn_of_its_load_holds_no_lease(
    repository_of: MakeRepository,
) -> None:
    repository = repository_of(Opened())
    leaving = asyncio.create_task(repository.lease(key("v1")))
    await asyncio.sleep(0)
    task = repository._loading[key("v1")].task
    task.add_done_callback(lambda _: leaving.cancel())
    with pytest.raises(asyncio.CancelledError):
        await leaving
    loaded = repository.in_memory(key("v1"))
    assert loaded is not None
    assert loaded.leases == 0
    await repository.close(5)
