"""Whole rollouts: the controller on a real API server, with KServe's part played."""

import asyncio
from pathlib import Path
from typing import Any

from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.conftest import install_all, new_namespace, opened_lab
from tests.integration.rollout.kserve_actor import Behaviour
from tests.integration.rollout.lab import Lab
from tests.integration.rollout.waiting import until


async def begin(lab: Lab, **spec: Any) -> None:
    """v1 serves and has a Rollout."""
    await lab.applies("v1")
    await lab.rolls_out(**spec)
    await lab.until_phase("Idle", "Promoted", version="v1")
    await lab.until_admitted()


def steps(status: dict[str, Any], version: str) -> list[str]:
    """What was done with a version, each step once."""
    return [entry["what"] for entry in status["history"] if entry["version"] == version]


def highest(lab: Lab, revision: str) -> list[int]:
    """The shares that a revision ever had, in the order they came."""
    return [share.get(revision, 0) for share in lab.actor.shares["tomato"]]


async def test_a_good_version_goes_through_the_steps_by_itself(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab)
        await lab.applies("v2")
        status = await lab.until_phase("Promoted", version="v2")
    assert highest(lab, "r-00002") == [0, 5, 20, 50, 100]
    assert steps(status, "v2").count("weight") == 1
    assert lab.weight() is None
    assert lab.events().count("Promoted") == 1
    conditions = {c["type"]: c["status"] for c in status["conditions"]}
    assert conditions["Promoted"] == "True"


async def test_a_version_that_errs_is_rolled_back_and_the_next_one_starts_from_stable(
    lab: Lab,
) -> None:
    lab.actor.behaviour["v2"] = Behaviour(errors=0.5)
    async with lab.controller():
        await begin(lab)
        await lab.applies("v2")
        status = await lab.until_phase("RolledBack", version="v2")
        assert "errors" in status["message"]
        assert lab.weight() == 0
        assert "Harm" in lab.events()
        answered = lab.actor.answers["v2"]
        await lab.applies("v3")
        await lab.until_phase("Promoted", version="v3")
    assert lab.actor.answers["v2"] == answered


async def test_a_version_that_cannot_start_says_so_at_once(lab: Lab) -> None:
    lab.actor.behaviour["v2"] = Behaviour(starts=False)
    async with lab.controller():
        await begin(lab)
        await lab.applies("v2")
        await until(lambda: "no such file: model.onnx" in lab.status()["message"])
        assert lab.status()["phase"] == "Waiting"
    assert "v2" not in lab.actor.answers


async def test_a_container_that_dies_and_takes_its_counters_along_is_rolled_back(lab: Lab) -> None:
    lab.actor.behaviour["v2"] = Behaviour(dies_each=2000)
    restarts = [{"metric": "restarts", "margin": {"ratio": 2}}]
    async with lab.controller():
        await begin(lab, guardrails=restarts)
        await lab.applies("v2")
        status = await lab.until_phase("RolledBack", version="v2")
    assert "restarts" in status["message"]


async def test_counters_that_stand_still_are_not_health(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab)
        lab.pages.silent = True
        await lab.applies("v2")
        status = await lab.until_phase("Progressing", version="v2")
        await asyncio.sleep(3)  # three times the least time of a step
        status = lab.status()
        assert (status["phase"], status["weight"]) == ("Progressing", 5)
        lab.pages.silent = False
        await lab.until_phase("Promoted", version="v2")


async def test_an_annotation_in_mid_rollout_begins_no_new_one(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab, steps=[{"weight": 5, "minimumTime": "4s"}, {"weight": 50}])
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        await lab.applies("v2", note="argocd")
        await until(lambda: "Followed" in lab.events())
        status = lab.status()
        assert status["canary"]["revision"] == "tomato-predictor-00003"
    assert steps(status, "v2").count("began") == 1
    assert max(highest(lab, "r-00003")) <= 5


async def test_a_weight_set_by_hand_pauses_until_resumed(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab, steps=[{"weight": 5, "minimumTime": "1h"}], deadline="2h")
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        await lab.sets_weight(30)
        status = await lab.until_phase("Paused")
        assert "30" in status["message"]
        assert lab.weight() == 30
        await lab.asks("one", "resume")
        await lab.until_phase("Progressing")
        await until(lambda: lab.weight() == 5)
        await lab.asks("two", "promote")
        await lab.until_phase("Promoted", version="v2")
    assert lab.weight() is None


