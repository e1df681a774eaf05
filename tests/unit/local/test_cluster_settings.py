import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local.conftest import MODEL_FORM, Write
from trellis.local import gitops_keys, validate
from trellis.local.cluster_settings import BadSettings, cluster_findings, read_settings
from trellis.local.findings import Finding, Severity

GOOD: dict[str, Any] = {
    "config-observability": {"request-metrics-protocol": "prometheus"},
    "inferenceservice-config": {
        "inferenceService": json.dumps(
            {
                "serviceLabelDisallowedList": list(gitops_keys.LABELS),
                "serviceAnnotationDisallowedList": list(gitops_keys.ANNOTATIONS),
            }
        )
    },
}
NAMESPACES = {"config-observability": "knative-serving", "inferenceservice-config": "kserve"}


def listed(folder: Path, **changed: Any) -> Path:
    """What kubectl writes of a cluster's ConfigMaps; None leaves one out."""
    data = {**GOOD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    items = [
        {"metadata": {"namespace": NAMESPACES[name], "name": name}, "data": value}
        for name, value in data.items()
        if value is not None
    ]
    file = folder / "configmaps.json"
    file.write_text(json.dumps({"kind": "List", "items": items}))
    return file


def only(path: Path) -> Finding:
    (found,) = cluster_findings(read_settings(path))
    return found


def test_a_cluster_that_is_set_right_has_no_findings(tmp_path: Path) -> None:
    assert list(cluster_findings(read_settings(listed(tmp_path)))) == []


@pytest.mark.parametrize(
    ("data", "came"), [({}, "none"), ({"request-metrics-protocol": "http/protobuf"}, "http/proto")]
)
def test_requests_that_nobody_counts_are_an_error(
    tmp_path: Path, data: dict[str, str], came: str
) -> None:
    found = only(listed(tmp_path, config_observability=data))
    assert (found.severity, found.field) == (
        Severity.ERROR,
        "config-observability.request-metrics-protocol",
    )
    assert f"is {came}" in found.problem
    assert '{"data": {"request-metrics-protocol": "prometheus"}}' in found.remedy


def test_keys_that_would_start_revisions_are_named(tmp_path: Path) -> None:
    lists = json.loads(GOOD["inferenceservice-config"]["inferenceService"])
    lists["serviceAnnotationDisallowedList"].remove("argocd.argoproj.io/tracking-id")
    changed = {"inferenceService": json.dumps(lists)}
    found = only(listed(tmp_path, inferenceservice_config=changed))
    assert found.severity is Severity.NOTE
    assert found.field.endswith("serviceAnnotationDisallowedList")
    assert found.problem.startswith("lacks argocd.argoproj.io/tracking-id: ")


def test_without_lists_every_key_is_named(tmp_path: Path) -> None:
    found = list(cluster_findings(read_settings(listed(tmp_path, inferenceservice_config={}))))
    told = " ".join(finding.problem for finding in found)
    assert len(found) == 2
    assert all(key in told for key in (*gitops_keys.LABELS, *gitops_keys.ANNOTATIONS))


@pytest.mark.parametrize("name", ["config_observability", "inferenceservice_config"])
def test_what_is_not_installed_is_an_error(tmp_path: Path, name: str) -> None:
    found = only(listed(tmp_path, **{name: None}))
    assert (found.severity, found.problem) == (Severity.ERROR, "is missing")


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "{}",
        '{"items": [1]}',
        '{"items": [{"metadata": {"name": "a"}}]}',
        json.dumps(
            {
                "items": [
                    {
                        "metadata": {"namespace": "kserve", "name": "inferenceservice-config"},
                        "data": {"inferenceService": "{"},
                    }
                ]
            }
        ),
    ],
)
def test_what_is_no_list_of_config_maps_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(BadSettings, match="kubectl get configmaps -A -o json"):
        read_settings(file)


def test_validate_tells_them_beside_its_own(
    write: Write, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = listed(tmp_path, config_observability={})
    manifests = str(write(MODEL_FORM))
    code = validate.main([manifests, "--models", str(models), "--cluster", str(file)])
    assert code == 1
    assert "queue-proxy counts no requests" in capsys.readouterr().out
    file.write_text("no JSON")
    assert validate.main([manifests, "--models", str(models), "--cluster", str(file)]) == 2
    assert "trellis validate: " in capsys.readouterr().err
