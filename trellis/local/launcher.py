"""Run a command that cannot outlive the process that started it.

Run as a file, by path: ``python -I -S launcher.py PARENT_PID PROGRAM ARGS...``. Asks the kernel
for SIGTERM at the parent's death (Linux; elsewhere there is no such thing and it only runs the
command), then becomes the command. A step of its own because a function between fork and exec
of a process with threads may deadlock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Arrange the signal and exec."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the request was made
        sys.exit(0)
    os.execv(command[0], command)  # noqa: S606  # the supervisor's own command, no shell


if __name__ == "__main__":
    main()
