"""The custom resources as types: names of the API, and a ``Rollout`` or ``Experiment`` read whole."""

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import RolloutStatus
from trellis.contracts.routing_table import WireDocument

GROUP = "trellis.dev"
VERSION = "v1alpha1"
API_VERSION: Literal["trellis.dev/v1alpha1"] = "trellis.dev/v1alpha1"
#: Characters, as Kubernetes has it.
LONGEST_NAME = 253
#: Of what routing tables and events carry the name of: that of ``trellis.contracts.tensors.Name``.
LONGEST_NAME_IN_TABLE = 63

Spec = TypeVar("Spec", bound=WireDocument)
Status = TypeVar("Status", bound=WireDocument)


@dataclass(frozen=True)
class ResourceKind:
    """A kind of ours as the API server knows it.

    ``short_names`` begin with t: ``ro`` and the plain plural of rollouts belong to Argo's in
    clusters that have both. ``longest_name``: characters of an object's name at most.
    """

    kind: str
    plural: str
    short_names: tuple[str, ...]
    spec: type[WireDocument]
    status: type[WireDocument]
    longest_name: int

    @property
    def name(self) -> str:
        """Of the CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"


ROLLOUTS = ResourceKind("Rollout", "rollouts", ("tro",), RolloutSpec, RolloutStatus, LONGEST_NAME)
EXPERIMENTS = ResourceKind(
    "Experiment",
    "experiments",
    ("txp",),
    ExperimentSpec,
    ExperimentResourceStatus,
    LONGEST_NAME_IN_TABLE,
)
KINDS = (ROLLOUTS, EXPERIMENTS)


class Metadata(BaseModel):
    """What we read of an object's metadata; Kubernetes has more."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = Field("", alias="resourceVersion")
    generation: int = 0
    creation_timestamp: str = Field("", alias="creationTimestamp")
    deletion_timestamp: str | None = Field(None, alias="deletionTimestamp")
    annotations: dict[str, str] = {}


class Resource(WireDocument, Generic[Spec, Status]):
    """A whole object, as the API server gives it or a file has it."""

    api_version: Literal["trellis.dev/v1alpha1"] = API_VERSION
    kind: str
    metadata: Metadata
    spec: Spec
    status: Status | None = None


class Rollout(Resource[RolloutSpec, RolloutStatus]):
    """A ``Rollout``."""

    kind: Literal["Rollout"] = "Rollout"


class ExperimentResource(Resource[ExperimentSpec, ExperimentResourceStatus]):
    """An ``Experiment``."""

    kind: Literal["Experiment"] = "Experiment"
