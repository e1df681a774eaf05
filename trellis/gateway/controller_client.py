"""The controller's HTTP as ``trellis.contracts.control`` has it; locally the run answers it."""

import asyncio
import re
from typing import Any, NamedTuple, TypeVar

import aiohttp
import orjson
from pydantic import BaseModel, ValidationError

from trellis.contracts.control import Experiments, ModelState, ModelStates
from trellis.contracts.experiment import Experiment
from trellis.contracts.experiment_resource import ExperimentView
from trellis.contracts.rollout_status import Command, RolloutView, RolloutViews
from trellis.gateway.errors import (
    BadRequest,
    Conflict,
    ControllerDown,
    DeadlineExceeded,
    DoesNotFit,
    GatewayError,
    NotFound,
)
from trellis.gateway.read_at_most import read_at_most
from trellis.telemetry.logs import get_logger

#: Seconds for a whole answer: the controller may be asking the Kubernetes API.
ANSWER_SECONDS = 10.0
MOST_BYTES = 4 * 2**20
_LONGEST_SENTENCE = 500
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

#: What the controller may refuse in words; all else is its fault, or ours, and no caller's.
_REFUSALS: dict[int, type[GatewayError]] = {
    400: BadRequest,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    422: DoesNotFit,
}

_Document = TypeVar("_Document", bound=BaseModel)


class Asker(NamedTuple):
    """On whose behalf something is changed: the key's id, and the request's."""

    actor: str
    request_id: str


class Versioned(NamedTuple):
    """An experiment as it is, and its ETag for a change of just that."""

    experiment: Experiment
    etag: str | None


class ControllerClient:
    """``url`` is None where no controller is set: everything then raises ``ControllerDown``.

    Each method raises ``NotFound``, ``Conflict``, ``BadRequest`` or ``DoesNotFit`` in the
    controller's own words, ``ControllerDown`` where it gives no answer that can be used, and
    ``DeadlineExceeded`` where it took too long, so that a change may have been made.
    """

    def __init__(self, url: str | None, token: str | None, session: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/") if url else None
        self._token = token
        self._session = session

    @property
    def set_up(self) -> bool:
        """Whether there is a controller to ask."""
        return self._url is not None

    async def models(self) -> ModelStates:
        """All models with their revisions."""
        return (await self._ask("GET", "/models", ModelStates))[0]

    async def activate(self, model: str, version: str, asker: Asker) -> ModelState:
        """Give ``version`` all traffic."""
        path = f"/models/{_part(model)}/versions/{_part(version)}:activate"
        return (await self._ask("POST", path, ModelState, asker=asker))[0]

    async def rollback(self, model: str, version: str, asker: Asker) -> ModelState:
        """Take all traffic from ``version``."""
        path = f"/models/{_part(model)}/versions/{_part(version)}:rollback"
        return (await self._ask("POST", path, ModelState, asker=asker))[0]

    async def experiments(self) -> Experiments:
        """All experiments."""
        return (await self._ask("GET", "/experiments", Experiments))[0]

    async def experiment(self, name: str) -> Versioned:
        """One experiment."""
        return Versioned(*await self._ask("GET", f"/experiments/{_part(name)}", Experiment))

    async def put_experiment(
        self, name: str, experiment: Experiment, if_match: str | None, asker: Asker
    ) -> Versioned:
        """Set an experiment; ``if_match`` is the ETag of what is to be replaced."""
        headers = {"if-match": if_match} if if_match is not None else {}
        body = experiment.model_dump_json(by_alias=True).encode()
        path = f"/experiments/{_part(name)}"
        answered = await self._ask("PUT", path, Experiment, body=body, headers=headers, asker=asker)
        return Versioned(*answered)

    async def evidence(self, name: str) -> ExperimentView:
        """One experiment with what is known of its arms."""
        path = f"/experiments/{_part(name)}/evidence"
        return (await self._ask("GET", path, ExperimentView))[0]

    async def rollouts(self) -> RolloutViews:
        """All rollouts, without their traces."""
        return (await self._ask("GET", "/rollouts", RolloutViews))[0]

    async def rollout(self, name: str) -> RolloutView:
        """One rollout with its trace."""
        return (await self._ask("GET", f"/rollouts/{_part(name)}", RolloutView))[0]

    async def command(self, name: str, command: Command, asker: Asker) -> RolloutView:
        """Ask something of a rollout; the view is as of before it is done."""
        path = f"/rollouts/{_part(name)}:command"
        body = command.model_dump_json(by_alias=True).encode()
        return (await self._ask("POST", path, RolloutView, body=body, asker=asker))[0]

    async def _ask(
        self,
        method: str,
        path: str,
        wanted: type[_Document],
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        asker: Asker | None = None,
    ) -> tuple[_Document, str | None]:
        """The document and its ETag."""
        if self._url is None:
            raise ControllerDown("this gateway knows no controller (controller_url is not set)")
        sent = {"accept": "application/json", **(headers or {})}
        if body is not None:
            sent["content-type"] = "application/json"
        if self._token is not None:
            sent["authorization"] = f"Bearer {self._token}"
        if asker is not None:
            sent |= {"x-trellis-actor": asker.actor, "x-request-id": asker.request_id}
        try:
            async with (
                asyncio.timeout(ANSWER_SECONDS),
                self._session.request(
                    method, self._url + path, data=body, headers=sent, allow_redirects=False
                ) as response,
            ):
                answer = await read_at_most(response, MOST_BYTES)
        except TimeoutError:
            raise DeadlineExceeded(
                f"the controller gave no answer within {ANSWER_SECONDS:g} s; a change may have been made"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise ControllerDown("the controller does not answer; try again in a moment") from error
        if not 200 <= response.status < 300:
            raise _refusal(response.status, answer)
        try:
            return wanted.model_validate_json(answer), response.headers.get("etag")
        except ValidationError as error:
            get_logger().error("controller sent another document", path=path, problem=str(error))
            raise ControllerDown("the controller's answer cannot be read") from None


def _part(name: str) -> str:
    """A name for a path; one that no document may hold is known to be unknown."""
    if not _NAME.fullmatch(name):
        raise NotFound(
            f"nothing is called {name[:64]!r}: names are of letters, digits, '.', '_' and '-'"
        )
    return name


def _refusal(status: int, body: bytes) -> GatewayError:
    try:
        document: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    sentence = document.get("error") if isinstance(document, dict) else None
    refusal = _REFUSALS.get(status)
    if refusal is not None and isinstance(sentence, str):
        return refusal(sentence[:_LONGEST_SENTENCE])
    get_logger().error("controller refused the gateway", status=status, problem=sentence)
    return ControllerDown("the controller cannot answer this gateway now; its log says more")
