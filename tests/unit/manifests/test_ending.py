"""A pod is given the time that its predictor takes to end, and no more."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.manifests.conftest import MANIFESTS, Build, of_kind
from trellis.serving.settings import ServingSettings

#: Seconds for the process to go once its last request is answered.
TO_STOP = 5
STANDARD = (
    MANIFESTS / "components/hpa/standard-mode.yaml",
    MANIFESTS / "examples/standard-mode.yaml",
)


def default(setting: str) -> float:
    value: float = ServingSettings.model_fields[setting].default
    return value


def predictor(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(file.read_text())["spec"]["predictor"]
    return found


def test_in_knative_mode_the_deadline_of_an_answer_and_the_grace_period(build: Build) -> None:
    """Knative's `timeout` is both: the longest answer, and terminationGracePeriodSeconds."""
    for service in of_kind(build(MANIFESTS / "overlays/production"), "InferenceService"):
        assert service["spec"]["predictor"]["timeout"] == (
            default("request_timeout") + default("grace_period")
        )


@pytest.mark.parametrize("file", STANDARD, ids=lambda file: file.parent.name)
def test_in_standard_mode_the_drain_delay_and_the_grace_period(file: Path) -> None:
    fields = predictor(file)
    env = {entry["name"]: float(entry["value"]) for entry in fields["model"]["env"]}
    assert fields["terminationGracePeriodSeconds"] == (
        env["TRELLIS_DRAIN_DELAY"] + env["TRELLIS_GRACE_PERIOD"] + TO_STOP
    )


@pytest.mark.parametrize("file", STANDARD, ids=lambda file: file.parent.name)
def test_in_standard_mode_readiness_goes_before_the_drain_delay_ends(file: Path) -> None:
    fields = predictor(file)
    probe = fields["model"]["readinessProbe"]
    env = {entry["name"]: float(entry["value"]) for entry in fields["model"]["env"]}
    seen_after = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    assert seen_after <= env["TRELLIS_DRAIN_DELAY"]
    assert fields["enableServiceLinks"] is False
