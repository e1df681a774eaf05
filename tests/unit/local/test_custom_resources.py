from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from tests.unit.local.conftest import EXPERIMENT_FORM, ROLLOUT_FORM, Write
from tests.unit.rollout.crds.specs import (
    BAD_EXPERIMENTS,
    BAD_ROLLOUTS,
    GOOD_EXPERIMENTS,
    GOOD_ROLLOUTS,
    Spec,
)
from trellis.contracts.tensors import Name
from trellis.local.findings import Finding, Severity
from trellis.local.manifests import Reading, read_paths
from trellis.rollout.resources import EXPERIMENTS


def written(write: Write, kind: str, spec: Spec) -> Path:
    document = {
        "apiVersion": "trellis.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": "one"},
        "spec": spec,
    }
    return write(yaml.safe_dump(document))


def errors(reading: Reading) -> list[Finding]:
    return [found for found in reading.findings if found.severity is Severity.ERROR]


def only_error(write: Write, text: str) -> Finding:
    (found,) = errors(read_paths([write(text)]))
    return found


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        *(("Rollout", spec) for spec in GOOD_ROLLOUTS.values()),
        *(("Experiment", spec) for spec in GOOD_EXPERIMENTS.values()),
    ],
    ids=[*GOOD_ROLLOUTS, *GOOD_EXPERIMENTS],
)
def test_a_good_one_is_read(write: Write, kind: str, spec: Spec) -> None:
    reading = read_paths([written(write, kind, spec)])
    assert errors(reading) == []
    assert len(reading.rollouts) + len(reading.experiments) == 1
    found = (reading.rollouts or reading.experiments)[0]
    assert found.name == "one"
    assert (
        found.spec.model_dump(by_alias=True).items()
        >= {name: value for name, value in spec.items() if isinstance(value, str)}.items()
    )


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        *(("Rollout", spec, words) for spec, words in BAD_ROLLOUTS.values()),
        *(("Experiment", spec, words) for spec, words in BAD_EXPERIMENTS.values()),
    ],
    ids=[*BAD_ROLLOUTS, *BAD_EXPERIMENTS],
)
def test_a_bad_one_is_an_error_that_names_the_field(
    write: Write, kind: str, spec: Spec, words: str
) -> None:
    reading = read_paths([written(write, kind, spec)])
    assert [*reading.rollouts, *reading.experiments] == []
    assert any(words in f"{found.field} {found.problem}" for found in errors(reading))


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "problem", "remedy"),
    [
        (
            "    - weight: 20\n",
            "    - weight: 100\n",
            10,
            "spec.steps[1].weight",
            "is the number 100; should be less than or equal to 99",
            "",
        ),
        (
            "    - weight: 20\n",
            '    - weight: "20"\n',
            10,
            "spec.steps[1].weight",
            "is '20'; should be a valid integer",
            "",
        ),
        (
            "    - weight: 20\n",
            "    - weight: 5\n",
            8,
            "spec.steps",
            "weights must rise from step to step; [5, 5] came",
            "",
        ),
        (
            "deadline: 1h",
            "deadline: 3600",
            7,
            "spec.deadline",
            "is the number 3600; should be a valid string",
            "",
        ),
        (
            "deadline: 1h",
            "deadline: 1 hour",
            7,
            "spec.deadline",
            "is '1 hour'; expected a duration with its units, as 250ms, 90s or 1h30m",
            "",
        ),
        (
            "deadline: 1h",
            "dedline: 1h",
            7,
            "spec.dedline",
            "no such field in a Rollout",
            "did you mean deadline?",
        ),
        (
            "  inferenceService: tomato\n",
            "",
            5,
            "spec.inferenceService",
            "is missing",
            "add it",
        ),
        (
            "  name: moves\n",
            "  name: Tomato\n",
            4,
            "metadata.name",
            "is 'Tomato'; expected lower-case letters, digits, dots and dashes, at most 253 characters",
            "",
        ),
        (
            "trellis.dev/v1alpha1",
            "trellis.dev/v1",
            1,
            "apiVersion",
            "is 'trellis.dev/v1'; expected trellis.dev/v1alpha1",
            "",
        ),
        ("spec:\n", "spec: 5\nstatus:\n", 5, "spec", "is the number 5; expected a mapping", ""),
        (
            "  name: moves\n",
            "  name: moves\n  labels: {a: yes}\n",
            5,
            "metadata.labels.a",
            "is the boolean true; expected a string",
            'quote it: "true"',
        ),
    ],
)
def test_an_error_has_line_field_problem_and_remedy(
    write: Write, old: str, new: str, line: int, field: str, problem: str, remedy: str
) -> None:
    found = only_error(write, ROLLOUT_FORM.replace(old, new))
    assert (found.line, found.field, found.problem, found.remedy) == (line, field, problem, remedy)


@pytest.mark.parametrize(
    ("form", "longest"), [(ROLLOUT_FORM, 253), (EXPERIMENT_FORM, 63)], ids=["Rollout", "Experiment"]
)
def test_a_name_is_as_long_as_is_carried_out(write: Write, form: str, longest: int) -> None:
    (name,) = (line for line in form.splitlines() if line.startswith("  name: "))
    fits, over = ("a" * length for length in (longest, longest + 1))
    assert not errors(read_paths([write(form.replace(name, f"  name: {fits}"))]))
    found = only_error(write, form.replace(name, f"  name: {over}"))
    assert (found.line, found.field) == (4, "metadata.name")
    assert found.problem.endswith(f"at most {longest} characters")


def test_a_routing_table_can_hold_the_longest_name_of_an_experiment() -> None:
    name = TypeAdapter(Name)
    assert name.validate_python("a" * EXPERIMENTS.longest_name)
    with pytest.raises(ValidationError):
        name.validate_python("a" * (EXPERIMENTS.longest_name + 1))


def test_a_rollout_of_argo_is_somebody_else_s(write: Write) -> None:
    reading = read_paths([write(ROLLOUT_FORM.replace("trellis.dev", "argoproj.io"))])
    (found,) = reading.findings
    assert "Rollout moves is skipped" in found.problem
    assert reading.rollouts == []


def test_one_without_an_api_version_is_meant_for_us(write: Write) -> None:
    text = ROLLOUT_FORM.replace("apiVersion: trellis.dev/v1alpha1\n", "")
    assert "is missing; expected" in only_error(write, text).problem


def test_a_list_of_them_is_read(write: Write) -> None:
    items: list[Any] = [yaml.safe_load(ROLLOUT_FORM)]
    text = yaml.safe_dump({"kind": "RolloutList", "items": items})
    (found,) = read_paths([write(text)]).rollouts
    assert found.spec.deadline == "1h"


def test_both_kinds_are_carried_out_here(write: Write) -> None:
    assert not read_paths([write(EXPERIMENT_FORM + "---\n" + ROLLOUT_FORM)]).findings
