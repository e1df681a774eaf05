from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.charts.helm import MODEL, ROOT, Document, Helm, named, of_kind
from tests.unit.manifests.pod_security import violations
from trellis.local.findings import Severity
from trellis.local.validate import read_and_check
from trellis.rollout.cluster.facts import ARM_OF

CONTAINER = {"container": {"image": "trellis/predictor:0.1.0"}}
STANDARD = {"mode": "Standard"}
RUNTIMES = ROOT / "manifests/runtimes"
DEADLINE = "serving.knative.dev/progress-deadline"


def service(helm: Helm, values: dict[str, Any] | None = None, name: str = "tomato") -> Document:
    return named(helm.render(MODEL, values), "InferenceService", name)


def predictor(helm: Helm, values: dict[str, Any] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = service(helm, values)["spec"]["predictor"]
    return spec


def test_the_release_names_the_model_and_its_folder(helm: Helm) -> None:
    model = predictor(helm, {"version": "v2"})["model"]
    assert model["storageUri"] == "pvc://models/tomato/v2"
    assert model["modelFormat"] == {"name": "trellis"}
    assert model["runtime"] == "trellis"


def test_a_name_of_its_own_beats_the_release(helm: Helm) -> None:
    named_otherwise = service(helm, {"name": "leaf"}, "leaf")
    assert named_otherwise["metadata"]["labels"]["app.kubernetes.io/name"] == "leaf"
    assert named_otherwise["spec"]["predictor"]["model"]["storageUri"] == "pvc://models/leaf/v1"


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("s3://bucket/models/{name}/{version}", "s3://bucket/models/tomato/v1"),
        ("oci://images.example.com/{name}:{version}", "oci://images.example.com/tomato:v1"),
        ("pvc://claim/one/place", "pvc://claim/one/place"),
    ],
)
def test_name_and_version_go_into_any_storage_address(
    helm: Helm, pattern: str, address: str
) -> None:
    assert predictor(helm, {"storageUri": pattern})["model"]["storageUri"] == address


def test_what_is_left_open_is_the_runtimes(helm: Helm) -> None:
    model = predictor(helm)["model"]
    assert not {"resources", "image", "args", "env", "startupProbe", "livenessProbe"} & set(model)


@pytest.mark.parametrize("percent", [0, 10, 100])
def test_the_canary_weight_is_the_services(helm: Helm, percent: int) -> None:
    assert predictor(helm, {"canaryTrafficPercent": percent})["canaryTrafficPercent"] == percent


def test_without_a_weight_the_field_is_left_to_others(helm: Helm) -> None:
    assert "canaryTrafficPercent" not in predictor(helm)
    assert "canaryTrafficPercent" not in predictor(helm, {"rollout": {"enabled": True}})


def test_no_label_or_annotation_of_a_service_follows_the_chart(helm: Helm) -> None:
    # Any change of them makes a new revision: an upgrade of the chart must start none.
    metadata = service(helm)["metadata"]
    assert metadata["labels"] == {
        "app.kubernetes.io/name": "tomato",
        "app.kubernetes.io/part-of": "trellis",
    }
    chart = yaml.safe_load((MODEL / "Chart.yaml").read_text())
    assert chart["version"] not in str(service(helm))


def test_an_arm_names_its_model_whatever_else_changes(helm: Helm) -> None:
    # By its own name it could be another model's; a label that came later would make a new revision.
    arms = {"arms": [{"name": "b", "version": "v2"}]}
    assert service(helm, arms, "tomato-b")["metadata"]["labels"] == {
        "app.kubernetes.io/name": "tomato-b",
        "app.kubernetes.io/part-of": "trellis",
        ARM_OF: "tomato",
    }
    assert ARM_OF not in service(helm, arms)["metadata"]["labels"]


def test_ones_own_labels_and_annotations_come_beside(helm: Helm) -> None:
    own = {"team": "leaf"}
    metadata = service(helm, {"labels": own, "annotations": own})["metadata"]
    assert metadata["labels"].items() >= {"app.kubernetes.io/name": "tomato", **own}.items()
    assert metadata["annotations"]["team"] == "leaf"


def test_only_weight_and_version_tell_two_steps_of_a_canary_apart(helm: Helm) -> None:
    before = predictor(helm, {"version": "v1"})
    after = predictor(helm, {"version": "v2", "canaryTrafficPercent": 10})
    assert after.pop("canaryTrafficPercent") == 10
    assert after["model"].pop("storageUri") != before["model"].pop("storageUri")
    assert after == before


