from collections.abc import Callable

import pytest

from tests.unit.local.conftest import CONTAINER_FORM, MODEL_FORM
from trellis.local.inference_service import InferenceService

Read = Callable[[str], InferenceService]


def test_the_model_form(service: Read) -> None:
    tomato = service(MODEL_FORM)
    assert (tomato.name, tomato.namespace, tomato.canary_percent) == ("tomato", "default", None)
    assert tomato.template.storage_uri == "pvc://models/tomato/v1"


def test_the_container_form(service: Read) -> None:
    squares = service(CONTAINER_FORM)
    assert squares.template.storage_uri == "pvc://models/squares/v1"
    assert squares.template.command == ("python", "-m", "trellis.serving")
    assert squares.template.args == ("--model_dir", "/mnt/models", "--model_name=numbers")


def predictor(extra: str) -> str:
    return MODEL_FORM.replace("  predictor:\n", f"  predictor:\n    {extra}\n")


def metadata(extra: str) -> str:
    return MODEL_FORM.replace("  name: tomato\n", f"  name: tomato\n  {extra}\n")


#: As measured on a cluster: what makes a new revision, and what does not.
REVISION = {
    "label": metadata("labels: {app.kubernetes.io/managed-by: Helm}"),
    "annotation": metadata("annotations: {argocd.argoproj.io/tracking-id: x}"),
    "predictor's label": predictor("labels: {a: b}"),
    "minReplicas": predictor("minReplicas: 2"),
    "containerConcurrency": predictor("containerConcurrency: 4"),
    "timeout": predictor("timeout: 30"),
    "storageUri": MODEL_FORM.replace("tomato/v1", "tomato/v2"),
    "env": MODEL_FORM + "      env: [{name: A, value: b}]\n",
    "resources": MODEL_FORM + "      resources: {limits: {cpu: 2}}\n",
}
SAME = {
    "weight": predictor("canaryTrafficPercent: 20"),
    "last-applied": metadata(
        'annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}'
    ),
    "comment": MODEL_FORM + "# nothing\n",
    "order and style": MODEL_FORM.replace("{name: trellis}", "\n        name: 'trellis'"),
    "empty labels": metadata("labels: {}"),
}


@pytest.mark.parametrize("case", REVISION, ids=str)
def test_makes_a_new_revision(case: str, service: Read) -> None:
    assert service(REVISION[case]).template.digest != service(MODEL_FORM).template.digest


@pytest.mark.parametrize("case", SAME, ids=str)
def test_makes_no_revision(case: str, service: Read) -> None:
    assert service(SAME[case]).template.digest == service(MODEL_FORM).template.digest


def test_a_quantity_is_the_same_as_number_or_text(service: Read) -> None:
    number = service(MODEL_FORM + "      resources: {limits: {cpu: 2}}\n")
    text = service(MODEL_FORM + '      resources: {limits: {cpu: "2"}}\n')
    assert number.template.digest == text.template.digest
