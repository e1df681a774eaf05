"""Whatever is written at any field, reading and checking it ends in findings."""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.local.conftest import (
    CONTAINER_FORM,
    EXPERIMENT_FORM,
    MODEL_FORM,
    ROLLOUT_FORM,
)
from trellis.contracts.experiment_resource import Arm, ExperimentSpec, Goal
from trellis.contracts.rollout import Guardrail, Margin, RolloutSpec, Step
from trellis.contracts.routing_table import WireDocument
from trellis.local import fields
from trellis.local.validate import brief_notes, read_and_check

MODELS = Path(__file__).parents[3] / "models"

#: Each place of the good documents, and the fields that may stand there.
PREDICTOR = ("spec", "predictor")
PLACES: list[tuple[str, tuple[str | int, ...], frozenset[str]]] = [
    (MODEL_FORM, (), fields.TOP),
    (MODEL_FORM, ("metadata",), fields.METADATA),
    (MODEL_FORM, ("spec",), fields.SPEC),
    (MODEL_FORM, PREDICTOR, fields.PREDICTOR),
    (MODEL_FORM, (*PREDICTOR, "model"), fields.MODEL),
    (MODEL_FORM, (*PREDICTOR, "model", "modelFormat"), frozenset({"name", "version"})),
    (CONTAINER_FORM, (*PREDICTOR, "containers", 0), fields.CONTAINER),
    (CONTAINER_FORM, (*PREDICTOR, "containers", 0, "env", 0), fields.ENV),
]
#: Likewise of what governs them.
TYPES: list[tuple[str, tuple[str | int, ...], type[WireDocument]]] = [
    (ROLLOUT_FORM, ("spec",), RolloutSpec),
    (ROLLOUT_FORM, ("spec", "steps", 0), Step),
    (ROLLOUT_FORM, ("spec", "guardrails", 0), Guardrail),
    (ROLLOUT_FORM, ("spec", "guardrails", 0, "margin"), Margin),
    (EXPERIMENT_FORM, ("spec",), ExperimentSpec),
    (EXPERIMENT_FORM, ("spec", "arms", 1), Arm),
    (EXPERIMENT_FORM, ("spec", "goal"), Goal),
]
PLACES += [
    (text, path, frozenset(field.alias or name for name, field in type_.model_fields.items()))
    for text, path, type_ in TYPES
]
WHERE = [(text, (*path, name)) for text, path, names in PLACES for name in sorted(names)]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.binary(max_size=8)
    | st.dates()
    | st.sampled_from(
        [
            "pvc://models/x",
            "pvc://[models",
            "file://a/b",
            "s3://x",
            "trellis",
            "python",
            "-m",
            "--a",
            "trellis.serving",
            "/mnt/models",
            "$(A)",
            "kserve-container",
            "errors",
            "latency",
            "1h",
            "1%",
            "limits",
            "cpu",
        ]
    )
    | st.just("x" * 300)
)
KEYS = st.text(max_size=6) | st.integers() | st.none() | st.sampled_from(["limits", "name", "cpu"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def check(text: str | bytes) -> None:
    """What `trellis validate` does, its words too."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "m.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
        reading = read_and_check([file], MODELS)
        for finding in reading.findings:
            finding.text().encode()
            assert finding.line >= 1
        brief_notes(reading.findings)
        assert reading.services or reading.findings or not text


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(WHERE), VALUES)
def test_any_value_at_any_field(where: tuple[str, tuple[str | int, ...]], value: Any) -> None:
    text, path = where
    document: Any = yaml.safe_load(text)
    holder = document
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    check(yaml.safe_dump(document, allow_unicode=True))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([MODEL_FORM, CONTAINER_FORM, ROLLOUT_FORM]),
    st.integers(0, 400),
    st.integers(0, 20),
    st.text(max_size=10) | st.text("[]{}:,&*!|>'\"%@`#-? \n\t<=~", max_size=10),
)
def test_any_slip_of_the_keyboard(text: str, at: int, cut: int, typed: str) -> None:
    check(text[:at] + typed + text[at + cut :] + "x: 1\n")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes(content: bytes) -> None:
    check(b"a: 1\n" + content)
