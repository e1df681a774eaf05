"""The rollouts of ``trellis up``, through its controller's HTTP."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ValidationError

from trellis.contracts.control import ControllerAddress, Experiments
from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import Command, RolloutView, RolloutViews
from trellis.rollout.cli.places import ExperimentSeen, PlaceError

#: In the state folder of a run while it lasts, readable by its owner only.
ADDRESS_FILE = "controller.json"

_ANSWER_SECONDS = 10.0
#: A process on this machine that does not answer within this is not there.
_ALIVE_SECONDS = 2.0

_Document = TypeVar("_Document", bound=BaseModel)


def address(folder: Path) -> ControllerAddress | None:
    """Of the run with this state folder; None where none left its address there.

    Raises ``PlaceError`` where the file cannot be read.
    """
    file = folder / ADDRESS_FILE
    try:
        return ControllerAddress.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PlaceError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError:
        raise PlaceError(f"{file} was not written by this version of Trellis") from None


async def is_alive(found: ControllerAddress) -> bool:
    """Whether a controller answers there."""
    timeout = aiohttp.ClientTimeout(total=_ALIVE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{found.url}/health") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


@contextlib.asynccontextmanager
async def opened(folder: Path, found: ControllerAddress) -> AsyncIterator["LocalPlace"]:
    """The place, for the length of the block."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    headers = {"authorization": f"Bearer {found.token}"}
    async with aiohttp.ClientSession(found.url, headers=headers, timeout=timeout) as session:
        yield LocalPlace(session, f"the local run in {folder}")


class LocalPlace:
    """One run; made by ``opened``."""

    def __init__(self, session: aiohttp.ClientSession, where: str) -> None:
        self._session = session
        self.where = where

    async def rollouts(self) -> tuple[RolloutView, ...]:
        """All of them, by name."""
        views = await self._get("/rollouts", RolloutViews)
        return tuple(sorted(views.rollouts, key=lambda view: view.name))

    async def rollout(self, name: str) -> RolloutView:
        """One of them."""
        return await self._get(f"/rollouts/{quote(name, safe='')}", RolloutView)

    async def ask(self, name: str, command: Command) -> None:
        """By its HTTP; the actor goes as a header, as the gateway does it."""
        await self._call(
            "POST",
            f"/rollouts/{quote(name, safe='')}:command",
            command.model_dump_json(by_alias=True).encode(),
            {"x-trellis-actor": command.actor},
        )

    async def experiments(self) -> tuple[ExperimentSeen, ...]:
        """All of them, by name."""
        found = (await self._get("/experiments", Experiments)).experiments
        return tuple([await self.experiment(name) for name in sorted(found)])

    async def experiment(self, name: str) -> ExperimentSeen:
        """One of them."""
        path = f"/experiments/{quote(name, safe='')}/evidence"
        view = await self._get(path, ExperimentView)
        return ExperimentSeen(name=name, spec=view.spec, status=view.status)

    async def _get(self, path: str, kind: type[_Document]) -> _Document:
        try:
            return kind.model_validate_json(await self._call("GET", path))
        except ValidationError:
            raise PlaceError(
                f"{self.where} answered {path} with something else: is it of another version?"
            ) from None

    async def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> bytes:
        try:
            async with self._session.request(method, path, data=body, headers=headers) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            words = str(error) or type(error).__name__
            raise PlaceError(f"{self.where} does not answer: {words}") from None
        if answer.status < 300:
            return content
        raise PlaceError(_sentence(content) or f"{self.where} answered {answer.status}")


class _Error(BaseModel):
    error: str


def _sentence(content: bytes) -> str:
    try:
        return _Error.model_validate_json(content).error
    except ValidationError:
        return ""
