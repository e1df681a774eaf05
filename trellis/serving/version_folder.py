"""A version folder: ``model.yaml`` and the artefacts that it names, checked by hash.

The fingerprint tells whether two revisions compute the same answers: it covers the artefacts,
the predictor's source, the engine with its version, and the preprocessing.
"""

import hashlib
import re
from itertools import pairwise
from pathlib import Path
from typing import Self

import yaml
from pydantic import ValidationError

from trellis import __version__
from trellis.contracts.model_yaml import EngineName, ModelYaml
from trellis.serving.predictor_source import source_digest

_CHUNK = 1 << 20


class VersionFolderError(Exception):
    """The folder cannot be served; the message says what is wrong and what was expected."""


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key under which ``v10`` comes after ``v9``."""
    parts = re.split(r"(\d+)", text)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


class VersionFolder:
    """An opened folder: its description, valid, and its files, each with the hash it claims."""

    def __init__(self, path: Path, description: ModelYaml) -> None:
        self.path = path
        self.yaml = description

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read ``model.yaml`` alone, without opening the artefacts.

        Raises ``VersionFolderError`` where there is none or it does not fit.
        """
        file = path / "model.yaml"
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise VersionFolderError(f"{path.name}: no model.yaml in this folder") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise VersionFolderError(f"{path.name}/model.yaml cannot be read: {error}") from error
        try:
            return cls(path, ModelYaml.model_validate(content))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "the document"
            raise VersionFolderError(
                f"{path.name}/model.yaml: {field}: {first['msg']} (got {first['input']!r:.80})"
            ) from error

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read ``model.yaml`` and check every file's hash.

        Raises ``VersionFolderError`` on a missing or changed file.
        """
        folder = cls.read(path)
        folder.check_hashes()
        return folder

    def check_hashes(self) -> None:
        """Raise ``VersionFolderError`` unless every listed file is there and unchanged."""
        for name, expected in self.yaml.files.items():
            file = self.path / name
            if not file.is_file():
                raise VersionFolderError(f"{self.title}: file {name!r} of model.yaml is missing")
            found = sha256_of(file)
            if found != expected:
                raise VersionFolderError(
                    f"{self.title}: file {name!r} has sha256 {found[:12]}…, model.yaml says {expected[:12]}…"
                )

    @property
    def title(self) -> str:
        """``tomato/v2``: how messages name the folder."""
        return f"{self.yaml.name}/{self.yaml.version}"

    def file(self, name: str) -> Path:
        """Path of a listed file; raises ``VersionFolderError`` for one without a hash."""
        if name not in self.yaml.files:
            raise VersionFolderError(f"{self.title}: file {name!r} has no hash in model.yaml")
        return self.path / name

    def fingerprint(self, predictor: type, engine: EngineName | None, engine_version: str) -> str:
        """``sha256:…`` over all that decides an answer; equal fingerprints answer alike."""
        digest = hashlib.sha256()
        for name, file_hash in sorted(self.yaml.files.items()):
            digest.update(f"{name}={file_hash}\n".encode())
        digest.update(f"{predictor.__qualname__} of trellis {__version__}\n".encode())
        digest.update(f"{source_digest(predictor)}\n".encode())
        described = self.yaml.model_dump_json(
            include={"inputs", "outputs", "labels", "preprocessing"}
        )
        digest.update(f"{engine}={engine_version}\n{described}".encode())
        return f"sha256:{digest.hexdigest()}"


def find_versions(path: Path) -> list[VersionFolder]:
    """All version folders at ``path``: itself, its children or its grandchildren.

    So a version, a model and a folder of models can each be named. Raises
    ``VersionFolderError`` where there is none, or where two say the same model and version.
    """
    if not path.is_dir():
        raise VersionFolderError(f"{path.name}: no such folder")
    if (path / "model.yaml").is_file():
        found = [path]
    else:
        found = [
            file.parent
            for pattern in ("*/model.yaml", "*/*/model.yaml")
            for file in path.glob(pattern)
            # A version that is being published, or that a crash left behind, is none yet.
            if not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
    if not found:
        raise VersionFolderError(
            f"{path.name}: no model.yaml here nor one or two folders below; expected a version folder, "
            "a model's folder or a folder of models"
        )
    folders = [VersionFolder.read(folder) for folder in found]
    folders.sort(key=lambda folder: (folder.yaml.name, natural_key(folder.yaml.version)))
    for one, other in pairwise(folders):
        if one.title == other.title:
            raise VersionFolderError(
                f"{one.title} is described twice, in {one.path.name} and {other.path.name}"
            )
    return folders
