"""The live view on a real (pseudo-)terminal, with a real Ctrl-C."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.integration.local.conftest import ROOT, children_of, is_running, manifest, other_ports
from tests.integration.ports import free_port

#: Runs its arguments on a terminal of their own and passes on what is typed.
ON_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def on_terminal(tmp_path: Path, http_port: int, output: Path) -> "subprocess.Popen[bytes]":
    """A run on a terminal of its own, which is closed when the returned process ends."""
    command = [
        sys.executable, "-c", ON_TERMINAL, sys.executable, "-m", "trellis.cli", "up",
        str(tmp_path / "m.yaml"), "--state", str(tmp_path / "state"),
        "--http_port", str(http_port), *other_ports(),
    ]  # fmt: skip
    with output.open("wb") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color"},
        )


def test_the_screen_shows_the_run_and_ctrl_c_drains_it(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(manifest("v1"))
    http_port = free_port()
    output = tmp_path / "screen"
    terminal = on_terminal(tmp_path, http_port, output)
    try:
        deadline = time.monotonic() + 60
        while "diabetes answers" not in output.read_text(errors="replace"):
            assert terminal.poll() is None, output.read_text(errors="replace")
            assert time.monotonic() < deadline, output.read_text(errors="replace")
            time.sleep(0.1)
        # What the terminal's driver makes of Ctrl-C: SIGINT to the foreground process group.
        assert terminal.stdin is not None
        terminal.stdin.write(b"\x03")
        terminal.stdin.flush()
        assert terminal.wait(60) == 0
    finally:
        terminal.kill()
        terminal.wait()
        if terminal.stdin is not None:
            terminal.stdin.close()
    screen = output.read_text(errors="replace")
    for words in ("diabetes-00001", f"http://127.0.0.1:{http_port}", "ready, stable", "stopped"):
        assert words in screen, words
    assert "SIGINT" not in screen
    assert "Traceback" not in screen


def test_closing_the_terminal_drains_the_run(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(manifest("v1"))
    output = tmp_path / "screen"
    terminal = on_terminal(tmp_path, free_port(), output)
    try:
        deadline = time.monotonic() + 60
        while "diabetes answers" not in output.read_text(errors="replace"):
            assert terminal.poll() is None, output.read_text(errors="replace")
            assert time.monotonic() < deadline, output.read_text(errors="replace")
            time.sleep(0.1)
        (run,) = children_of(terminal.pid)
        processes = [run, *children_of(run)]
    finally:
        terminal.kill()
        terminal.wait()
        if terminal.stdin is not None:
            terminal.stdin.close()
    deadline = time.monotonic() + 30
    while any(is_running(pid) for pid in processes):
        assert time.monotonic() < deadline, processes
        time.sleep(0.1)
    # trellis up, the gateway, the worker, two Redis and the predictor.
    assert len(processes) == 6
    log = (tmp_path / "state" / "logs" / "up.log").read_text()
    assert "stopping: requests in flight are answered first" in log
    assert "Traceback" not in log
