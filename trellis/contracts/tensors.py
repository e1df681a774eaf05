"""Tensors in the terms of the Open Inference Protocol (V2): datatypes, shapes, signatures."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Datatype = Literal[
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
]

Content = Literal["text", "image"]

#: A name that is safe in a URL path, a file name and a Prometheus label.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")]


class Document(BaseModel):
    """A closed, immutable document: an unknown key is an error, not a typo that waits."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class TensorSpec(Document):
    """One input or output: ``shape`` holds -1 where any length fits; dimension 0 is the rows."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...] = Field(min_length=1)
    content: Content | None = Field(
        None, description="What the bytes of a BYTES tensor are; an image travels as base64 in JSON"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.shape[0] != -1:
            msg = (
                f"shape {list(self.shape)} of {self.name!r}: dimension 0 is the rows and must be -1"
            )
            raise ValueError(msg)
        if any(size < 1 and size != -1 for size in self.shape):
            msg = f"shape {list(self.shape)} of {self.name!r}: sizes are -1 or at least 1"
            raise ValueError(msg)
        if self.content is not None and self.datatype != "BYTES":
            msg = f"content {self.content!r} of {self.name!r} needs datatype BYTES"
            raise ValueError(msg)
        return self


class ExampleTensor(Document):
    """One input of an example as V2 JSON has it; the bytes of an image as base64."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    data: tuple[Any, ...]


class Example(Document):
    """A request that the version answers; the first one of a version warms it up."""

    title: str = ""
    inputs: tuple[ExampleTensor, ...] = Field(min_length=1)
