"""Who owns the weight, and how it is moved, by a real API server's managed fields."""

import asyncio
from typing import Any

import pytest

from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.objects import path
from trellis.rollout.cluster import facts
from trellis.rollout.cluster.api import Api
from trellis.rollout.cluster.knative import KnativeWeights
from trellis.rollout.cluster.service import service_seen
from trellis.rollout.errors import ApiRefused, Conflict
from trellis.rollout.seen import ServiceSeen

MERGE = "application/merge-patch+json"


class Tomato:
    """One InferenceService, changed by different people."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server, self.namespace = server, namespace
        self.key = (namespace, "tomato")
        self.path = path(objects.KSERVE, namespace, "inferenceservices", "tomato")

    def applied(self, version: str, weight: int | None = None, manager: str = "git") -> None:
        document = objects.inference_service("tomato", version, weight)
        self.server.apply(self.path, document, manager)

    def by_hand(self, weight: int | None) -> None:
        patch = {"spec": {"predictor": {"canaryTrafficPercent": weight}}}
        self.server.call("PATCH", f"{self.path}?fieldManager=kubectl-edit", patch, MERGE)

    @property
    def seen(self) -> ServiceSeen:
        return service_seen(facts.service(self.raw), None, (), ())

    @property
    def raw(self) -> Any:
        return self.server.call("GET", self.path)


@pytest.fixture
def tomato(kserve_api: ApiServer, namespace: str) -> Tomato:
    service = Tomato(kserve_api, namespace)
    service.applied("v1")
    return service


async def test_a_weight_of_ours_stays_through_the_applies_of_others(
    api: Api, tomato: Tomato
) -> None:
    await KnativeWeights(api).put(tomato.key, tomato.seen, 20)
    assert (tomato.seen.weight, tomato.seen.weight_owner) == (20, "us")
    tomato.applied("v1")
    tomato.applied("v2")
    assert (tomato.seen.weight, tomato.seen.weight_owner) == (20, "us")


async def test_nothing_but_the_one_field_is_ours(api: Api, tomato: Tomato) -> None:
    before = tomato.raw
    await KnativeWeights(api).put(tomato.key, tomato.seen, 20)
    after = tomato.raw
    del after["spec"]["predictor"]["canaryTrafficPercent"]
    for changing in ("resourceVersion", "generation", "managedFields"):
        del before["metadata"][changing], after["metadata"][changing]
    assert before == after


async def test_a_weight_set_by_hand_is_told(api: Api, tomato: Tomato) -> None:
    await KnativeWeights(api).put(tomato.key, tomato.seen, 20)
    tomato.by_hand(30)
    seen = tomato.seen
    assert (seen.weight, seen.weight_owner, seen.weight_owner_name) == (30, "hand", "kubectl-edit")
    await KnativeWeights(api).put(tomato.key, seen, 20)  # once a person has said resume
    assert (tomato.seen.weight, tomato.seen.weight_owner) == (20, "us")


def test_a_weight_that_a_manifest_has_is_the_appliers(tomato: Tomato) -> None:
    tomato.applied("v2", 10)
    seen = tomato.seen
    assert (seen.weight, seen.weight_owner, seen.weight_owner_name) == (10, "applier", "git")


async def test_a_weight_that_is_shared_is_the_appliers(api: Api, tomato: Tomato) -> None:
    tomato.applied("v2", 10)
    await KnativeWeights(api).put(tomato.key, tomato.seen, 10)
    tomato.applied("v2", 10)
    assert tomato.seen.weight_owner == "applier"


def test_kubectls_client_side_apply_is_an_applier(kserve_api: ApiServer, tomato: Tomato) -> None:
    patch = {"spec": {"predictor": {"canaryTrafficPercent": 10}}}
    kserve_api.call("PATCH", f"{tomato.path}?fieldManager=kubectl-client-side-apply", patch, MERGE)
    assert tomato.seen.weight_owner == "applier"


@pytest.mark.parametrize("percent", [50, None], ids=["raised", "removed"])
async def test_what_has_changed_since_it_was_seen_is_left_alone(
    api: Api, tomato: Tomato, percent: int | None
) -> None:
    await KnativeWeights(api).put(tomato.key, tomato.seen, 20)
    seen = tomato.seen
    tomato.applied("v2")
    with pytest.raises(Conflict):
        await KnativeWeights(api).put(tomato.key, seen, percent)
    assert tomato.seen.weight == 20


@pytest.mark.parametrize("owner", ["us", "hand"])
async def test_a_promotion_removes_the_field_whoever_owns_it(
    api: Api, tomato: Tomato, owner: str
) -> None:
    if owner == "us":
        await KnativeWeights(api).put(tomato.key, tomato.seen, 20)
    else:
        tomato.by_hand(20)
    await KnativeWeights(api).put(tomato.key, tomato.seen, None)
    assert (tomato.seen.weight, tomato.seen.weight_owner) == (None, "nobody")


async def test_a_refusal_is_a_sentence(
    api: Api, kserve_api: ApiServer, namespace: str, tomato: Tomato
) -> None:
    kserve_api.refuse(
        namespace,
        "!has(object.spec.predictor.canaryTrafficPercent)",
        "the canary's weight is frozen until Monday",
    )

    async def put_many() -> None:
        for weight in range(1, 100):  # the API server takes a moment to hear of the policy
            await KnativeWeights(api).put(tomato.key, tomato.seen, weight)
            await asyncio.sleep(0.1)

    with pytest.raises(ApiRefused, match="is frozen until Monday"):
        await put_many()


@pytest.mark.parametrize(
    ("mode", "words"),
    [("RawDeployment", "ignores canaryTrafficPercent"), ("Standard", "mode Standard")],
)
def test_a_mode_that_cannot_split_says_so(
    kserve_api: ApiServer, namespace: str, mode: str, words: str
) -> None:
    other = objects.inference_service("other", "v1")
    other["metadata"]["annotations"] = {"serving.kserve.io/deploymentMode": mode}
    made = kserve_api.call("POST", path(objects.KSERVE, namespace, "inferenceservices"), other)
    assert words in service_seen(facts.service(made), None, (), ()).cannot_split