def test_knative_mode_has_tags_and_a_deadline(helm: Helm) -> None:
    annotations = service(helm, {"progressDeadline": "90s"})["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Knative"
    assert annotations["serving.kserve.io/enable-tag-routing"] == "true"
    assert annotations[DEADLINE] == "90s"
    without = service(helm, {"tagRouting": False})["metadata"]["annotations"]
    assert set(without) == {"serving.kserve.io/deploymentMode"}


@pytest.mark.parametrize(
    ("values", "deadline"),
    [
        ({}, None),
        ({"probes": {"startupSeconds": 60}}, None),
        ({"probes": {"startupSeconds": 90}}, "90s"),
        ({"probes": {"startupSeconds": 90}, "progressDeadline": "2m"}, "2m"),
        ({"probes": {"startupSeconds": 90}, "runtime": "trellis-keras"}, None),
        ({"probes": {"startupSeconds": 150}, "runtime": "trellis-gpu"}, "150s"),
        (CONTAINER, "60s"),
        ({**CONTAINER, "probes": {"startupSeconds": 30}}, "60s"),
        ({**CONTAINER, "probes": {"startupSeconds": 90}}, "90s"),
        ({**STANDARD, "probes": {"startupSeconds": 90}}, None),
    ],
)
def test_a_revision_is_waited_for_as_long_as_its_container_may_start(
    helm: Helm, values: dict[str, Any], deadline: str | None
) -> None:
    annotations = service(helm, values)["metadata"]["annotations"]
    assert annotations.get(DEADLINE) == deadline


@pytest.mark.parametrize("file", sorted(RUNTIMES.glob("trellis*.yaml")), ids=lambda file: file.stem)
def test_the_deadline_that_a_start_goes_over_is_the_runtimes(helm: Helm, file: Path) -> None:
    own = yaml.safe_load(file.read_text())["spec"]["annotations"][DEADLINE]
    protocol = "grpc-v2" if file.stem == "trellis-grpc" else "rest"
    values = {"runtime": file.stem, "protocol": protocol}

    def written(seconds: int) -> str | None:
        rendered = service(helm, {**values, "probes": {"startupSeconds": seconds}})
        found: str | None = rendered["metadata"]["annotations"].get(DEADLINE)
        return found

    seconds = int(own.removesuffix("s"))
    assert written(seconds) is None
    assert written(seconds + 1) == f"{seconds + 1}s"


@pytest.mark.parametrize("values", [{}, CONTAINER])
def test_private_images_are_pulled_with_the_named_secrets(
    helm: Helm, values: dict[str, Any]
) -> None:
    rendered = helm.render(MODEL, {**values, "imagePullSecrets": ["one", "two"]})
    secrets = [{"name": "one"}, {"name": "two"}]
    spec = named(rendered, "InferenceService", "tomato")["spec"]["predictor"]
    (pod,) = of_kind(rendered, "Pod")
    assert spec["imagePullSecrets"] == pod["spec"]["imagePullSecrets"] == secrets


def test_standard_mode_has_nothing_of_knatives(helm: Helm) -> None:
    rendered = service(helm, STANDARD)
    annotations = rendered["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Standard"
    assert not [name for name in annotations if "knative" in name or "tag-routing" in name]
    assert "timeout" not in rendered["spec"]["predictor"]
    assert rendered["spec"]["predictor"]["terminationGracePeriodSeconds"] == 90
    assert rendered["spec"]["predictor"]["enableServiceLinks"] is False


def test_a_pod_in_standard_mode_is_taken_out_before_it_refuses(helm: Helm) -> None:
    model = predictor(helm, STANDARD)["model"]
    assert model["env"] == [{"name": "TRELLIS_DRAIN_DELAY", "value": "5"}]
    own = predictor(helm, {**STANDARD, "env": {"TRELLIS_DRAIN_DELAY": "9"}})["model"]
    assert own["env"] == [{"name": "TRELLIS_DRAIN_DELAY", "value": "9"}]
    assert model["readinessProbe"] == {"periodSeconds": 1}


def test_probes_change_the_runtimes_times_only(helm: Helm) -> None:
    model = predictor(
        helm,
        {"probes": {"startupSeconds": 90, "readinessPeriodSeconds": 2, "livenessFailures": 6}},
    )["model"]
    assert model["startupProbe"] == {"periodSeconds": 1, "failureThreshold": 90}
    assert model["readinessProbe"] == {"periodSeconds": 2}
    assert model["livenessProbe"] == {"periodSeconds": 10, "failureThreshold": 6}


def test_arguments_environment_image_and_resources_go_to_the_model(helm: Helm) -> None:
    model = predictor(
        helm,
        {
            "args": ["--log_level=debug"],
            "env": {"TRELLIS_THREADS": "2"},
            "envFrom": [{"secretRef": {"name": "keys"}}],
            "image": "mine/predictor:2",
            "resources": {"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}},
        },
    )["model"]
    assert model["args"] == ["--log_level=debug"]
    assert model["env"] == [{"name": "TRELLIS_THREADS", "value": "2"}]
    assert model["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert model["image"] == "mine/predictor:2"
    assert model["resources"] == {"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}}


def test_grpc_goes_with_its_runtime(helm: Helm) -> None:
    model = predictor(helm, {"runtime": "trellis-grpc", "protocol": "grpc-v2"})["model"]
    assert (model["runtime"], model["protocolVersion"]) == ("trellis-grpc", "grpc-v2")


@pytest.mark.parametrize("values", [CONTAINER, {**CONTAINER, **STANDARD}])
def test_the_custom_container_form_is_whole_and_restricted(
    helm: Helm, values: dict[str, Any]
) -> None:
    spec = predictor(helm, {**values, "version": "v2", "args": ["--threads=1"]})
    assert "model" not in spec
    (container,) = spec["containers"]
    assert container["name"] == "kserve-container"
    assert {"name": "STORAGE_URI", "value": "pvc://models/tomato/v2"} in container["env"]
    assert container["args"] == ["--model_name=tomato", "--threads=1"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert {"requests", "limits"} == set(container["resources"])
    assert list(violations(spec)) == []
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_custom_container_equals_the_plain_example(helm: Helm) -> None:
    example = yaml.safe_load((ROOT / "manifests/examples/custom-container.yaml").read_text())
    (theirs,) = example["spec"]["predictor"]["containers"]
    spec = named(helm.render(MODEL, CONTAINER, release="squares"), "InferenceService", "squares")[
        "spec"
    ]["predictor"]
    (ours,) = spec["containers"]
    for container in (ours, theirs):  # which words are the command's and which arguments is free
        words = [*container.pop("command"), *container.pop("args")]
        container["words"] = (words[:3], sorted(words[3:]))
    assert ours == theirs
    assert spec["volumes"] == example["spec"]["predictor"]["volumes"]


@pytest.mark.parametrize("values", [{}, STANDARD, CONTAINER])
def test_no_pod_gets_a_token(helm: Helm, values: dict[str, Any]) -> None:
    assert predictor(helm, values)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("name", ["cifar10", "diabetes", "sentiment", "tomato"])
def test_a_release_serves_what_the_plain_manifest_does(helm: Helm, name: str) -> None:
    plain = yaml.safe_load((ROOT / f"manifests/base/{name}.yaml").read_text())
    version = plain["spec"]["predictor"]["model"]["storageUri"].rsplit("/", 1)[-1]
    rendered = named(
        helm.render(MODEL, {"version": version}, release=name), "InferenceService", name
    )
    for field in ("modelFormat", "runtime", "storageUri"):
        theirs = plain["spec"]["predictor"]["model"][field]
        assert rendered["spec"]["predictor"]["model"][field] == theirs
    assert rendered["metadata"]["labels"] == plain["metadata"]["labels"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"canaryTrafficPercent": 20, "version": "v2"},
        STANDARD,
        CONTAINER,
        {"arms": [{"name": "b", "version": "v2"}]},
        {"scaling": {"minReplicas": 0, "metric": "rps", "target": 20}},
        {"imagePullSecrets": ["registry"]},
    ],
    ids=["default", "canary", "standard", "container", "arms", "scale to zero", "pull secrets"],
)
def test_trellis_validate_has_no_error_to_show(
    helm: Helm, values: dict[str, Any], tmp_path: Path
) -> None:
    services = of_kind(helm.render(MODEL, values), "InferenceService")
    (tmp_path / "services.yaml").write_text(yaml.safe_dump_all(services))
    reading = read_and_check([tmp_path], ROOT / "models")
    assert len(reading.services) == len(services)
    errors = [item for item in reading.findings if item.severity is Severity.ERROR]
    assert errors == []
