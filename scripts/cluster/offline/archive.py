"""Write a container image as the archive that `docker load` and `kind load image-archive` read.

No engine takes part: an image is its layers, a configuration that names their hashes, and a list.
The same parts give the same bytes.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts.cluster.offline.cache import written

# The user of every image here that is not a machine: not root, and a number, so that
# `runAsNonRoot` can be checked.
USER = "65532:65532"


@dataclass(frozen=True)
class Config:
    """What a container of the image runs."""

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = USER
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "SIGTERM"


def write_layer(
    path: Path,
    files: Mapping[str, Path],
    texts: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> None:
    """A layer of files (path in the image: file here), texts and symbolic links, with a `/tmp` for all."""
    texts, links = texts or {}, links or {}
    with path.open("wb") as raw, tarfile.open(fileobj=raw, mode="w") as tar:
        for folder in _folders([*files, *texts, *links, "/tmp/any"]):  # noqa: S108 - a path in the image
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name, source in files.items():
            status = source.stat()
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.mode, entry.size = 0o755 if status.st_mode & 0o100 else 0o644, status.st_size
            with source.open("rb") as content:
                tar.addfile(entry, content)
        for name, text in texts.items():
            _add(tar, name.lstrip("/"), text.encode())
        for name, target in links.items():
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)


def write_archive(path: Path, name: str, layers: Sequence[Path], config: Config) -> None:
    """The archive of one image, `name` with its tag, from uncompressed layers, lowest first."""
    digests = [_digest(layer) for layer in layers]
    document = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Cmd": list(config.command),
                "Entrypoint": list(config.entrypoint),
                "Env": [f"{key}={value}" for key, value in config.environment.items()],
                "StopSignal": config.stop_signal,
                "User": config.user,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        }
    ).encode()
    described = f"{hashlib.sha256(document).hexdigest()}.json"
    files = [f"{digest}.tar" for digest in digests]
    manifest = [{"Config": described, "RepoTags": [name], "Layers": files}]
    with (
        written(path) as aside,
        aside.open("wb") as raw,
        tarfile.open(fileobj=raw, mode="w") as tar,
    ):
        _add(tar, "manifest.json", json.dumps(manifest).encode())
        _add(tar, described, document)
        for file, layer in dict(zip(files, layers, strict=True)).items():
            entry = tarfile.TarInfo(file)
            entry.size = layer.stat().st_size
            with layer.open("rb") as content:
                tar.addfile(entry, content)


def _folders(names: Iterable[str]) -> list[str]:
    """Every folder above the names, each before what it holds."""
    return sorted({str(above) for n in names for above in Path(n.lstrip("/")).parents} - {"."})


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = 0o644, len(content)
    tar.addfile(entry, io.BytesIO(content))


def _digest(path: Path) -> str:
    content: IO[bytes]
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
