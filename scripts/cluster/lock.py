"""One bring-up or take-down of a cluster at a time.

The lock belongs to the open file, and kind is given that file too: a kind that outlives a killed
`make cluster` still holds it, and would remove nodes that a second one had made meanwhile.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.cluster.progress import Say


@contextmanager
def held(state: Path, say: Say) -> Iterator[int]:
    """Hold the lock; the value is the file descriptor that holds it, for children to inherit."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"Waiting for process {file.read().strip()}, or the kind it started, to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()
