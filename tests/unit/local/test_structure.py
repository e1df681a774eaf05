"""Every way in which a document can be malformed, with its line, field and words."""

from pathlib import Path

import pytest

from tests.unit.local.conftest import CONTAINER_FORM, MODEL_FORM
from trellis.local import structure
from trellis.local.yaml_lines import documents

URI = "storageUri: pvc://models/tomato/v1"

#: What is replaced in a good document by what; then line, field, and words of the finding.
TABLE: dict[str, tuple[str, str, str, int, str, str]] = {
    "percent too large": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    canaryTrafficPercent: 120\n",
        7, "spec.predictor.canaryTrafficPercent", "is 120; expected a whole number from 0 to 100",
    ),
    "percent negative": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    canaryTrafficPercent: -1\n",
        7, "spec.predictor.canaryTrafficPercent", "is -1",
    ),
    "percent as text": (
        MODEL_FORM, "  predictor:\n", '  predictor:\n    canaryTrafficPercent: "20"\n',
        7, "spec.predictor.canaryTrafficPercent", "is '20'; expected a whole number",
    ),
    "percent with decimals": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    canaryTrafficPercent: 12.5\n",
        7, "spec.predictor.canaryTrafficPercent", "is the number 12.5",
    ),
    "percent as a boolean": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    canaryTrafficPercent: yes\n",
        7, "spec.predictor.canaryTrafficPercent", "is the boolean true",
    ),
    "misspelt field": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    canaryTrafficPercentage: 20\n",
        7, "spec.predictor.canaryTrafficPercentage", "did you mean canaryTrafficPercent?",
    ),
    "misspelt field of the model": (
        MODEL_FORM, "storageUri", "storageURL", 9, "spec.predictor.model.storageURL",
        "did you mean storageUri?",
    ),
    "canary in the wrong place": (
        MODEL_FORM, "spec:\n", "spec:\n  canaryTrafficPercent: 20\n",
        6, "spec.canaryTrafficPercent", "no such field",
    ),
    "no storageUri": (
        MODEL_FORM, f"      {URI}\n", "", 7, "spec.predictor.model.storageUri", "is missing",
    ),
    "storageUri a number": (
        MODEL_FORM, URI, "storageUri: 7", 9, "spec.predictor.model.storageUri",
        "is the number 7; expected a string",
    ),
    "no modelFormat": (
        MODEL_FORM, "      modelFormat: {name: trellis}\n", "", 7,
        "spec.predictor.model.modelFormat", "is missing; expected a mapping",
    ),
    "modelFormat a string": (
        MODEL_FORM, "{name: trellis}", "trellis", 8, "spec.predictor.model.modelFormat",
        "is 'trellis'; expected a mapping",
    ),
    "older form": (
        MODEL_FORM, "    model:\n      modelFormat: {name: trellis}\n", "    sklearn:\n",
        7, "spec.predictor.sklearn", "write model: with modelFormat: {name: sklearn}",
    ),
    "neither form": (
        MODEL_FORM, MODEL_FORM[MODEL_FORM.index("    model:"):], "    minReplicas: 1\n",
        6, "spec.predictor", "has neither model nor containers",
    ),
    "both forms": (
        CONTAINER_FORM, "    containers:\n", "    model: {modelFormat: {name: trellis}}\n    containers:\n",
        8, "spec.predictor.containers", "stands beside model",
    ),
    "container with another name": (
        CONTAINER_FORM, "name: kserve-container", "name: main", 7, "spec.predictor.containers",
        "none of them is named kserve-container",
    ),
    "args hold a number": (
        CONTAINER_FORM, '"--model_name=numbers"', "8080", 11,
        "spec.predictor.containers[0].args[2]", "is the number 8080; expected a string",
    ),
    "env holds a number": (
        CONTAINER_FORM, '"pvc://models/squares/v1"', "3", 13,
        "spec.predictor.containers[0].env[0].value", 'quote it: "3"',
    ),
    "no name": (
        MODEL_FORM, "  name: tomato\n", "  namespace: x\n", 3, "metadata.name", "is missing",
    ),
    "name in capitals": (
        MODEL_FORM, "name: tomato", "name: Tomato", 4, "metadata.name", "is 'Tomato'; expected",
    ),
    "name too long": (
        MODEL_FORM, "name: tomato", f"name: {'t' * 58}", 4, "metadata.name", "at most 57",
    ),
    "label a boolean": (
        MODEL_FORM, "  name: tomato\n", "  name: tomato\n  labels: {demo: true}\n",
        5, "metadata.labels.demo", 'quote it: "true"',
    ),
    "no spec": (MODEL_FORM, MODEL_FORM[MODEL_FORM.index("spec:"):], "", 1, "spec", "is missing"),
    "predictor a list": (
        MODEL_FORM, MODEL_FORM[MODEL_FORM.index("  predictor:"):], "  predictor: []\n",
        6, "spec.predictor", "is a list; expected a mapping",
    ),
    "older API version": (
        MODEL_FORM, "v1beta1", "v1alpha2", 1, "apiVersion",
        "is 'serving.kserve.io/v1alpha2'; expected serving.kserve.io/v1beta1",
    ),
    "field twice": (
        MODEL_FORM, f"      {URI}\n", f"      {URI}\n      {URI}\n",
        10, "spec.predictor.model.storageUri", "is given twice",
    ),
    "env without a name": (
        CONTAINER_FORM, "name: STORAGE_URI", "name: A=B", 13,
        "spec.predictor.containers[0].env[0].name", "is 'A=B'; expected letters",
    ),
    "minReplicas a list": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    minReplicas: [1]\n",
        7, "spec.predictor.minReplicas", "is a list; expected a whole number, 0 or more",
    ),
    "minReplicas a word": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    minReplicas: two\n",
        7, "spec.predictor.minReplicas", "is 'two'; expected a whole number",
    ),
    "maxReplicas negative": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    maxReplicas: -1\n",
        7, "spec.predictor.maxReplicas", "is the number -1; expected a whole number, 0 or more",
    ),
    "runtime a mapping": (
        MODEL_FORM, f"      {URI}\n", f"      {URI}\n      runtime: {{a: b}}\n",
        10, "spec.predictor.model.runtime", "is a mapping; expected a string",
    ),
    "resources a word": (
        MODEL_FORM, f"      {URI}\n", f"      {URI}\n      resources: none\n",
        10, "spec.predictor.model.resources", "is 'none'; expected a mapping",
    ),
    "limits a list": (
        MODEL_FORM, f"      {URI}\n", f"      {URI}\n      resources: {{limits: []}}\n",
        10, "spec.predictor.model.resources.limits", "is a list; expected a mapping",
    ),
    "cpu a word": (
        MODEL_FORM, f"      {URI}\n", f"      {URI}\n      resources: {{limits: {{cpu: lots}}}}\n",
        10, "spec.predictor.model.resources.limits.cpu", "is 'lots'; expected a quantity",
    ),
    "image a number": (
        CONTAINER_FORM, "image: trellis/predictor", "image: 5", 9,
        "spec.predictor.containers[0].image", 'quote it: "5"',
    ),
    "tty a word": (
        CONTAINER_FORM, "image: trellis/predictor", "tty: certainly", 9,
        "spec.predictor.containers[0].tty", "expected true or false",
    ),
    "volumes a mapping": (
        MODEL_FORM, "  predictor:\n", "  predictor:\n    volumes: {}\n",
        7, "spec.predictor.volumes", "is a mapping; expected a list",
    ),
    "namespace a number": (
        MODEL_FORM, "  name: tomato\n", "  name: tomato\n  namespace: 5\n", 5,
        "metadata.namespace", "is the number 5; expected a string",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_malformed(case: str) -> None:
    good, old, new, line, field, words = TABLE[case]
    assert good.count(old) == 1
    (document,) = documents(good.replace(old, new))
    service, findings = structure.read(document, Path("m.yaml"))
    assert service is None
    matching = [finding for finding in findings if finding.field == field]
    assert matching, [finding.text() for finding in findings]
    assert matching[0].line == line
    assert words in matching[0].text()


@pytest.mark.parametrize("good", [MODEL_FORM, CONTAINER_FORM], ids=["model", "container"])
def test_both_forms_are_read(good: str) -> None:
    (document,) = documents(good)
    service, findings = structure.read(document, Path("m.yaml"))
    assert service is not None
    assert not findings


@pytest.mark.parametrize("percent", [0, 1, 100, None])
def test_percents_that_fit(percent: int | None) -> None:
    text = "null" if percent is None else str(percent)
    written = f"  predictor:\n    canaryTrafficPercent: {text}\n"
    (document,) = documents(MODEL_FORM.replace("  predictor:\n", written))
    service, _ = structure.read(document, Path("m.yaml"))
    assert service is not None
    assert service.canary_percent == percent
