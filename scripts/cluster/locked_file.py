"""A file that one process at a time may hold, and that names the one that does."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked_file(path: Path, waits_for: Callable[[str], None]) -> Iterator[int]:
    """Hold the file; the value is its descriptor, which children may inherit and then hold too.

    ``waits_for`` is told the process id of the holder, where there is one to wait for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            waits_for(file.read().strip() or "?")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()
