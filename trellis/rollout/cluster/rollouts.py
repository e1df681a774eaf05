"""Rollouts as objects of the API: read, and their status written by compare-and-swap."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from trellis.contracts.rollout import RolloutSpec
from trellis.contracts.rollout_status import Command, RolloutStatus
from trellis.rollout.cluster.api import MANAGER, MERGE, Api
from trellis.rollout.cluster.facts import Key, key_of
from trellis.rollout.cluster.informer import Kind
from trellis.rollout.cluster.statuses import put_status

API_VERSION = "trellis.dev/v1alpha1"
ROLLOUTS = Kind(f"/apis/{API_VERSION}", "rollouts")
COMMAND = "trellis.dev/command"

_COMMANDS: TypeAdapter[tuple[Command, ...]] = TypeAdapter(tuple[Command, ...])


@dataclass(frozen=True, slots=True)
class Rollout:
    """A Rollout as it was read; ``raw_status`` is JSON, which is parsed when it is looked at."""

    key: Key
    uid: str
    token: str
    generation: int
    created: str
    service: str
    deleting: bool
    spec: bytes
    command: str
    raw_status: bytes

    @property
    def service_key(self) -> Key:
        """Namespace and name of the InferenceService."""
        return self.key[0], self.service

    def same_but_status(self, other: "Rollout") -> bool:
        """Whether whatever people write is the same."""
        mine = (self.uid, self.generation, self.command, self.deleting)
        return mine == (other.uid, other.generation, other.command, other.deleting)

    def parsed_spec(self) -> RolloutSpec:
        """Raises ``pydantic.ValidationError`` where a rule is broken that the CRD does not hold."""
        return RolloutSpec.model_validate_json(self.spec)

    def parsed_status(self) -> RolloutStatus:
        """An empty one where there is none.

        Raises ``pydantic.ValidationError`` where another kind of controller wrote it.
        """
        return RolloutStatus.model_validate_json(self.raw_status)

    def commands(self) -> tuple[Command, ...]:
        """What the annotation asks for, one command or a list; an entry that cannot be read is left
        out.
        """
        return self._asked()[0]

    def unread_commands(self) -> tuple[str, ...]:
        """A sentence for each entry of the annotation that cannot be read, with its field."""
        return self._asked()[1]

    def _asked(self) -> tuple[tuple[Command, ...], tuple[str, ...]]:
        if not self.command:
            return (), ()
        try:
            asked = orjson.loads(self.command)
        except orjson.JSONDecodeError as error:
            return (), (f"{COMMAND} is no JSON: {error}",)
        commands, unread = [], []
        for number, entry in enumerate(asked if isinstance(asked, list) else [asked]):
            try:
                commands.append(Command.model_validate(entry))
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                field = "".join(f".{part}" for part in first["loc"])
                unread.append(f"{COMMAND}[{number}]{field}: {first['msg']}")
        return tuple(commands), tuple(unread)


def rollout(raw: Mapping[str, Any]) -> Rollout:
    """Of an object as the API gives it."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    return Rollout(
        key=key_of(raw),
        uid=metadata["uid"],
        token=metadata["resourceVersion"],
        generation=metadata["generation"],
        created=str(metadata.get("creationTimestamp") or ""),
        service=str(spec.get("inferenceService") or ""),
        deleting="deletionTimestamp" in metadata,
        spec=orjson.dumps(spec),
        command=str((metadata.get("annotations") or {}).get(COMMAND) or ""),
        raw_status=orjson.dumps(raw.get("status") or {}),
    )


async def write_status(api: Api, found: Rollout, status: RolloutStatus) -> Rollout:
    """The Rollout with its new status. Raises as ``put_status``."""
    return rollout(await put_status(api, ROLLOUTS, "Rollout", found, status))


async def annotate(api: Api, found: Rollout, commands: tuple[Command, ...]) -> Rollout:
    """The Rollout with these commands in its annotation. Raises as ``write_status``."""
    value = _COMMANDS.dump_json(commands, by_alias=True, exclude_defaults=True).decode()
    metadata = {"resourceVersion": found.token, "annotations": {COMMAND: value}}
    return rollout(
        await api.call(
            "PATCH",
            ROLLOUTS.path(*found.key),
            {"metadata": metadata},
            content_type=MERGE,
            params={"fieldManager": MANAGER},
        )
    )
