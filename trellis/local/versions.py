"""Which version a revision serves before it runs, and where its other versions lie."""

from pathlib import Path

import yaml

from trellis.local.command import model_folder
from trellis.local.inference_service import Template
from trellis.local.storage import BadUri, OnlyInCluster


def version_of(template: Template, models: Path) -> str | None:
    """The version in the ``model.yaml`` that a template serves; None where there is not one."""
    try:
        folder = model_folder(template, models)
    except (BadUri, OnlyInCluster):
        return None
    return None if folder is None else _version_in(folder)


def template_of(version: str, template: Template, models: Path) -> Template | None:
    """``template`` serving another version, whose folder lies beside its own; None without one."""
    if template.storage_uri is None:
        return None
    moved = f"{template.storage_uri.rstrip('/').rpartition('/')[0]}/{version}"
    env = template.env
    if "STORAGE_URI" in env:
        env = {**env, "STORAGE_URI": moved}
    digest = f"{template.digest}:{version}"
    other = template.model_copy(update={"digest": digest, "storage_uri": moved, "env": env})
    return other if version_of(other, models) == version else None


def _version_in(folder: Path) -> str | None:
    try:
        document = yaml.safe_load((folder / "model.yaml").read_bytes())
    except (OSError, ValueError, yaml.YAMLError):
        return None
    version = document.get("version") if isinstance(document, dict) else None
    return version if isinstance(version, str) else None
