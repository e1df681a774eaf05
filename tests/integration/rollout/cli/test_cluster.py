"""The commands against a real API server, with a controller at work and without one."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from tests.integration.rollout import objects
from tests.integration.rollout.api_server import ApiServer
from tests.integration.rollout.cli.commands import Said, trellis
from tests.integration.rollout.kserve_actor import Behaviour
from tests.integration.rollout.lab import Lab

COMMAND = "trellis.dev/command"


class Person:
    """Whoever has a kubeconfig, in a namespace."""

    def __init__(self, kubeconfig: Path, namespace: str, folder: Path) -> None:
        self._kubeconfig, self._namespace, self._folder = kubeconfig, namespace, folder

    async def types(self, *words: str) -> Said:
        return await trellis(
            *words, "-n", self._namespace, folder=self._folder, KUBECONFIG=str(self._kubeconfig)
        )


@pytest.fixture
def person(kserve_api: ApiServer, namespace: str, tmp_path: Path) -> Person:
    return Person(kserve_api.kubeconfig, namespace, tmp_path)


async def rolls_out(lab: Lab) -> None:
    """v2 is on trial behind v1, and stays at its first step for as long as a test takes."""
    await lab.applies("v1")
    await lab.rolls_out(steps=[{"weight": 5, "minimumTime": "1h"}, {"weight": 50}])
    await lab.until_phase("Idle", "Promoted", version="v1")
    await lab.until_admitted()
    await lab.applies("v2")
    await lab.until_phase("Progressing", version="v2")


def asked(lab: Lab) -> str:
    """The annotation as it stands."""
    found = lab.server.call("GET", lab.path(objects.TRELLIS, "rollouts", "tomato"))
    value: str = found["metadata"]["annotations"][COMMAND]
    return value


async def test_a_rollout_is_seen_held_and_promoted(lab: Lab, person: Person) -> None:
    async with lab.controller():
        await rolls_out(lab)
        listed = await person.types("rollout", "list")
        assert listed.out.splitlines()[1].split()[:6] == [
            "tomato",
            "Progressing",
            "1/2",
            "5%",
            "v1",
            "v2",
        ]
        assert listed.err == f"in namespace {lab.namespace} of test\n"
        paused = await person.types("rollout", "pause", "tomato")
        assert (paused.status, paused.out.splitlines()[0]) == (0, "tomato: held at 5 % of traffic")
        again = await person.types("rollout", "pause", "tomato")
        assert (again.status, again.out) == (1, "")
        assert "pause was refused: it is paused already" in again.err
        explained = await person.types("rollout", "explain", "tomato")
        assert "a person paused it: `resume` goes on" in explained.out
        assert (await person.types("rollout", "resume", "tomato")).status == 0
        promoted = await person.types("rollout", "promote", "tomato")
        assert "it was asked for" in promoted.out
        await lab.until_phase("Promoted", version="v2")
        tree = await person.types("rollout", "get", "tomato")
    assert "tomato  Promoted" in tree.out
    assert "tomato-predictor-00002" in tree.out
    assert "advanced by ann" in tree.out


async def test_why_a_version_was_rolled_back_is_told(lab: Lab, person: Person) -> None:
    lab.actor.behaviour["v2"] = Behaviour(errors=0.5)
    async with lab.controller():
        await lab.applies("v1")
        await lab.rolls_out()
        await lab.until_phase("Idle", "Promoted", version="v1")
        await lab.until_admitted()
        await lab.applies("v2")
        await lab.until_phase("RolledBack", version="v2")
        said = await person.types("rollout", "explain", "tomato")
        assert "The last verdict was rollback: the evidence shows harm" in said.out
        assert "- errors: canary " in said.out
        lab.actor.behaviour["v2"] = Behaviour()
        assert (await person.types("rollout", "retry", "tomato")).status == 0
        await lab.until_phase("Promoted", version="v2")


async def test_commands_wait_for_a_controller_one_beside_the_other(
    lab: Lab, person: Person
) -> None:
    await lab.rolls_out()
    words = ("rollout", "pause", "tomato", "--timeout", "0.1")
    said = await person.types(*words)
    assert said.status == 1
    assert "no controller has taken it up within 0.1 s; pause stays asked for" in said.err
    first = json.loads(asked(lab))
    assert (first["do"], first["actor"]) == ("pause", "ann")
    both = await asyncio.gather(person.types(*words), person.types(*words))
    assert [said.status for said in both] == [1, 1]
    commands = json.loads(asked(lab))
    assert len(commands) == 3
    assert commands[0] == first


async def test_one_without_a_controller_is_shown(lab: Lab, person: Person) -> None:
    assert (await person.types("rollout", "list")).err.endswith("there is no rollout\n")
    await lab.rolls_out()
    shown = json.loads((await person.types("rollout", "get", "tomato", "-o", "json")).out)
    assert shown["spec"]["inferenceService"] == "tomato"
    assert shown["status"]["phase"] == "Idle"
    history = await person.types("rollout", "history", "tomato")
    assert (history.status, history.out) == (0, "")


async def test_what_is_not_there_is_said_with_what_is(lab: Lab, person: Person) -> None:
    await lab.rolls_out()
    said = await person.types("rollout", "get", "tomat")
    assert said.status == 1
    where = f"namespace {lab.namespace} of test"
    assert said.err.endswith(f"trellis: no rollout 'tomat' in {where}: there are tomato\n")


async def test_one_that_cannot_be_read_hides_no_other(lab: Lab, person: Person) -> None:
    await lab.rolls_out()
    await lab.rolls_out("o" * 70)
    said = await person.types("rollout", "list")
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["tomato"]
    assert f"left out: rollout {'o' * 70!r}: name: " in said.err


async def test_experiments_with_their_evidence(lab: Lab, person: Person) -> None:
    arms = [{"version": "v1"}, {"version": "v2"}]
    document = {
        "apiVersion": "trellis.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "colour"},
        "spec": {"model": "tomato", "arms": arms},
    }
    where = lab.path(objects.TRELLIS, "experiments")
    await lab.call("POST", where, document)
    before = await person.types("experiment", "get", "colour")
    assert before.out.splitlines()[0] == "colour: -, model tomato, hash"
    known = [
        {"version": "v1", "weight": 0.5, "units": 1000, "ripe": 900, "estimate": 0.1},
        {
            "version": "v2",
            "weight": 0.5,
            "units": 1010,
            "ripe": 905,
            "estimate": 0.2,
            "interval": [0.15, 0.25],
            "difference": [0.03, 0.15],
        },
    ]
    status = {"phase": "Decided", "winner": "v2", "message": "v2 is better", "arms": known}
    await lab.call(
        "PATCH", f"{where}/colour/status", {"status": status}, "application/merge-patch+json"
    )
    row = (await person.types("experiment", "list")).out.splitlines()[1]
    assert row.split() == [
        "colour",
        "tomato",
        "hash",
        "Decided",
        "v2",
        "v1,",
        "v2",
        "v2",
        "is",
        "better",
    ]
    said = (await person.types("experiment", "get", "colour")).out.splitlines()
    assert said[1] == "v2 is better"
    assert said[4].split() == [
        "v2",
        "50",
        "%",
        "1,010",
        "905",
        "0.2",
        "0.15",
        "to",
        "0.25",
        "0.03",
        "to",
        "0.15",
    ]


async def test_a_person_who_may_not_is_told(
    lab: Lab, kserve_api: ApiServer, tmp_path: Path
) -> None:
    await lab.rolls_out()
    stranger = Person(kserve_api.kubeconfig_of("nobody"), lab.namespace, tmp_path)
    said = await stranger.types("rollout", "promote", "tomato")
    assert (said.status, said.out) == (1, "")
    assert said.err == "trellis: the API server says: Unauthorized\n"


async def test_an_api_server_without_our_kinds_and_one_that_is_away(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bare = ApiServer(tmp_path_factory.mktemp("bare"))
    try:
        bare.start()
        person = Person(bare.kubeconfig, "default", tmp_path)
        said = await person.types("rollout", "list")
        assert said.status == 1
        assert "install Trellis' CustomResourceDefinitions" in said.err
    finally:
        bare.stop()
    said = await person.types("rollout", "list")
    assert said.status == 1
    assert "does not answer" in said.err
    assert "Traceback" not in said.err


async def test_a_context_that_is_not_there_is_said(person: Person) -> None:
    said = await person.types("rollout", "list", "--context", "elsewhere")
    assert said.status == 1
    assert "trellis: no cluster: No such context elsewhere" in said.err


async def test_no_key_of_a_kubeconfig_is_left_behind(
    kserve_api: ApiServer, namespace: str, tmp_path: Path
) -> None:
    document = json.loads(kserve_api.kubeconfig.read_text())
    certificate = base64.b64encode(kserve_api.ca.read_bytes()).decode()
    document["clusters"][0]["cluster"]["certificate-authority-data"] = certificate
    del document["clusters"][0]["cluster"]["certificate-authority"]
    kubeconfig = tmp_path / "inline"
    kubeconfig.write_text(json.dumps(document))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    said = await trellis(
        *("rollout", "list", "-n", namespace),
        folder=tmp_path,
        KUBECONFIG=str(kubeconfig),
        TMPDIR=str(temporary),
    )
    assert said.status == 0, said.err
    assert list(temporary.iterdir()) == []
