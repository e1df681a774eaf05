"""The webhook as a real API server asks it."""

import base64
import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.lab import Lab
from tests.integration.rollout.test_controller import begin
from tests.integration.rollout.waiting import until
from trellis.rollout.cluster.api import MERGE, Api
from trellis.rollout.cluster.connection import connect
from trellis.rollout.errors import CannotStart
from trellis.rollout.webhook.certificates import VALID, Certificate, make_certificate
from trellis.rollout.webhook.keeper import FolderKeeper, SecretKeeper
from trellis.telemetry.metrics import ControllerMetrics

BASE = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


def configuration(server: ApiServer, name: str) -> None:
    """One that nothing answers for, and that matches nothing."""
    hook = {
        "name": "weights.trellis.dev",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"url": "https://localhost:1/admit"},
        "namespaceSelector": {"matchLabels": {"nothing": "has-this"}},
        "rules": [],
    }
    kind = "MutatingWebhookConfiguration"
    whole = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": [hook],
    }
    server.call("POST", BASE, whole)


def keeper(api: Api, namespace: str, now: dt.datetime) -> SecretKeeper:
    return SecretKeeper(api, namespace, "certificate", "localhost", namespace, lambda: now)


def trusted(server: ApiServer, namespace: str) -> bytes:
    (hook,) = server.call("GET", f"{BASE}/{namespace}")["webhooks"]
    return base64.b64decode(hook["clientConfig"]["caBundle"])


async def test_replicas_agree_on_one_certificate(
    api: Api, kserve_api: ApiServer, namespace: str
) -> None:
    configuration(kserve_api, namespace)
    now = dt.datetime.now(dt.UTC)
    first, second = keeper(api, namespace, now), keeper(api, namespace, now)
    shown = await first.present()
    assert await second.present() == shown
    authority = trusted(kserve_api, namespace)
    assert Certificate(*shown, authority).good("localhost", now)


async def test_a_renewed_one_is_trusted_beside_the_one_before(
    api: Api, kserve_api: ApiServer, namespace: str
) -> None:
    configuration(kserve_api, namespace)
    now = dt.datetime.now(dt.UTC)
    shown = await keeper(api, namespace, now).present()
    before = trusted(kserve_api, namespace)
    renewed = await keeper(api, namespace, now + VALID).present()
    assert renewed != shown
    both = trusted(kserve_api, namespace)
    assert both.endswith(before)
    assert both.count(b"BEGIN CERTIFICATE") == 2
    assert await keeper(api, namespace, now + VALID).present() == renewed
    assert trusted(kserve_api, namespace) == both


async def test_a_folder_is_read_and_what_is_missing_is_told(tmp_path: Path) -> None:
    folder = FolderKeeper(tmp_path)
    with pytest.raises(CannotStart, match=r"tls\.crt cannot be read"):
        await folder.present()
    made = make_certificate("localhost", dt.datetime.now(dt.UTC))
    (tmp_path / "tls.crt").write_bytes(made.chain)
    (tmp_path / "tls.key").write_bytes(made.key)
    assert await folder.present() == (made.chain, made.key)


async def test_a_dry_run_is_answered_alike_and_changes_nothing(lab: Lab) -> None:
    where = lab.path(objects.KSERVE, "inferenceservices", "tomato")
    patch = {"spec": {"predictor": {"model": {"storageUri": "pvc://models/tomato/v2"}}}}
    kind = "application/merge-patch+json"
    async with lab.controller():
        await begin(lab)
        dry = await lab.call("PATCH", f"{where}?dryRun=All", patch, kind)
        assert dry["spec"]["predictor"]["canaryTrafficPercent"] == 0
        assert lab.weight() is None
        real = await lab.call("PATCH", where, patch, kind)
        assert real["spec"]["predictor"]["canaryTrafficPercent"] == 0
    # With nobody to ask the request goes on, as its failurePolicy says.
    patch["spec"]["predictor"]["model"]["storageUri"] = "pvc://models/tomato/v3"
    assert await lab.call("PATCH", where, patch, kind)


async def test_a_weight_that_goes_out_of_the_manifest_is_no_promotion(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab, steps=[{"weight": 5, "minimumTime": "1h"}], deadline="2h")
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        await until(lambda: lab.weight() == 5)
        await lab.sets_weight(None)
        assert lab.weight() == 5
        # The controller takes what the webhook restored, which is nobody's.
        await until(lambda: "trellis-rollout" in owners(lab))
        assert lab.status()["phase"] == "Progressing"


def owners(lab: Lab) -> list[str]:
    """Who owns the weight."""
    where = lab.path(objects.KSERVE, "inferenceservices", "tomato")
    return [
        entry["manager"]
        for entry in lab.server.call("GET", where)["metadata"]["managedFields"]
        if "f:canaryTrafficPercent" in str(entry.get("fieldsV1"))
    ]


class OvertakenApi(Api):
    """Somebody else writes the configuration just before our first patch of it."""

    overtaken = False

    async def call(self, method: str, path: str, *arguments: Any, **more: Any) -> dict[str, Any]:
        if method == "PATCH" and not self.overtaken:
            self.overtaken = True
            note = {"metadata": {"annotations": {"somebody": "was-faster"}}}
            await super().call("PATCH", path, note, content_type=MERGE)
        return await super().call(method, path, *arguments, **more)


async def test_a_configuration_that_changed_meanwhile_is_told_again(
    kserve_api: ApiServer, namespace: str, metrics: ControllerMetrics
) -> None:
    configuration(kserve_api, namespace)
    now = dt.datetime.now(dt.UTC)
    connection = connect({"KUBECONFIG": str(kserve_api.kubeconfig)})
    async with OvertakenApi(connection, metrics) as api:
        shown = await keeper(api, namespace, now).present()
        assert api.overtaken
    assert Certificate(*shown, trusted(kserve_api, namespace)).good("localhost", now)


async def test_a_command_that_cannot_be_read_is_told_once_and_holds_up_no_other(lab: Lab) -> None:
    where = lab.path(objects.TRELLIS, "rollouts", "tomato")
    commands = '[{"id": "1", "do": "dance"}, {"id": "2", "do": "pause"}]'
    async with lab.controller():
        await begin(lab)
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        patch = {"metadata": {"annotations": {"trellis.dev/command": commands}}}
        await lab.call("PATCH", where, patch, MERGE)
        await lab.until_phase("Paused", version="v2")
        await until(lambda: "CommandRefused" in lab.events())
    assert lab.events().count("CommandRefused") == 1
