from typing import Any

import pytest
import yaml

from tests.unit.manifests.conftest import MANIFESTS
from trellis.serving.settings import ServingSettings

FILES = sorted((MANIFESTS / "runtimes").glob("trellis*.yaml"))
NAMES = [file.stem for file in FILES]
DEADLINE = "serving.knative.dev/progress-deadline"


def runtime(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((MANIFESTS / f"runtimes/{name}.yaml").read_text())
    return document


def container(name: str) -> dict[str, Any]:
    (only,) = runtime(name)["spec"]["containers"]
    found: dict[str, Any] = only
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_runtime_is_named_as_its_file(name: str) -> None:
    assert runtime(name)["metadata"]["name"] == name


@pytest.mark.parametrize("name", NAMES)
def test_what_may_differ_between_runtimes(name: str) -> None:
    """The rest is one text five times over, and must stay so."""
    may = {"image", "args", "ports", "startupProbe", "readinessProbe", "livenessProbe", "resources"}
    first, this = container("trellis"), container(name)
    assert {key: first[key] for key in first.keys() - may} == {
        key: this[key] for key in this.keys() - may
    }
    assert runtime(name)["spec"]["volumes"] == runtime("trellis")["spec"]["volumes"]


@pytest.mark.parametrize("name", NAMES)
def test_a_start_is_given_as_long_as_the_progress_deadline(name: str) -> None:
    probe = container(name)["startupProbe"]
    deadline = runtime(name)["spec"]["annotations"][DEADLINE]
    assert f"{probe['periodSeconds'] * probe['failureThreshold']}s" == deadline


@pytest.mark.parametrize("name", NAMES)
def test_probes_ask_the_port_that_is_served(name: str) -> None:
    served = container(name)
    (port,) = served["ports"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        (handler,) = [value for value in served[probe].values() if isinstance(value, dict)]
        assert handler["port"] == port["containerPort"], probe


@pytest.mark.parametrize("name", NAMES)
def test_the_port_is_the_server_s_own(name: str) -> None:
    (port,) = container(name)["ports"]
    grpc = port["name"] == "h2c"
    setting = ServingSettings.model_fields["grpc_port" if grpc else "http_port"]
    assert port["containerPort"] == setting.default
    assert runtime(name)["spec"]["protocolVersions"] == (["grpc-v2"] if grpc else ["v1", "v2"])


def test_one_runtime_is_chosen_where_none_is_named() -> None:
    chosen = [
        name
        for name in NAMES
        if any(one.get("autoSelect") for one in runtime(name)["spec"]["supportedModelFormats"])
    ]
    assert chosen == ["trellis"]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_a_version(name: str) -> None:
    repository, _, tag = container(name)["image"].rpartition(":")
    assert repository.startswith("trellis/predictor")
    assert tag not in {"", "latest"}


def test_the_default_runtime_asks_for_what_base_asks_for() -> None:
    tomato = yaml.safe_load((MANIFESTS / "base/tomato.yaml").read_text())
    asked = tomato["spec"]["predictor"]["model"]["resources"]
    assert asked == container("trellis")["resources"]
