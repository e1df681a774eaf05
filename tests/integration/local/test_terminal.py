"""The live view on a real (pseudo-)terminal, with a real Ctrl-C."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.integration.local.conftest import ROOT, free_ports, manifest

#: Runs its arguments on a terminal of their own and passes on what is typed.
ON_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def test_the_screen_shows_the_run_and_ctrl_c_drains_it(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(manifest("v1"))
    http_port, grpc_port = free_ports()
    output = tmp_path / "screen"
    with output.open("wb") as file:
        terminal = subprocess.Popen(
            [
                sys.executable, "-c", ON_TERMINAL, sys.executable, "-m", "trellis.cli", "up",
                str(tmp_path / "m.yaml"), "--state", str(tmp_path / "state"),
                "--http_port", str(http_port), "--grpc_port", str(grpc_port),
            ],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "120", "LINES": "40", "TERM": "xterm-256color"},
        )  # fmt: skip
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
