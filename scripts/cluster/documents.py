"""Kubernetes documents: out of a YAML stream, changed, and back into one.

Custom resource definitions stay text: they are long, slow to parse, and applied as they are.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

Document = dict[str, Any]

_SEPARATOR = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)
_KIND = re.compile(r"^kind:\s*[\"']?([A-Za-z]+)", re.MULTILINE)
_NAME = re.compile(r"^metadata:.*?^ +name:\s*[\"']?([^\s\"']+)", re.MULTILINE | re.DOTALL)

#: What others refer to comes before what refers to it.
_ORDER = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "Deployment",
)


@dataclass
class Manifest:
    """What one component consists of."""

    definitions: list[str] = field(default_factory=list)
    objects: list[Document] = field(default_factory=list)

    def find(self, kind: str, name: str) -> Document:
        """The one object of that kind and name.

        :raises KeyError: where there is none.
        """
        for document in self.objects:
            if document["kind"] == kind and document["metadata"]["name"] == name:
                return document
        raise KeyError(f"no {kind} {name} among {len(self.objects)} objects")

    def of_kind(self, kind: str) -> list[Document]:
        """All objects of one kind."""
        return [document for document in self.objects if document["kind"] == kind]


def everything(_kind: str, _name: str) -> bool:
    """Keeps all documents."""
    return True


def read(text: str, keep: Callable[[str, str], bool] = everything) -> Manifest:
    """A YAML stream as a manifest, with only what ``keep(kind, name)`` wants."""
    manifest = Manifest()
    for part in _SEPARATOR.split(text):
        kind, name = _KIND.search(part), _NAME.search(part)
        if not kind or not name or not keep(kind[1], name[1]):
            continue
        if kind[1] == "CustomResourceDefinition":
            manifest.definitions.append(part)
        else:
            manifest.objects.append(yaml.load(part, Loader=yaml.CSafeLoader))
    manifest.objects.sort(key=_rank)
    return manifest


def stream(documents: Iterable[Document | str]) -> str:
    """Documents as one stream that kubectl reads."""
    texts = (text if isinstance(text, str) else json.dumps(text) for text in documents)
    return "\n---\n".join(texts)


def definition_names(manifest: Manifest) -> list[str]:
    """The names of a manifest's custom resource definitions."""
    return [match[1] for text in manifest.definitions if (match := _NAME.search(text))]


def _rank(document: Document) -> int:
    kind = document["kind"]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
