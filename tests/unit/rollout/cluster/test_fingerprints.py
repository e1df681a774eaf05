import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from functools import partial

import pytest
import structlog

from trellis.rollout.cluster import fingerprints as module
from trellis.rollout.cluster.facts import PodFact, Revision
from trellis.rollout.cluster.fingerprints import Fingerprints
from trellis.rollout.cluster.identity import Artefact
from trellis.rollout.cluster.metadata import Said, Silent
from trellis.rollout.seen import RevisionSeen

FIRST = "tomato-predictor-00001"
ONE, TWO = Said("v1", FIRST, "sha256:1"), Said("v1", FIRST, "sha256:2")


class Farm:
    """A namespace, its pods' predictors by address, and what is known of them."""

    def __init__(self) -> None:
        self.revisions: list[Revision] = []
        self.pods: dict[str, PodFact] = {}
        self.says: dict[str, Said | None] = {}  # None: silent
        self.asked: list[tuple[str, str]] = []
        self.answering = 0  # asks that go on
        self.looks = 0
        self.held: asyncio.Event | None = None  # until when no pod answers
        self.changes = 0
        self.fingerprints = Fingerprints(self, "farm", self.ask, self.changed)

    def changed(self) -> None:
        self.changes += 1

    def revisions_in(self, namespace: str) -> Iterable[Revision]:
        self.looks += 1
        return [found for found in self.revisions if found.key[0] == namespace]

    def pods_in(self, namespace: str) -> Iterable[PodFact]:
        return [found for found in self.pods.values() if found.key[0] == namespace]

    async def ask(self, address: str, model: str) -> Said:
        self.asked.append((address, model))
        said = self.says[address]
        self.answering += 1
        try:
            if self.held is not None:
                await self.held.wait()
        finally:
            self.answering -= 1
        if said is None:
            raise Silent("it refuses")
        return said

    def has(self, name: str = FIRST, created: float = 1.0, *, grpc: bool = False) -> None:
        """A revision of version v1."""
        made = Artefact("pvc://models/tomato/v1", "trellis/predictor:1", b"")
        found = Revision(
            key=("farm", name),
            service="tomato-predictor",
            model="",
            grpc=grpc,
            artefact=made,
            created=created,
            ready=True,
            failure="",
        )
        self.revisions = [one for one in self.revisions if one.key[1] != name] + [found]

    def starts(self, pod: str, says: Said | None, revision: str = FIRST) -> None:
        """A pod that is ready; its name is its address."""
        self.says[pod] = says
        self.pods[pod] = PodFact(
            key=("farm", pod),
            service="tomato",
            revision=revision,
            address=pod,
            running=True,
            ready=True,
            terminating=False,
            restarts=0,
            failing="",
        )

    def known(self, name: str = FIRST, created: float = 1.0, *, grpc: bool = False) -> str | None:
        return self.fingerprints.of(RevisionSeen(name, "v1", "i", created, ready=True, grpc=grpc))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Look again until it holds."""
        self.fingerprints.stir()
        async with asyncio.timeout(20):
            while True:
                if condition():
                    return
                await asyncio.sleep(0)

    async def until_looked(self) -> None:
        """Once whole looks have asked nobody more, and all who were asked have answered."""
        asked = -1
        while asked != len(self.asked):
            asked = len(self.asked)
            for _ in range(3):
                looked = partial(self._looked_after, self.looks)
                await self.until(looked)

    def _looked_after(self, looks: int) -> bool:
        return self.looks > looks and not self.answering


async def listed() -> None:
    """All is known."""


@contextlib.asynccontextmanager
async def asking(farm: Farm) -> AsyncIterator[None]:
    """While its pods are asked, with no pause between two looks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LOOK_SECONDS", 0.0)
        task = asyncio.create_task(farm.fingerprints.run(listed))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def farm() -> AsyncIterator[Farm]:
    found = Farm()
    found.has()
    async with asking(found):
        yield found


