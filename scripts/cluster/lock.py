"""One bring-up or take-down of a cluster at a time.

The lock belongs to the open file, and kind is given that file too: a kind that outlives a killed
`make cluster` still holds it, and would remove nodes that a second one had made meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.cluster.locked_file import locked_file
from scripts.cluster.progress import Say


@contextmanager
def held(state: Path, say: Say) -> Iterator[int]:
    """Hold the lock; the value is the file descriptor that holds it, for children to inherit."""
    with locked_file(
        state / "lock",
        lambda holder: say(f"Waiting for process {holder}, or the kind it started, to end"),
    ) as descriptor:
        yield descriptor
