import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.cluster.offline.errors import BuildError
from scripts.cluster.offline.process import ensure_installed, run


def test_a_command_gives_its_output_and_hears_its_environment(tmp_path: Path) -> None:
    said = run("sh", "-c", 'echo "$PWD $WORD"', cwd=tmp_path, env={"WORD": "heard"})
    assert said == f"{tmp_path} heard\n"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(BuildError, match=r"^no-such-program is not installed$"):
        run("no-such-program")


def test_a_failure_carries_the_last_lines_only() -> None:
    with pytest.raises(BuildError, match=r"exit code 3:\n86\n") as failed:
        run("sh", "-c", "seq 100 >&2; exit 3")
    assert "\n85\n" not in str(failed.value)


def lives(pid: str) -> bool:
    try:
        return "sleep" in Path("/proc", pid, "cmdline").read_text()  # empty once it has ended
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_command_ends_with_the_build(tmp_path: Path, how: signal.Signals) -> None:
    pid = tmp_path / "pid"
    script = f"echo $$ > {pid}.aside; mv {pid}.aside {pid}; exec sleep 60"
    code = f"from scripts.cluster.offline.process import run; run('sh', '-c', '{script}')"
    build = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (pid.exists() and lives(pid.read_text().strip())):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    build.send_signal(how)
    build.wait()
    while lives(pid.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_command_that_ends_its_group_ends_no_build() -> None:
    with pytest.raises(BuildError, match=r"failed with exit code -15"):
        run("sh", "-c", "kill -TERM 0; sleep 60")


def test_what_is_there_is_not_installed() -> None:
    ensure_installed({"sh": "dash"})


def test_who_may_not_install_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        BuildError, match="building needs some-package: install with apt, or run as root"
    ):
        ensure_installed({"no-such-program": "some-package"})
