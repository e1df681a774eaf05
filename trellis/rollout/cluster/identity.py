"""What a version is, told from the pod that KServe makes of it.

A Knative Service's template and the Revisions made of it have the same shape, so the two compare:
an InferenceService that leaves its image to a runtime says nothing of it itself. Compared is what
decides what a container computes: the source that KServe loads into it (an annotation), image,
command, arguments and environment of each container. Replicas, resources, labels and all other
annotations make a new revision of the same version.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

#: KServe's note of the storageUri for whatever loads it; it also sets others of this beginning.
_SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
_SOURCES = "internal.serving.kserve.io/storage"
#: Its value is the source, which the annotation has too.
_SOURCE_VARIABLE = "STORAGE_URI"
MAIN = "kserve-container"
_MODEL_NAME = "--model_name"
_GRPC_PORT = "h2c"
_FIELDS = ("name", "image", "command", "args", "env", "envFrom")


@dataclass(frozen=True)
class Artefact:
    """What one template computes; ``rest`` is the JSON of all that is neither source nor image."""

    source: str
    image: str
    rest: bytes

    @property
    def identity(self) -> str:
        """A digest that is equal for equal artefacts."""
        packed = orjson.dumps([self.source, self.image]) + self.rest
        return hashlib.sha256(packed).hexdigest()[:32]

    @property
    def version(self) -> str:
        """What people call it: the last part of the source's path, else the image's tag.

        Always a ``Name``, whatever the source is, for tables and URLs have it.
        """
        tail = self.source.partition("?")[0].rstrip("/").rpartition("/")[2]
        if tail:
            return _named(tail)
        name, _, digest = self.image.partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        return _named(tag or digest.rpartition(":")[2][:12] or "latest")

    def asked(self, source: str, image: str) -> "Artefact":
        """The same with what an InferenceService names itself, where it does."""
        return replace(self, source=source or self.source, image=image or self.image)


def artefact(template: Mapping[str, Any]) -> Artefact:
    """Of a pod template or a Revision: ``metadata.annotations`` and ``spec.containers``."""
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    spec = template.get("spec") or {}
    containers = list(spec.get("containers") or [])
    main = _main(containers)
    source = annotations.get(_SOURCE) or storage_variable(main)
    sources = {k: v for k, v in annotations.items() if k.startswith(_SOURCES) and k != _SOURCE}
    shown = [_shown(c, without_image=c is main) for c in containers]
    shown += [_shown(c) for c in spec.get("initContainers") or []]
    rest = orjson.dumps([sources, shown], option=orjson.OPT_SORT_KEYS)
    return Artefact(source, main.get("image") or "", hashlib.sha256(rest).digest())


def model_name(template: Mapping[str, Any]) -> str:
    """The name of its model that the main container is told, as KServe's servers take it; else empty."""
    main = _main((template.get("spec") or {}).get("containers") or [])
    words = [str(word) for word in (*(main.get("command") or ()), *(main.get("args") or ()))]
    for place, word in enumerate(words):
        flag, given, value = word.partition("=")
        if flag == _MODEL_NAME:
            return value if given else "".join(words[place + 1 : place + 2])
    return ""


def speaks_grpc(template: Mapping[str, Any]) -> bool:
    """Whether the one port that Knative gives a container is for gRPC: it speaks HTTP/2 to that alone."""
    ports = _main((template.get("spec") or {}).get("containers") or []).get("ports") or []
    return any(port.get("name") == _GRPC_PORT for port in ports)


def _main(containers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    nobody: Mapping[str, Any] = {}
    first = containers[0] if containers else nobody
    return next((c for c in containers if c.get("name") == MAIN), first)


def storage_variable(container: Mapping[str, Any]) -> str:
    """The source of a custom container, which says it by its environment."""
    for entry in container.get("env") or []:
        if entry.get("name") == _SOURCE_VARIABLE:
            return str(entry.get("value") or "")
    return ""


def _named(text: str) -> str:
    """As a ``Name``; where nothing of it would be left, a short digest of it."""
    told = re.sub(r"[^A-Za-z0-9._-]", "-", text).lstrip("._-")[:63].rstrip("._-")
    return told or hashlib.sha256(text.encode()).hexdigest()[:12]


def _shown(container: Mapping[str, Any], *, without_image: bool = False) -> dict[str, Any]:
    shown = {field: container[field] for field in _FIELDS if container.get(field)}
    if without_image:
        shown.pop("image", None)
    shown["env"] = [e for e in shown.get("env", ()) if e.get("name") != _SOURCE_VARIABLE]
    return shown
