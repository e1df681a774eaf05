"""storageUri to a folder of this machine."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

#: The claim that manifests name; ``--models`` stands for it here.
CLAIM = "models"


class BadUri(ValueError):
    """No storageUri that KServe would take either."""


class OnlyInCluster(ValueError):
    """A storageUri that KServe fetches and this machine does not."""


def resolve(uri: str, models: Path) -> Path:
    """The folder that ``uri`` names, not checked to exist.

    ``pvc://models/X`` is ``models / X``; ``file:///a/b`` is /a/b. Raises ``BadUri`` or
    ``OnlyInCluster``, whose text is a sentence with what came and what was expected.
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:  # half a pair of brackets
        raise BadUri(f"{uri!r} is no URI: {error}") from error
    if "\0" in unquote(uri):
        raise BadUri(f"{uri!r} holds a NUL, which no path has")
    if parts.scheme == "pvc":
        return _claim(uri, parts.netloc, unquote(parts.path), models)
    if parts.scheme == "file":
        # file://a/b is written where file:///a/b or a relative path is meant; take it as typed.
        return Path(unquote(parts.netloc + parts.path))
    if not parts.scheme:
        raise BadUri(f"{uri!r} has no scheme; expected for example pvc://{CLAIM}/tomato/v2")
    raise OnlyInCluster(f"{parts.scheme}:// is fetched in a cluster, not here: {uri!r}")


def _claim(uri: str, claim: str, path: str, models: Path) -> Path:
    if claim != CLAIM:
        raise OnlyInCluster(f"{uri!r} names the claim {claim!r}; here only {CLAIM!r} has a folder")
    inside = Path(path.strip("/"))
    if ".." in inside.parts:
        raise BadUri(f"{uri!r} climbs out of its claim with '..'")
    return models / inside


def version_folder_problem(folder: Path) -> str | None:
    """Why ``folder`` cannot be served, or None: it must hold model.yaml, or folders that do."""
    try:
        if not folder.is_dir():
            parent = folder.parent
            beside = sorted(child.name for child in parent.iterdir()) if parent.is_dir() else []
            known = f"; {parent} holds {', '.join(beside)}" if beside else ""
            return f"the folder {folder} does not exist{known}"
        if (folder / "model.yaml").is_file() or versions_in(folder):
            return None
    except OSError as error:  # a name too long, a folder closed to us
        return f"the folder {folder} cannot be read: {error.strerror}"
    return f"the folder {folder} holds no model.yaml"


def versions_in(folder: Path) -> list[str]:
    """The version folders below a model's folder; none where ``folder`` is a version itself."""
    if (folder / "model.yaml").is_file():
        return []
    return sorted(file.parent.name for file in folder.glob("*/model.yaml"))
