"""What a process may serve: its version folders by model, and each model's default version."""

from pathlib import Path

from trellis.serving.version_folder import (
    VersionFolder,
    VersionFolderError,
    find_versions,
    natural_key,
)

Folders = dict[str, dict[str, VersionFolder]]


def read_folders(path: Path, model_name: str | None) -> Folders:
    """Folders by model and then version; ``model_name`` renames a single model.

    Raises ``VersionFolderError`` where there is nothing to serve, or several models to rename.
    """
    found: Folders = {}
    for folder in find_versions(path):
        found.setdefault(folder.yaml.name, {})[folder.yaml.version] = folder
    if model_name is None:
        return found
    if len(found) != 1:
        raise VersionFolderError(
            f"model_name {model_name!r} needs a folder of one model, found {sorted(found)}"
        )
    return {model_name: next(iter(found.values()))}


def default_versions(folders: Folders, chosen: dict[str, str]) -> dict[str, str]:
    """The default version of each model: the ``chosen`` one, else the highest.

    Raises ``VersionFolderError`` where a chosen one is not there.
    """
    for model, version in chosen.items():
        if version not in folders.get(model, {}):
            raise VersionFolderError(
                f"default_versions names {model}/{version}, which is not there"
            )
    return {model: max(versions, key=natural_key) for model, versions in folders.items()} | chosen


def load_order(folders: Folders, defaults: dict[str, str]) -> list[tuple[str, str]]:
    """Every (model, version), the defaults first: what an eager start loads."""
    keys = list(defaults.items())
    return keys + [
        (m, v) for m, versions in folders.items() for v in versions if (m, v) not in keys
    ]
