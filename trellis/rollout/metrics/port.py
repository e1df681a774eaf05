"""What a source of metrics gives: each pod's counters since it started, or why there are none."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol

from trellis.contracts.rollout import Guardrail
from trellis.rollout.looks import Count, Moments

#: Guardrails whose metric a source can give; the others come of gateways' events.
BY_REQUEST = frozenset(("errors", "latency", "meanLatency"))
BY_POD = frozenset(("restarts",))

#: Pods of one revision that are read, at most.
MOST_PODS = 64


@dataclass(frozen=True)
class Pod:
    """One pod, or local process, as its host tells.

    ``address`` is its IP, None while it has none; ``running``: its containers were started, so that
    its metrics are expected. ``restarts`` is the sum over its containers. ``proxied``: a queue-proxy
    counts before it, outside of the process that may die.
    """

    name: str
    revision: str
    address: str | None
    running: bool
    ready: bool
    terminating: bool = False
    restarts: int = 0
    proxied: bool = True


PodLister = Callable[[str, Sequence[str]], Awaitable[Sequence[Pod]]]


@dataclass(frozen=True)
class Counters:
    """What one pod counted since it started.

    ``requests`` are all that it answered; ``counts`` and ``moments``, by the guardrail's name, hold
    only those that were split one by one: a request through a tag's host belongs to its unit, and is
    among ``tagged``.
    ``witness`` is the predictor's own number of requests, where another counts ``requests``;
    ``sampled`` is when the numbers were sampled, None where they were read live; ``own_sampled`` that of
    the predictor's own page (``witness`` and ``moments``), where another counts ``requests``.
    """

    requests: float
    counts: Mapping[str, Count] = field(default_factory=dict)
    moments: Mapping[str, Moments] = field(default_factory=dict)
    witness: float | None = None
    sampled: float | None = None
    own_sampled: float | None = None
    tagged: float = 0.0


@dataclass(frozen=True)
class Readings:
    """One reading of all pods of both sides at ``time``, in seconds by the reader's clock.

    ``unread`` says by pod why it has no ``counters`` this time, ``problems`` by guardrail what has to
    be set before its metric exists at all.
    """

    time: float
    pods: tuple[Pod, ...]
    counters: Mapping[str, Counters]
    unread: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class MetricsSource(Protocol):
    """Where counters come from."""

    async def read(
        self, service: str, revisions: Sequence[str], guardrails: Sequence[Guardrail]
    ) -> Readings:
        """Read the pods of ``revisions`` of one InferenceService.

        What cannot be read is told in the result; raises nothing of its own.
        """
        ...


def read_at_once(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """At most ``MOST_PODS`` of each revision, chosen by their names' hashes: the same ones each time,
    whatever they answered.
    """
    by_hash = sorted(pods, key=lambda pod: blake2b(pod.name.encode(), digest_size=8).digest())
    kept: dict[str, list[Pod]] = {}
    for pod in by_hash:
        of_revision = kept.setdefault(pod.revision, [])
        if len(of_revision) < MOST_PODS:
            of_revision.append(pod)
    return tuple(pod for revision in sorted(kept) for pod in kept[revision])