async def test_a_revision_has_the_fingerprint_that_its_pods_say(farm: Farm) -> None:
    assert farm.known() is None
    farm.starts("a", ONE)
    farm.starts("b", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    assert farm.changes > 0
    await farm.until_looked()
    assert sorted(farm.asked) == [("a", "tomato"), ("b", "tomato")]


async def test_it_is_not_known_before_every_pod_was_asked(farm: Farm) -> None:
    farm.starts("a", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    farm.held = asyncio.Event()
    farm.starts("b", TWO)
    await farm.until(lambda: len(farm.asked) == 2)
    assert farm.known() is None
    farm.held.set()
    await farm.until(lambda: farm.known() == "")  # they differ
    # The folder was published anew in place: once the older one has gone, all say the newer.
    del farm.pods["a"]
    await farm.until(lambda: farm.known() == "sha256:2")


@pytest.mark.parametrize("said", [ONE, Said(), None], ids=["told", "none", "silent"])
async def test_nothing_is_known_of_a_revision_without_pods(farm: Farm, said: Said | None) -> None:
    farm.starts("a", said)
    await farm.until(lambda: farm.known() is not None)
    changes = farm.changes
    farm.pods.clear()
    await farm.until(lambda: farm.known() is None)
    assert farm.changes == changes + 1
    farm.starts("b", TWO)
    await farm.until(lambda: farm.known() == "sha256:2")


async def test_one_that_does_not_tell_takes_the_fingerprint_away(farm: Farm) -> None:
    farm.starts("a", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    farm.starts("b", None)
    await farm.until(lambda: farm.known() == "")
    farm.pods["a"] = replace(farm.pods["a"], ready=False)
    await farm.until_looked()
    assert farm.known() == ""
    del farm.pods["b"]
    farm.pods["a"] = replace(farm.pods["a"], ready=True)
    await farm.until(lambda: farm.known() == "sha256:1")


async def test_one_of_a_name_that_was_there_before_is_another(farm: Farm) -> None:
    farm.starts("a", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    assert farm.known(created=2.0) is None


async def test_a_container_that_started_anew_is_asked_anew(farm: Farm) -> None:
    farm.starts("a", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    farm.says["a"] = TWO
    farm.pods["a"] = replace(farm.pods["a"], restarts=1)
    await farm.until(lambda: farm.known() == "sha256:2")


@pytest.mark.parametrize(
    "changed",
    [{"ready": False}, {"running": False}, {"terminating": True}, {"address": None}],
    ids=["not ready", "not running", "ends", "without address"],
)
async def test_who_takes_no_requests_is_not_asked(farm: Farm, changed: dict[str, bool]) -> None:
    farm.starts("a", TWO)
    farm.pods["a"] = replace(farm.pods["a"], **changed)  # type: ignore[arg-type] # by the test's table
    farm.starts("b", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    await farm.until_looked()
    assert farm.asked == [("b", "tomato")]


@pytest.mark.parametrize(
    "said",
    [
        Said(),
        Said("v1", FIRST, ""),
        Said("v2", FIRST, "sha256:1"),
    ],
    ids=["nothing", "no fingerprint", "another version"],
)
async def test_one_whose_answers_could_not_be_kept_has_none_and_is_asked_once(
    farm: Farm, said: Said
) -> None:
    farm.starts("a", said)
    await farm.until(lambda: farm.known() == "")
    await farm.until_looked()
    assert len(farm.asked) == 1


async def test_one_that_does_not_tell_its_revision_is_taken_at_its_word(farm: Farm) -> None:
    farm.starts("a", Said("v1", "", "sha256:1"))
    await farm.until(lambda: farm.known() == "sha256:1")


async def test_one_that_speaks_grpc_alone_is_not_asked(farm: Farm) -> None:
    farm.has(grpc=True)
    farm.starts("a", ONE)
    await farm.until_looked()
    assert (farm.asked, farm.known(grpc=True)) == ([], "")


@pytest.mark.parametrize("said", [None, Said("v1", "tomato-predictor-00007", "sha256:7")])
async def test_one_that_cannot_be_asked_is_asked_after_growing_pauses_and_said_once(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, said: Said | None
) -> None:
    clock = [0.0]
    monkeypatch.setattr(module, "PAUSE_SECONDS", (1.0, 8.0))
    monkeypatch.setattr(module, "_now", lambda: clock[0])
    farm.starts("a", said)
    with structlog.testing.capture_logs() as logs:
        for number, pause in enumerate((1, 2, 4, 8, 8, 8), 1):
            await farm.until(lambda: len(farm.asked) == number)  # noqa: B023 - used up in its own round
            clock[0] += 0.75 * pause
            await farm.until_looked()
            assert len(farm.asked) == number, "it is asked before its pause is over"
            clock[0] += 0.25 * pause
    assert [log["revision"] for log in logs] == [FIRST]
    # As the log says, none are cached, whatever the others tell; and it is heard once it speaks.
    farm.starts("b", TWO)
    await farm.until(lambda: ("b", "tomato") in farm.asked)
    await farm.until_looked()
    assert farm.known() == ""
    farm.says["a"] = TWO
    clock[0] += 8
    await farm.until(lambda: farm.known() == "sha256:2")


async def test_only_so_many_are_asked_at_once(farm: Farm) -> None:
    farm.held = asyncio.Event()
    for number in range(3 * module.AT_ONCE):
        farm.starts(f"pod-{number}", ONE)
    await farm.until(lambda: farm.answering >= module.AT_ONCE)
    for _ in range(10):
        await asyncio.sleep(0)
    assert farm.answering == module.AT_ONCE
    farm.held.set()
    await farm.until(lambda: farm.known() == "sha256:1")
    assert len(farm.asked) == 3 * module.AT_ONCE


async def test_those_that_are_asked_again_keep_no_new_one_waiting(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", (0.0, 0.0))
    silent = 2 * module.AGAIN_AT_ONCE
    for number in range(silent):
        farm.starts(f"silent-{number}", None)
    await farm.until(lambda: len(farm.asked) >= silent)
    farm.held = asyncio.Event()
    await farm.until(lambda: farm.answering >= module.AGAIN_AT_ONCE)
    farm.has("bean-predictor-00001")
    farm.starts("new", Said("v1", "bean-predictor-00001", "sha256:1"), "bean-predictor-00001")
    await farm.until(lambda: farm.answering > module.AGAIN_AT_ONCE)
    assert farm.asked[-1] == ("new", "tomato")
    assert farm.answering == module.AGAIN_AT_ONCE + 1
    farm.held.set()
