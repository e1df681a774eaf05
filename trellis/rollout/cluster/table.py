"""What is known of one kind, by name, with whatever others look it up by."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from trellis.rollout.cluster.facts import Key, key_of


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
    ) -> None:
        self._read, self._group, self._changed = read, group, changed
        self._facts: dict[Key, Fact] = {}
        self._groups: dict[Key, dict[Key, Fact]] = {}
        self._versions: dict[Key, int] = {}

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """These are all."""
        kept = set()
        for found in objects:
            kept.add(key_of(found))
            self.put(found)
        for key in self._facts.keys() - kept:
            self._set(key, None)

    def put(self, changed: Mapping[str, Any]) -> None:
        """One is new or changed."""
        key, version = key_of(changed), int(changed["metadata"]["resourceVersion"])
        if version >= self._versions.get(key, 0):
            self._set(key, self._read(changed), version)

    def know(self, fact: Fact, version: int) -> None:
        """What a write was answered."""
        if version >= self._versions.get(fact.key, 0):
            self._set(fact.key, fact, version)

    def drop(self, gone: Mapping[str, Any]) -> None:
        """One was deleted."""
        self._set(key_of(gone), None)

    def get(self, key: Key) -> Fact | None:
        """The one of that name."""
        return self._facts.get(key)

    def of(self, group: Key) -> tuple[Fact, ...]:
        """All of a group."""
        return tuple(self._groups.get(group, {}).values())

    def __iter__(self) -> Iterator[Fact]:
        return iter(tuple(self._facts.values()))

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
