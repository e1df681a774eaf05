"""The routing table: which revision answers which unit.

The controller (locally the supervisor) compiles it, gateways fetch it whole and swap it
whole. Keys are camelCase on the wire, as in Kubernetes.
"""

from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from trellis.contracts.intervals import Intervals, check_partition, length
from trellis.contracts.tensors import Document, Name

#: The longest attribution window, in seconds: a year. What serves a request is kept for so long.
MOST_WINDOW_SECONDS = 31_536_000.0

Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]
Address = Annotated[str, Field(pattern=r"^[^/\s]+:\d{1,5}$")]


#: Tags of KServe: the host of each leads to the newest ready revision, and to the one of before it.
LATEST, PREVIOUS = "latest", "prev"
#: What tells Knative's queue-proxy of a tag: the host does so only where no activator stands between.
TAG_HEADER = "knative-serving-tag"


class WireDocument(Document):
    """A document with camelCase keys."""

    model_config = ConfigDict(alias_generator=to_camel)


class Arm(WireDocument):
    """A revision that may answer for a model.

    ``intervals`` is the arm's part of the unit line [0, 1); an arm without any gets no unit
    but can be asked for by version.
    """

    url: Url = Field(description="where its REST is reached, scheme and authority only")
    grpc_address: Address | None = Field(None, description="host:port of its gRPC")
    host: str | None = Field(None, description="Host header and gRPC authority, for tag hosts")
    model: Name = Field(description="the name the revision answers to")
    version: Name
    revision: str
    fingerprint: str = ""
    role: Literal["stable", "canary", "arm"] = "arm"
    intervals: Intervals = ()

    @property
    def weight(self) -> float:
        """Share of units, 0 to 1."""
        return length(self.intervals)

    @property
    def tag(self) -> str:
        """The tag by whose host a revision of a trial is reached; empty for all other arms."""
        return _tag(self.host or self.url.partition("://")[2], self.revision)


@lru_cache(maxsize=4096)
def _tag(host: str, revision: str) -> str:
    """By the names that Knative gives: ``latest-x-predictor`` leads to ``x-predictor-00002``."""
    label = host.partition(".")[0]
    for tag in (LATEST, PREVIOUS):
        service = label.removeprefix(f"{tag}-")
        if service != label and revision.startswith(f"{service}-"):
            return tag
    return ""


class ModelRoute(WireDocument):
    """How requests for one model are shared among arms."""

    strategy: Literal["hash", "random", "weighted"] = "hash"
    salt: str = Field(
        min_length=1, description="key of the unit's hash; constant for an experiment"
    )
    experiment: str | None = None
    record: bool = Field(
        False, description="whether exposures are stored, for an experiment or a label guardrail"
    )
    attribution_window: float = Field(
        7 * 86400.0,
        gt=0,
        le=MOST_WINDOW_SECONDS,
        description="seconds after an exposure in which its outcome still counts, at most a year",
    )
    cache_seconds: float | None = Field(
        None, ge=0, description="how long an answer is kept; 0: never, null: the gateway's setting"
    )
    override: Literal["anyone", "scope"] = Field(
        "anyone", description="who may ask for a version: anyone, or keys with the scope `version`"
    )
    arms: tuple[Arm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        revisions = [arm.revision for arm in self.arms]
        if len(set(revisions)) != len(revisions):
            msg = f"revisions repeat: {revisions}"
            raise ValueError(msg)
        check_partition({arm.revision: arm.intervals for arm in self.arms})
        if len(self.salt.encode()) > 64:
            msg = "salt is longer than 64 bytes, the most that blake2b takes as a key"
            raise ValueError(msg)
        return self


class RoutingTable(WireDocument):
    """All models of one namespace; ``version`` rises with every change."""

    api_version: Literal["trellis.dev/v1alpha1"] = "trellis.dev/v1alpha1"
    kind: Literal["RoutingTable"] = "RoutingTable"
    version: int = Field(ge=0)
    default_model: str | None = None
    models: dict[str, ModelRoute] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.default_model is not None and self.default_model not in self.models:
            msg = f"defaultModel {self.default_model!r} is not among models {sorted(self.models)}"
            raise ValueError(msg)
        return self
