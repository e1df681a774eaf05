"""What is known of one kind, by name, with whatever others look it up by."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from trellis.rollout.cluster.facts import Key, key_of

#: Seconds for which a write's late answer does not bring back what was deleted.
GONE_SECONDS = 60.0


class Keyed(Protocol):
    """A fact of one object."""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        ...


Fact = TypeVar("Fact", bound=Keyed)


class Table(Generic[Fact]):
    """An ``informer.Sink``. ``group`` says by what objects are found together.

    ``changed`` hears of what became of a fact: before and after, None where there is none. What is
    older than what is known is left out: a write's answer is here before its event.
    """

    def __init__(
        self,
        read: Callable[[Mapping[str, Any]], Fact | None],
        group: Callable[[Fact], Key],
        changed: Callable[[Fact | None, Fact | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._group, self._changed = read, group, changed
        self._clock = clock
        self._gone: dict[Key, float] = {}
        self._facts: dict[Key, Fact] = {}
        self._groups: dict[Key, dict[Key, Fact]] = {}
        self._versions: dict[Key, int] = {}

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """These are all, as they are: a cluster that was restored counts from an older number."""
        kept = set()
        for found in objects:
            key = key_of(found)
            kept.add(key)
            self._take(key, found)
        for key in self._facts.keys() - kept:
            self._end(key)

    def put(self, changed: Mapping[str, Any]) -> None:
        """One is new or changed."""
        key, version = key_of(changed), int(changed["metadata"]["resourceVersion"])
        if version >= self._versions.get(key, 0):
            self._take(key, changed)

    def know(self, fact: Fact, version: int) -> None:
        """What a write was answered; of one that was deleted since it is no news."""
        gone = self._gone.get(fact.key)
        if gone is not None and self._clock() - gone < GONE_SECONDS:
            return
        if version >= self._versions.get(fact.key, 0):
            self._set(fact.key, fact, version)

    def drop(self, gone: Mapping[str, Any]) -> None:
        """One was deleted."""
        self._end(key_of(gone))

    def get(self, key: Key) -> Fact | None:
        """The one of that name."""
        return self._facts.get(key)

    def of(self, group: Key) -> tuple[Fact, ...]:
        """All of a group."""
        return tuple(self._groups.get(group, {}).values())

    def __iter__(self) -> Iterator[Fact]:
        return iter(tuple(self._facts.values()))

    def _take(self, key: Key, found: Mapping[str, Any]) -> None:
        self._gone.pop(key, None)
        self._set(key, self._read(found), int(found["metadata"]["resourceVersion"]))

    def _end(self, key: Key) -> None:
        now = self._clock()
        self._gone = {k: t for k, t in self._gone.items() if now - t < GONE_SECONDS}
        self._gone[key] = now
        self._set(key, None)

    def _set(self, key: Key, after: Fact | None, version: int = 0) -> None:
        before = self._facts.pop(key, None)
        self._versions.pop(key, None)
        if before is not None:
            group = self._group(before)
            self._groups[group].pop(key)
            if not self._groups[group]:
                del self._groups[group]
        if after is not None:
            self._facts[key] = after
            self._versions[key] = version
            self._groups.setdefault(self._group(after), {})[key] = after
        if before != after:
            self._changed(before, after)
