"""Calling another program: kubectl, helm, kind, docker."""

import os
import subprocess
from pathlib import Path

from scripts.cluster.errors import ClusterError

_LAST_LINES = 12


class ProgramFailed(ClusterError):
    """A program ended with an error; ``said`` is what it wrote on standard error."""

    def __init__(self, command: str, code: int, said: str) -> None:
        tail = "\n  ".join(said.strip().splitlines()[-_LAST_LINES:])
        super().__init__(f"`{command}` failed with code {code}", tail)
        self.said = said


class Program:
    """A program on disk with arguments that every call of it takes.

    ``keep`` are file descriptors that it inherits.
    """

    def __init__(self, path: Path, *always: str, keep: tuple[int, ...] = ()) -> None:
        self.path = path
        self._always = always
        self._keep = keep

    def __call__(
        self,
        *arguments: str,
        text: str | None = None,
        file: Path | None = None,
        timeout: float = 600,
    ) -> str:
        """What the program writes on standard output.

        ``text``, or what ``file`` holds, goes to its standard input; ``timeout`` is in seconds.

        :raises ProgramFailed: where it ends with an error.
        :raises ClusterError: where it is not there, or does not end in time.
        """
        command = [str(self.path), *self._always, *arguments]
        try:
            with (file or Path(os.devnull)).open("rb") as given:
                done = subprocess.run(
                    command,
                    input=text,
                    stdin=given if text is None else None,
                    capture_output=True,
                    text=True,
                    timeout=timeout,
                    check=False,
                    pass_fds=self._keep,
                )
        except FileNotFoundError:
            raise ClusterError(f"{self.path} is not there", "Run `make cluster` again.") from None
        except subprocess.TimeoutExpired:
            raise ClusterError(
                f"`{self._short(arguments)}` did not end within {timeout:.0f} s"
            ) from None
        if done.returncode:
            raise ProgramFailed(self._short(arguments), done.returncode, done.stderr or done.stdout)
        return done.stdout

    def succeeds(self, *arguments: str, timeout: float = 30) -> bool:
        """Whether the program ends well; ``timeout`` in seconds counts as no."""
        try:
            self(*arguments, timeout=timeout)
        except ClusterError:
            return False
        return True

    def _short(self, arguments: tuple[str, ...]) -> str:
        return " ".join([self.path.name, *arguments])[:160]
