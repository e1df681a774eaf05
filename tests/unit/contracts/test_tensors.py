"""Signatures, names and examples, and what is no such thing."""

import pytest
from pydantic import TypeAdapter, ValidationError

from trellis.contracts.tensors import Name, TensorSpec


def test_a_signature_in_v2_terms() -> None:
    spec = TensorSpec(name="image", datatype="BYTES", shape=(-1,), content="image")
    assert spec.model_dump(mode="json") == {
        "name": "image",
        "datatype": "BYTES",
        "shape": [-1],
        "content": "image",
    }


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"shape": (3,)}, "dimension 0 is the rows and must be -1"),
        ({"shape": ()}, "at least 1 item"),
        ({"shape": (-1, 0)}, "sizes are -1 or at least 1"),
        ({"shape": (-1, -2)}, "sizes are -1 or at least 1"),
        ({"datatype": "FLOAT"}, "Input should be 'BOOL'"),
        ({"content": "text"}, "needs datatype BYTES"),
        ({"size": 3}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_no_signature_is_refused(changed: dict[str, object], words: str) -> None:
    good = {"name": "x", "datatype": "FP32", "shape": (-1, 3)}
    with pytest.raises(ValidationError, match=words):
        TensorSpec.model_validate(good | changed)


@pytest.mark.parametrize("name", ["tomato", "v1", "a", "Model_2.1-rc", "x" * 63])
def test_names(name: str) -> None:
    assert TypeAdapter(Name).validate_python(name) == name


@pytest.mark.parametrize(
    "name", ["", ".hidden", "a/b", "..", "a ", "-a", "a-", "ü", "x" * 64, "a\n"]
)
def test_names_that_are_unsafe_in_a_path(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)
