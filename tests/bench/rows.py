"""The table's rows: who competes on which request, and what is to be reached."""

from dataclasses import dataclass, field
from typing import Literal

from tests.bench.answers import Saying
from tests.bench.requests import Grpc, Http

Role = Literal["trellis", "stock", "careful", "limit"]


@dataclass(frozen=True)
class Contestant:
    """One way to answer the row's request.

    ``command`` starts it, with ``{http}`` and ``{grpc}`` for its ports; without a ``request`` it is
    a loop that ends by itself after ``{seconds}``. ``ready_path`` answers 200 once it serves;
    where it is empty, a gRPC port that takes connections is enough.
    """

    title: str
    role: Role
    command: tuple[str, ...]
    request: Http | Grpc | None = None
    says: Saying | None = None
    ready_path: str = "/"


@dataclass(frozen=True)
class Helper:
    """What all contestants of a row use, on the load's core: a predictor, a Redis.

    It serves once ``ready_path`` answers 200, or where that is empty once ``port`` takes connections.
    """

    title: str
    command: tuple[str, ...]
    port: int
    ready_path: str = ""


@dataclass(frozen=True)
class Target:
    """Requests a second of ``ours`` over those of ``of``: at least ``factor``."""

    ours: str
    of: str
    factor: float


@dataclass(frozen=True)
class Row:
    """All contestants must say the same; ``most_p99`` is for Trellis, in milliseconds."""

    key: str
    title: str
    contestants: tuple[Contestant, ...]
    targets: tuple[Target, ...] = ()
    most_p99: float | None = None
    helpers: tuple[Helper, ...] = ()
    notes: tuple[str, ...] = field(default=())
