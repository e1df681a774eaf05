"""The rollouts of a cluster's namespace, as whom the kubeconfig says."""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, TypeVar

import httpx
import kr8s
import kr8s.asyncio
import orjson
from pydantic import ValidationError

from trellis.contracts.experiment_resource import ExperimentResourceStatus, ExperimentSpec
from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Command, RolloutStatus, RolloutView
from trellis.rollout.cli.places import ExperimentSeen, PlaceError, unknown
from trellis.rollout.cli.remembered import remembered
from trellis.rollout.cluster.rollouts import COMMAND, rollout
from trellis.rollout.resources import API_VERSION, EXPERIMENTS, ROLLOUTS, ResourceKind

_ANSWER_SECONDS = 15.0
#: Others may annotate in the same moment; each of them comes first once.
_ATTEMPTS = 10
#: Whose the annotation is.
_MANAGER = "trellis-cli"

_MERGE = {"content-type": "application/merge-patch+json"}

_UNREACHABLE = (kr8s.APITimeoutError, httpx.HTTPError, ssl.SSLError, ConnectionError)

_View = TypeVar("_View", RolloutView, ExperimentSeen)

#: Told of what is left out: a sentence.
Tell = Callable[[str], None]


@contextlib.asynccontextmanager
async def opened(
    context: str | None, namespace: str | None, kubeconfig: str | None, tell: Tell
) -> AsyncIterator["ClusterPlace"]:
    """The place, for the length of the block.

    Raises ``PlaceError`` where the kubeconfig leads nowhere.
    """
    with _own_temporary_folder():
        try:
            # It asks the API server for its version at once.
            api = await kr8s.asyncio.api(
                kubeconfig=kubeconfig, context=context, namespace=namespace
            )
        except kr8s.ServerError as error:
            raise _refusal(error) from None
        except _UNREACHABLE as error:
            raise _silence(error) from None
        except (ValueError, KeyError, IndexError, OSError) as error:
            raise PlaceError(
                f"no cluster: {error}; name a kubeconfig by --kubeconfig or KUBECONFIG, "
                "or start a local run by `trellis up`"
            ) from None
        api.timeout = _ANSWER_SECONDS
        where = f"namespace {api.namespace} of {api.auth.active_context or 'this cluster'}"
        yield ClusterPlace(api, where, tell)


@contextlib.contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """kr8s writes a kubeconfig's certificates and keys to temporary files and leaves them there."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="trellis-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


class ClusterPlace:
    """One namespace; made by ``opened``."""

    def __init__(self, api: Any, where: str, tell: Tell) -> None:
        self._api, self._tell = api, tell
        self.where = where

    async def rollouts(self) -> tuple[RolloutView, ...]:
        """All of them, by name; what this version cannot read is told and left out."""
        return await self._all(ROLLOUTS, _rollout_view)

    async def rollout(self, name: str) -> RolloutView:
        """One of them."""
        return _rollout_view(await self._one(ROLLOUTS, name))

    async def experiments(self) -> tuple[ExperimentSeen, ...]:
        """Likewise."""
        return await self._all(EXPERIMENTS, _experiment_seen)

    async def experiment(self, name: str) -> ExperimentSeen:
        """One of them."""
        return _experiment_seen(await self._one(EXPERIMENTS, name))

    async def ask(self, name: str, command: Command) -> None:
        """Add it to the annotation, beside those that were not carried out yet."""
        for attempt in range(_ATTEMPTS):
            raw = await self._one(ROLLOUTS, name)
            found = rollout(raw)
            done = remembered(_rollout_view(raw)).carried_out
            waiting = [other for other in found.commands() if other.id not in done]
            written = [
                other.model_dump(mode="json", by_alias=True, exclude_defaults=True)
                for other in (*waiting, command)
            ]
            value = orjson.dumps(written[0] if len(written) == 1 else written).decode()
            metadata = {"resourceVersion": found.token, "annotations": {COMMAND: value}}
            try:
                await self._call(
                    "PATCH",
                    f"{ROLLOUTS.plural}/{name}",
                    content=orjson.dumps({"metadata": metadata}),
                    headers=_MERGE,
                    params={"fieldManager": _MANAGER},
                )
            except _Conflict:
                await asyncio.sleep(0.05 * attempt)
                continue
            return
        raise PlaceError(f"rollout {name!r} changes too fast to be annotated; try again")

    async def _all(
        self, kind: ResourceKind, view: Callable[[Mapping[str, Any]], _View]
    ) -> tuple[_View, ...]:
        views: list[_View] = []
        for raw in (await self._call("GET", kind.plural))["items"]:
            try:
                views.append(view(raw))
            except PlaceError as error:
                self._tell(f"left out: {error}")
        return tuple(sorted(views, key=lambda one: one.name))

    async def _one(self, kind: ResourceKind, name: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = await self._call("GET", f"{kind.plural}/{name}")
        except _Missing:
            listed = (await self._call("GET", kind.plural))["items"]
            known = [str(raw["metadata"]["name"]) for raw in listed]
            raise unknown(kind.kind.lower(), name, known, self.where) from None
        return found

    async def _call(self, method: str, path: str, **how: Any) -> Any:
        try:
            async with self._api.call_api(
                method, version=API_VERSION, namespace=self._api.namespace, url=path, **how
            ) as answer:
                return orjson.loads(answer.content)
        except kr8s.ServerError as error:
            raise _refusal(error) from None
        except _UNREACHABLE as error:
            raise _silence(error) from None


class _Missing(PlaceError):
    """404."""


class _Conflict(PlaceError):
    """409."""


def _refusal(error: kr8s.ServerError) -> PlaceError:
    """What the API server said; its 404 of a kind that it does not know is no Status of Kubernetes."""
    code = error.response.status_code if error.response is not None else 500
    if code == 404 and not isinstance(error.status, dict):
        return PlaceError(
            f"the API server knows no {API_VERSION}: install Trellis' CustomResourceDefinitions"
        )
    kinds: dict[int, type[PlaceError]] = {404: _Missing, 409: _Conflict}
    return kinds.get(code, PlaceError)(f"the API server says: {error}")


def _silence(error: Exception) -> PlaceError:
    return PlaceError(f"the API server does not answer: {str(error) or type(error).__name__}")


def _rollout_view(raw: Mapping[str, Any]) -> RolloutView:
    name = raw["metadata"]["name"]
    try:
        return RolloutView(
            name=name,
            spec=RolloutSpec.model_validate(raw["spec"]),
            status=RolloutStatus.model_validate(raw.get("status") or {}),
        )
    except ValidationError as error:
        raise _unreadable("rollout", name, error) from None


def _experiment_seen(raw: Mapping[str, Any]) -> ExperimentSeen:
    name, status = raw["metadata"]["name"], raw.get("status")
    try:
        return ExperimentSeen(
            name=name,
            spec=ExperimentSpec.model_validate(raw["spec"]),
            status=ExperimentResourceStatus.model_validate(status) if status else None,
        )
    except ValidationError as error:
        raise _unreadable("experiment", name, error) from None


def _unreadable(kind: str, name: str, error: ValidationError) -> PlaceError:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    problem = first["msg"].removeprefix("Value error, ")
    return PlaceError(f"{kind} {name!r}: {field + ': ' if field else ''}{problem}")
