"""Anything that is sent to the described routes gets a described answer, and never a 5xx."""

import json
import random
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from tests.integration.gateway.processes import Gateway, ask
from trellis.gateway.api import openapi_document

schema = schemathesis.openapi.from_dict(openapi_document())
MODELS = ("sentiment", "leaf", "rows", "squares", "split")


@schema.parametrize()
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_input_is_a_fault_of_ours(case: schemathesis.Case[Any], whole_gateway: Gateway) -> None:
    if "model" in case.path_parameters:
        # A known model most of the time: behind the name is where the work is.
        case.path_parameters["model"] = random.Random(repr(case.body)).choice([*MODELS, "nope"])
    case.call_and_validate(
        base_url=whole_gateway.url, checks=[not_a_server_error, status_code_conformance]
    )


CONTENT_TYPES = (
    "application/json",
    "application/json; charset=utf-16",
    "image/jpeg",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
    "\x7f;;=",
)
FIELDS = ("text", "features", "image", "model_version", "fallback")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner),
    max_leaves=8,
)
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
BODIES = (
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=60).map(lambda data: PART + data + b"\r\n--b--\r\n")
    | st.binary(max_size=60).map(lambda data: PART + data)
)


@given(st.sampled_from(MODELS), st.sampled_from(CONTENT_TYPES), BODIES)
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_any_bytes_of_any_type_are_answered_or_refused_in_words(
    gateway: Gateway, model: str, content_type: str, body: bytes
) -> None:
    headers = {"content-type": content_type}
    status, _, answer = ask("POST", f"{gateway.url}/predict/{model}", body, headers)
    assert status == 200 or 400 <= status < 500
    document = json.loads(answer)
    assert status == 200 or set(document) == {"error"}
