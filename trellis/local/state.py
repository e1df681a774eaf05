"""What survives a restart of `trellis up`: revisions, traffic, and who owns which units."""

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from pathlib import Path

from pydantic import Field, ValidationError

from trellis.contracts.experiment import Experiment
from trellis.contracts.rollout_status import Command, RolloutStatus
from trellis.contracts.routing_table import ModelRoute, RoutingTable
from trellis.contracts.tensors import Document
from trellis.local.experiment_book import ExperimentRecord
from trellis.local.revisions import ServiceState
from trellis.local.rollout_book import Generation

_FILE = "state.json"
_LOCK = "lock"
#: Where the controller of the run is that holds the folder; one of an earlier run does not answer.
CONTROLLER = "controller.json"


class StateError(Exception):
    """The state folder cannot be used; the text says why and what to do."""


class LocalState(Document):
    """Services by name; experiments that came over HTTP, and what is remembered of all, by name; the
    status of Rollouts, what people asked of them and how often their specs changed, by name; the last routing table; the last route of each salt, whose
    intervals keep users where they are; and the secret of the gateway's cookie, which keeps a visitor
    the same user.
    """

    services: dict[str, ServiceState] = {}
    experiments: dict[str, Experiment] = {}
    experiment_records: dict[str, ExperimentRecord] = {}
    rollouts: dict[str, RolloutStatus] = {}
    commands: dict[str, tuple[Command, ...]] = {}
    generations: dict[str, Generation] = {}
    table: RoutingTable | None = None
    routes: dict[str, ModelRoute] = {}
    cookie_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(32))


class StateFolder:
    """The folder ``.trellis``: one `trellis up` at a time owns it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._lock: int | None = None

    def open(self) -> LocalState:
        """Take the folder and read its state; empty where there is none yet.

        Raises ``StateError`` where another process holds it or the file is no state.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(f"{self.path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise StateError(
                f"another `trellis up` runs on {self.path}; stop it, or give this one --state"
            ) from error
        return self._read()

    def save(self, state: LocalState) -> None:
        """Write the state so that a crash at any moment leaves the old one or the new one."""
        content = state.model_dump_json(by_alias=True, indent=1).encode()
        self._replace(_FILE, content)

    def tell_controller(self, url: str, token: str) -> None:
        """Write where this run's controller is, for this user's commands alone."""
        content = json.dumps({"url": url, "token": token}).encode()
        self._replace(CONTROLLER, content)

    def forget_controller(self) -> None:
        """The run has ended: nothing answers at its controller's address."""
        with contextlib.suppress(OSError):
            (self.path / CONTROLLER).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _replace(self, file: str, content: bytes) -> None:
        self.path.mkdir(parents=True, exist_ok=True)  # somebody may have tidied up
        # A file made so can be read by its user only.
        descriptor, name = tempfile.mkstemp(dir=self.path, prefix=file)
        try:
            with os.fdopen(descriptor, "wb") as written:
                written.write(content)
                written.flush()
                os.fsync(written.fileno())
            Path(name).replace(self.path / file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        # The rename itself is on disk only once the folder is.
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self) -> LocalState:
        file = self.path / _FILE
        try:
            return LocalState.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return LocalState()
        except (OSError, ValidationError) as error:
            self.close()
            raise StateError(
                f"{file} is no state of this version of Trellis ({error}); move it away to"
                " start anew: every service then starts as at its first deploy"
            ) from error
