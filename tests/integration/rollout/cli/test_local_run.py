"""The commands against the controller's HTTP of a local run."""

import asyncio
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.rollout.cli.commands import argv, environment, trellis
from tests.integration.rollout.cli.played import Played
from trellis.contracts.experiment import Experiment
from trellis.rollout.http.server import ControlServer


async def test_a_run_that_is_alive_is_what_is_meant(folder: Path) -> None:
    said = await trellis("rollout", "list", folder=folder)
    assert said.status == 0
    header, row = said.out.splitlines()
    assert header.split()[:4] == ["NAME", "PHASE", "STEP", "WEIGHT"]
    assert row.split()[:6] == ["tomato", "Progressing", "1/3", "5%", "stable", "canary"]
    assert (
        said.err == "in the local run in .trellis; --context or --namespace would ask the cluster\n"
    )


async def test_a_folder_is_named_by_an_equals_sign_and_a_bare_flag_takes_no_name(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    flag = f"--local={folder / '.trellis'}"
    assert (await trellis("rollout", "get", "tomato", flag, folder=elsewhere)).status == 0
    assert (await trellis("rollout", "get", "--local", "tomato", folder=folder)).status == 0
    said = await trellis("rollout", "get", "--local", "tomato", folder=elsewhere)
    assert (said.status, said.out) == (1, "")
    assert said.err == "trellis: no `trellis up` runs with the folder .trellis\n"


async def test_the_folder_is_that_of_trellis_up(folder: Path) -> None:
    moved = folder / "other"
    (folder / ".trellis").rename(moved)
    said = await trellis("rollout", "list", "--local", folder=folder, TRELLIS_STATE=str(moved))
    assert said.status == 0


async def test_a_run_that_is_dead_is_not_asked(folder: Path, server: ControlServer) -> None:
    await server.close()
    said = await trellis("rollout", "list", folder=folder)
    assert said.status == 1
    ended, asked = said.err.splitlines()
    assert ended == "the local run in .trellis has ended"
    assert asked.startswith("trellis: no cluster: ")
    said = await trellis("rollout", "list", "--local", folder=folder)
    assert said.status == 1
    assert "the local run in .trellis does not answer: " in said.err
    assert "Traceback" not in said.err


async def test_a_plugin_of_kubectl_asks_the_cluster(folder: Path) -> None:
    plugin = folder / "kubectl-trellis"
    plugin.write_text("import sys\nfrom trellis.cli import main\nsys.exit(main())\n")
    command = [argv()[0], str(plugin), "rollout", "list"]
    for words, status in (((), 1), (("--local",), 0)):
        done = await asyncio.to_thread(
            subprocess.run,
            [*command, *words],
            capture_output=True,
            text=True,
            env=environment(HOME=str(folder)),
            cwd=folder,
            timeout=60,
        )
        assert done.returncode == status, done.stderr


async def test_a_wrong_token_is_said(folder: Path, server: ControlServer) -> None:
    file = folder / ".trellis" / "controller.json"
    file.write_text(json.dumps({"url": server.url, "token": "wrong"}))
    said = await trellis("rollout", "list", folder=folder)
    assert said.status == 1
    assert "trellis: the controller's token is missing or wrong" in said.err


async def test_a_damaged_address_is_said(folder: Path) -> None:
    (folder / ".trellis" / "controller.json").write_text("{}")
    said = await trellis("rollout", "list", folder=folder)
    assert said.status == 1
    assert "was not written by this version of Trellis" in said.err


async def test_one_is_drawn_or_written_as_a_document(folder: Path) -> None:
    tree = await trellis("rollout", "get", "tomato", folder=folder)
    assert "tomato  Progressing" in tree.out
    assert "steps  5 % → 20 % → 50 % → 100 %" in tree.out
    as_json = json.loads((await trellis("rollout", "get", "tomato", "-ojson", folder=folder)).out)
    assert as_json["status"]["canary"]["version"] == "canary"
    listed = await trellis("rollout", "list", "--output", "yaml", folder=folder)
    assert yaml.safe_load(listed.out)["rollouts"][0]["spec"] == as_json["spec"]


async def test_what_is_not_there_is_one_and_misuse_is_two(folder: Path) -> None:
    said = await trellis("rollout", "explain", "potato", folder=folder)
    assert said.status == 1
    assert said.err.endswith("trellis: unknown rollout 'potato'; known are: tomato\n")
    assert (await trellis("rollout", "explode", "tomato", folder=folder)).status == 2
    assert (await trellis("rollout", "pause", folder=folder)).status == 2


async def test_commands_are_carried_out_or_refused_and_leave_their_history(
    folder: Path, told: list[str]
) -> None:
    paused = await trellis("rollout", "pause", "tomato", folder=folder)
    assert (paused.status, paused.out.splitlines()[0]) == (0, "tomato: held at 5 % of traffic")
    assert paused.out.splitlines()[1].startswith("Paused: ")
    again = await trellis("rollout", "pause", "tomato", folder=folder)
    assert (again.status, again.out) == (1, "")
    assert again.err.endswith("trellis: tomato: pause was refused: it is paused already\n")
    resumed = await trellis("rollout", "resume", "tomato", folder=folder)
    assert resumed.status == 0
    skipped = await trellis("rollout", "skip", "tomato", folder=folder)
    assert "20 % of traffic, step 2 of 3" in skipped.out
    aborted = await trellis("rollout", "abort", "tomato", folder=folder)
    assert "canary was aborted by ann" in aborted.out
    history = await trellis("rollout", "history", "tomato", folder=folder)
    what = [line.split()[2] for line in history.out.splitlines()[1:]]
    assert what[-5:] == ["paused", "refused", "resumed", "skipped", "aborted"]
    assert all(" ann " in line for line in history.out.splitlines()[-5:])
    assert told[0] == "rollout tomato: ann asks to pause"
    retried = await trellis("rollout", "retry", "tomato", folder=folder)
    assert retried.status == 0
    promoted = await trellis("rollout", "promote", "tomato", folder=folder)
    assert "it was asked for" in promoted.out


async def test_a_command_is_meant_for_the_version_that_was_seen(
    folder: Path, played: Played
) -> None:
    other = await trellis("rollout", "promote", "tomato", "--version", "v9", folder=folder)
    assert other.status == 1
    assert "it is meant for v9, and canary is what this rollout is about" in other.err
    await trellis("rollout", "pause", "tomato", folder=folder)
    await trellis("rollout", "abort", "tomato", folder=folder)
    assert [(c.do, c.version) for c in played.commands] == [
        ("promote", "v9"),
        ("pause", ""),
        ("abort", "canary"),
    ]


async def test_a_controller_that_does_not_take_it_up_is_said(folder: Path, played: Played) -> None:
    played.deaf = True
    said = await trellis("rollout", "pause", "tomato", "--timeout", "0.5", folder=folder)
    assert said.status == 1
    assert "no controller has taken it up within 0.5 s; pause stays asked for" in said.err
    played.deaf = False
    assert (await trellis("rollout", "list", folder=folder)).out.splitlines()[1].split()[
        1
    ] == "Paused"


async def test_why_is_told_in_words(folder: Path) -> None:
    said = await trellis("rollout", "explain", "tomato", folder=folder)
    assert said.status == 0
    assert said.out.startswith("tomato is Progressing: canary has 5 % of traffic")
    assert "Until 20 % of traffic:" in said.out
    assert "- no evidence came yet" in said.out
    assert "The deadline of 24h passes in " in said.out


async def test_plan_takes_the_guardrails_of_a_rollout(folder: Path) -> None:
    words = ("--requests_per_second", "20", "--weights", "20", "--ratio", "10")
    said = await trellis("plan", "tomato", *words, "--rate", "errors=5%", folder=folder)
    assert "at 20 %: caught within " in said.out
    nothing = await trellis("plan", "tomato", *words, folder=folder)
    assert nothing.status == 2
    assert nothing.err.endswith("trellis: say what stable does now, as --rate errors=0.5%\n")


async def test_experiments_show_what_is_known_of_their_arms(folder: Path, played: Played) -> None:
    assert (await trellis("experiment", "list", folder=folder)).err.endswith(
        "there is no experiment\n"
    )
    arms = [{"version": "v1", "weight": 3}, {"version": "v2", "weight": 1}]
    played.named["colour"] = Experiment.model_validate({"model": "tomato", "arms": arms})
    row = (await trellis("experiment", "list", folder=folder)).out.splitlines()[1]
    assert row.split()[:7] == ["colour", "tomato", "hash", "Running", "-", "v1,", "v2"]
    assert row.endswith("so far so good")
    shown = await trellis("experiment", "get", "colour", folder=folder)
    assert shown.out.splitlines()[1] == "so far so good"
    assert [line.split() for line in shown.out.splitlines()[3:]] == [
        ["v1", "50", "%", "40", "0", "0.25"],
        ["v2", "50", "%", "40", "0", "0.25"],
    ]
    as_json = await trellis("experiment", "get", "colour", "-o", "json", folder=folder)
    assert json.loads(as_json.out)["spec"]["arms"][0]["weight"] == 3  # as it was set
    assert (await trellis("experiment", "get", "other", folder=folder)).status == 1


async def test_watch_prints_changes_where_there_is_no_terminal(folder: Path) -> None:
    watching = await asyncio.create_subprocess_exec(
        *argv("rollout", "watch", "tomato"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(HOME=str(folder)),
        cwd=folder,
    )
    assert watching.stdout is not None
    try:
        async with asyncio.timeout(60):
            assert b"Progressing  canary 5 %" in await watching.stdout.readline()
            await trellis("rollout", "pause", "tomato", folder=folder)
            assert b"Paused  canary 5 %" in await watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            _, err = await watching.communicate()
    finally:
        if watching.returncode is None:
            watching.kill()
    assert watching.returncode == 0
    assert b"Traceback" not in err


async def test_watch_draws_a_tree_that_changes_and_says_when_it_is_old(
    folder: Path, server: ControlServer
) -> None:
    ours, theirs = pty.openpty()
    watching = await asyncio.create_subprocess_exec(
        *argv("rollout", "get", "tomato", "--watch"),
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment(HOME=str(folder), TERM="xterm", COLUMNS="100", LINES="40"),
        cwd=folder,
    )
    os.close(theirs)
    screen = _Screen(ours)
    try:
        await screen.until(b"steps")
        await trellis("rollout", "skip", "tomato", folder=folder)
        await screen.until(b"step 2 of 3")
        await server.close()
        await screen.until(b"does not answer")
        assert watching.returncode is None
        watching.send_signal(signal.SIGINT)
        async with asyncio.timeout(60):
            assert await watching.wait() == 0
    finally:
        if watching.returncode is None:
            watching.kill()
        os.close(ours)


class _Screen:
    """What a program has written on a terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._written = b""

    async def until(self, text: bytes) -> None:
        async with asyncio.timeout(60):
            while text not in self._written:
                self._written += await asyncio.to_thread(os.read, self._terminal, 4096)
