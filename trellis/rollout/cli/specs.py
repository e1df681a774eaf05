"""The Rollout of a file, for commands that ask no place."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from trellis.contracts.rollout import RolloutSpec
from trellis.rollout.cli.places import PlaceError
from trellis.rollout.resources import API_VERSION, ROLLOUTS


def spec_in(file: Path) -> RolloutSpec:
    """Of the only Rollout in the file.

    Raises ``PlaceError`` where there is none or several, or where a rule is broken.
    """
    try:
        documents = list(yaml.safe_load_all(file.read_text("utf-8")))
    except OSError as error:
        raise PlaceError(f"{file} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PlaceError(f"{file} is no YAML: {error}") from None
    found = [
        one
        for one in documents
        if isinstance(one, dict)
        and (one.get("apiVersion"), one.get("kind")) == (API_VERSION, ROLLOUTS.kind)
    ]
    if len(found) != 1:
        raise PlaceError(f"{file} has {len(found)} Rollouts of {API_VERSION}; expected one")
    try:
        return RolloutSpec.model_validate(found[0].get("spec") or {})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(("spec", *(str(part) for part in first["loc"])))
        raise PlaceError(f"{file}: {field}: {first['msg'].removeprefix('Value error, ')}") from None