async def test_a_weight_in_the_manifest_is_left_alone(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab)
        await lab.applies("v2", 10)
        status = await lab.until_phase("Refused")
        assert "git" in status["message"]
        assert lab.weight() == 10


async def test_applying_the_same_manifest_again_changes_no_weight(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab, steps=[{"weight": 5, "minimumTime": "1h"}], deadline="2h")
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        await until(lambda: lab.weight() == 5)
        for manager in ("git", "flux"):
            await lab.applies("v2", manager=manager)
            assert lab.weight() == 5
        where = lab.path(objects.KSERVE, "inferenceservices", "tomato")
        whole = lab.server.call("GET", where)
        del whole["spec"]["predictor"]["canaryTrafficPercent"], whole["metadata"]["managedFields"]
        await lab.call("PUT", where, whole)  # as kubectl replace does
        assert lab.weight() == 5
        assert lab.status()["phase"] == "Progressing"


async def test_a_weight_that_kserve_refuses_is_said(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab)
        weight = "object.spec.predictor.canaryTrafficPercent"
        expression = f"!has({weight}) || {weight} == 0"
        lab.server.refuse(lab.namespace, expression, "the canary is frozen until Monday")
        await asyncio.sleep(2)  # until the API server holds to it, which nothing shows
        await lab.applies("v2")
        await until(lambda: "frozen until Monday" in lab.status()["message"])
        base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
        await lab.call("DELETE", f"{base}/{lab.namespace}")
        await lab.until_phase("Promoted", version="v2")


async def test_deleting_the_rollout_leaves_the_traffic(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab, steps=[{"weight": 5, "minimumTime": "1h"}], deadline="2h")
        await lab.applies("v2")
        await lab.until_phase("Progressing", version="v2")
        await until(lambda: lab.actor.shares["tomato"][-1].get("r-00002") == 5)
        await lab.call("DELETE", lab.path(objects.TRELLIS, "rollouts", "tomato"))
        await until(lambda: lab.metrics.rollouts.labels("Progressing")._value.get() == 0)
    assert lab.weight() == 5


async def test_the_second_rollout_of_a_service_is_refused(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab)
        await asyncio.sleep(1)  # creation has seconds; the older one is to be older
        await lab.rolls_out("tomato-again")
        await until(lambda: lab.status("tomato-again").get("phase") == "Refused")
        assert "tomato" in lab.status("tomato-again")["message"]
        assert lab.status()["phase"] != "Refused"


async def test_without_harm_it_waits_for_the_requests_that_would_have_shown_it(lab: Lab) -> None:
    async with lab.controller():
        await begin(lab, advance="noHarm", steps=[{"weight": 20, "minimumTime": "1s"}])
        lab.actor.behaviour["v1"] = lab.actor.behaviour["v2"] = Behaviour(errors=0.01)
        await lab.applies("v2")
        status = await lab.until_phase("Promoted", version="v2")
    assert "no harm in" in str(status["history"])


async def test_two_controllers_do_each_step_once(lab: Lab) -> None:
    async with lab.controller(), lab.controller(webhook=False):
        await begin(lab)
        await lab.applies("v2")
        status = await lab.until_phase("Promoted", version="v2")
    assert highest(lab, "r-00002") == [0, 5, 20, 50, 100]
    done = steps(status, "v2")
    assert (done.count("began"), done.count("advanced"), done.count("promoted")) == (1, 3, 1)


async def test_the_api_server_may_be_away_in_mid_rollout(tmp_path: Path) -> None:
    server = ApiServer(tmp_path)
    try:
        server.start()
        install_all(server)
        async with opened_lab(server, new_namespace(server)) as lab, lab.controller():
            await begin(
                lab, steps=[{"weight": 5, "minimumTime": "3s"}, {"weight": 50, "minimumTime": "1s"}]
            )
            await lab.applies("v2")
            await lab.until_phase("Progressing", version="v2")
            # Until then it waits for KServe, and has nothing to ask of the API server.
            await lab.until_heard("tomato-predictor-00002", 5)
            await asyncio.to_thread(server.kill_api)
            unreachable = lab.metrics.passes.labels("unreachable")
            await until(lambda: unreachable._value.get() > 0)
            await asyncio.to_thread(server.start_api)
            status = await lab.until_phase("Promoted", version="v2")
            assert highest(lab, "r-00002") == [0, 5, 50, 100]
            assert steps(status, "v2").count("began") == 1
    finally:
        server.stop()
