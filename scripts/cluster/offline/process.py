"""Run a program of the machine, with its last words in the error."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scripts.cluster.offline.errors import BuildError

LAST_LINES = 15


def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """The standard output of a command; `env` is added to this process's environment.

    :raises BuildError: where the program is missing or fails; carries its last lines.
    """
    words = [str(word) for word in command]
    if not shutil.which(words[0]):
        raise BuildError(f"{words[0]} is not installed")
    # A group of its own: what is told to it reaches all that it started (mmdebstrap tells its whole
    # group to end when it fails), and a killed build still takes its command along.
    command_group = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *words],  # noqa: S607 - of util-linux, on every Debian
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        output, errors = command_group.communicate()
    except BaseException:
        os.killpg(command_group.pid, signal.SIGTERM)
        command_group.wait()
        raise
    if command_group.returncode:
        said = "\n".join((errors.strip() or output.strip()).splitlines()[-LAST_LINES:])
        raise BuildError(
            f"{' '.join(words[:4])} failed with exit code {command_group.returncode}:\n{said}"
        )
    return output


def ensure_installed(programs: Mapping[str, str]) -> None:
    """Install the Debian package of each program (program: package) that the machine lacks.

    :raises BuildError: where one is missing and cannot be installed here.
    """
    missing = sorted(
        {package for program, package in programs.items() if not shutil.which(program)}
    )
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BuildError(
            f"building needs {', '.join(missing)}: install with apt, or run as root on Debian"
        )
    run("apt-get", "update", "-qq")
    run(
        "apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing,
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )  # fmt: skip
