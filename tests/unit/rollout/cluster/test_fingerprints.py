import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

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
        self.held: asyncio.Event | None = None  # until when no pod answers
        self.changes = 0
        self.fingerprints = Fingerprints(self, "farm", self.ask, self.changed)

    def changed(self) -> None:
        self.changes += 1

    def revisions_in(self, namespace: str) -> Iterable[Revision]:
        return [found for found in self.revisions if found.key[0] == namespace]

    def pods_in(self, namespace: str) -> Iterable[PodFact]:
        return [found for found in self.pods.values() if found.key[0] == namespace]

    async def ask(self, address: str, model: str) -> Said:
        self.asked.append((address, model))
        said = self.says[address]
        if self.held is not None:
            await self.held.wait()
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

    def known(self, name: str = FIRST, created: float = 1.0) -> str | None:
        return self.fingerprints.of(RevisionSeen(name, "v1", "i", created, ready=True))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Look again until it holds."""
        self.fingerprints.stir()
        async with asyncio.timeout(20):
            while True:
                if condition():
                    return
                await asyncio.sleep(0)

    async def until_looked(self) -> None:
        """Once everybody who is to be asked now has been, and nothing changes any more."""
        for _ in range(3):
            await self.until(
                lambda: not (self.fingerprints._stirred.is_set() or self.fingerprints._asking)
            )


async def listed() -> None:
    """All is known."""


@pytest.fixture
async def farm(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Farm]:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    found = Farm()
    found.has()
    task = asyncio.create_task(found.fingerprints.run(listed))
    yield found
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


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


async def test_a_revision_without_pods_keeps_what_was_known(farm: Farm) -> None:
    farm.starts("a", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    farm.pods.clear()
    await farm.until_looked()
    assert farm.known() == "sha256:1"
    farm.starts("b", TWO)
    await farm.until(lambda: farm.known() == "sha256:2")


async def test_one_of_a_name_that_was_there_before_is_another(farm: Farm) -> None:
    farm.starts("a", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    farm.pods.clear()
    farm.has(created=2.0)
    await farm.until_looked()
    assert farm.known(created=2.0) is None
    farm.revisions.clear()
    await farm.until_looked()
    farm.has()
    assert farm.known() is None


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
        Said("v1", "", "sha256:1"),
        Said("v2", FIRST, "sha256:1"),
    ],
    ids=["nothing", "no fingerprint", "no revision", "another version"],
)
async def test_one_whose_answers_could_not_be_kept_has_none_and_is_asked_once(
    farm: Farm, said: Said
) -> None:
    farm.starts("a", said)
    await farm.until(lambda: farm.known() == "")
    await farm.until_looked()
    assert len(farm.asked) == 1


async def test_one_that_speaks_grpc_alone_is_not_asked(farm: Farm) -> None:
    farm.has(grpc=True)
    farm.starts("a", ONE)
    await farm.until_looked()
    assert (farm.asked, farm.known()) == ([], None)


@pytest.mark.parametrize("said", [None, Said("v1", "tomato-predictor-00007", "sha256:7")])
async def test_one_that_cannot_be_asked_is_asked_after_growing_pauses_and_said_once(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, said: Said | None
) -> None:
    pauses: list[float] = []
    loop = asyncio.get_running_loop()
    clock = [loop.time()]
    monkeypatch.setattr(module, "PAUSE_SECONDS", (1.0, 8.0))
    monkeypatch.setattr(module, "_now", lambda: clock[0])
    farm.starts("a", said)
    with structlog.testing.capture_logs() as logs:
        for number in range(1, 7):
            await farm.until(lambda: len(farm.asked) == number)  # noqa: B023 - used up in its own round
            await farm.until_looked()
            assert len(farm.asked) == number, "it is asked before its pause is over"
            (pause,) = farm.fingerprints._pauses.values()
            pauses.append(pause.until - clock[0])
            clock[0] = pause.until
    assert pauses == [1, 2, 4, 8, 8, 8]
    assert [log["revision"] for log in logs] == [FIRST]
    # It is no obstacle to what the others say, and is heard once it speaks.
    assert farm.known() is None
    farm.starts("b", ONE)
    await farm.until(lambda: farm.known() == "sha256:1")
    farm.says["a"] = TWO
    clock[0] += 8
    await farm.until(lambda: farm.known() == "")


async def test_only_so_many_are_asked_at_once(farm: Farm) -> None:
    farm.held = asyncio.Event()
    for number in range(3 * module.AT_ONCE):
        farm.starts(f"pod-{number}", ONE)
    await farm.until(lambda: len(farm.asked) >= module.AT_ONCE)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(farm.asked) == module.AT_ONCE
    farm.held.set()
    await farm.until(lambda: farm.known() == "sha256:1")
    assert len(farm.asked) == 3 * module.AT_ONCE
