from typing import Any, Literal

import pytest
from pydantic import Field

from trellis.contracts.routing_table import WireDocument
from trellis.rollout.crds.structural import structural


class Inner(WireDocument):
    """An inner one."""

    size: float = Field(gt=1, lt=5)


class Outer(WireDocument):
    """An outer one."""

    first_name: str | None = Field(None, max_length=3)
    inner: Inner | None = Field(None, description="beside")
    inners: tuple[Inner, ...] = (Inner(size=2),)
    pair: tuple[float, float] | None = None
    kind: Literal["one"] = "one"
    memory: dict[str, Any] = {}
    counts: dict[str, int] = {}


class TwoTypes(WireDocument):
    """Of two types."""

    either: int | str


class MixedTuple(WireDocument):
    """A tuple of two types."""

    pair: tuple[int, str]


INNER = {
    "type": "object",
    "properties": {
        "size": {
            "type": "number",
            "minimum": 1,
            "exclusiveMinimum": True,
            "maximum": 5,
            "exclusiveMaximum": True,
        }
    },
    "required": ["size"],
}


def test_each_field_has_the_form_that_kubernetes_knows() -> None:
    schema = structural(Outer, defaults=True)
    assert schema["type"] == "object"
    assert schema["properties"] == {
        "firstName": {"type": "string", "maxLength": 3},
        "inner": {**INNER, "description": "beside"},
        "inners": {
            "type": "array",
            "items": {**INNER, "description": "An inner one."},
            "default": [{"size": 2.0}],
        },
        "pair": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        "kind": {"type": "string", "enum": ["one"], "default": "one"},
        "memory": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "default": {}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}, "default": {}},
    }


def test_a_status_is_not_filled_in() -> None:
    assert "default" not in str(structural(Outer, defaults=False))


@pytest.mark.parametrize(
    ("model", "words"),
    [(TwoTypes, r"TwoTypes\.either may be of 2 types"), (MixedTuple, r"MixedTuple\.pair is a tup")],
)
def test_what_has_no_structural_form_is_told(model: type[WireDocument], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        structural(model, defaults=True)
