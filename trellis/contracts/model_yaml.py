"""``model.yaml``: what a version folder says of itself."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from trellis.contracts.tensors import Document, Example, Name, TensorSpec

EngineName = Literal["onnx", "keras", "sklearn"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
#: A path below the version folder; no part starts with a dot, so none climbs out of it.
RelativeFile = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$")
]


class Parity(Document):
    """How far an ONNX export is from its framework, over the held-out rows."""

    rows: int = Field(ge=1)
    largest_difference: float = Field(ge=0, description="of any probability, absolute")
    label_agreement: float = Field(ge=0, le=1, description="share of rows with the same label")
    tolerance: float = Field(gt=0, description="largest difference that was accepted")


class Histogram(Document):
    """Counts between edges: ``len(edges) == len(counts) + 1``."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.edges) != len(self.counts) + 1:
            msg = (
                f"{len(self.edges)} edges need {len(self.edges) - 1} counts, got {len(self.counts)}"
            )
            raise ValueError(msg)
        return self


class Reference(Document):
    """The held-out rows in numbers, to compare live traffic with."""

    rows: int = Field(ge=1)
    label_shares: dict[str, float] = {}
    confidence: Histogram | None = None
    feature_quantiles: dict[str, tuple[float, ...]] = Field(
        {}, description="per feature, the quantiles 0, 0.1, ... 1"
    )


class TrainingData(Document):
    """Where the rows came from."""

    name: str
    seed: int
    rows: int = Field(ge=0)
    held_out_rows: int = Field(ge=0)
    synthetic: bool = Field(False, description="true where the rows were drawn or made up")
    note: str = Field("", description="what a user of the model must know of its data")


class ModelYaml(Document):
    """One version of one model."""

    name: Name
    version: Name
    description: str = ""
    predictor: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        description="module:Class, from one of TRELLIS_PREDICTOR_PACKAGES",
    )
    engine: EngineName | None = Field(None, description="none: the class computes by itself")
    artefacts: dict[EngineName, RelativeFile] = Field({}, description="the file each engine loads")
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    labels: tuple[str, ...] = ()
    preprocessing: dict[str, Any] = {}
    examples: tuple[Example, ...] = Field(min_length=1)
    metrics: dict[str, float] = Field({}, description="on the held-out rows")
    data: TrainingData | None = None
    created: datetime
    files: dict[RelativeFile, Sha256] = Field({}, description="every file beside this one")
    parity: Parity | None = None
    reference: Reference | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.engine is not None and self.engine not in self.artefacts:
            msg = f"engine {self.engine!r} has no file in artefacts: {sorted(self.artefacts)}"
            raise ValueError(msg)
        for engine, file in self.artefacts.items():
            if file not in self.files:
                msg = f"artefact {file!r} of engine {engine!r} has no hash in files"
                raise ValueError(msg)
        names = [spec.name for spec in self.inputs]
        if len(set(names)) != len(names):
            msg = f"input names repeat: {names}"
            raise ValueError(msg)
        return self
