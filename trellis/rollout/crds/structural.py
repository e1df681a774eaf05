"""pydantic's JSON Schema as a structural schema of Kubernetes.

Kubernetes knows no references, no ``anyOf`` with null, no ``const`` and no tuples; bounds that are
left out are a flag beside the bound; unknown fields are no part of the schema, the API server
drops or refuses them by itself.
"""

from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

_BOUNDS = ("maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum")
_KEPT = frozenset((*_BOUNDS, "description", "enum", "pattern", "type"))


def structural(model: type[BaseModel], *, defaults: bool) -> Schema:
    """The schema of ``model`` by its names on the wire.

    ``defaults``: whether the API server fills in what is left out; a status is the controller's to
    write whole. Raises ``ValueError`` for what has no structural form, naming the field.
    """
    document = model.model_json_schema(by_alias=True)
    return _Conversion(document.get("$defs", {}), defaults).convert(document, model.__name__)


class _Conversion:
    def __init__(self, definitions: Schema, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def convert(self, node: Schema, path: str) -> Schema:
        node = self._resolved(node, path)
        if "type" not in node:
            raise ValueError(f"{path} has no single type: {sorted(node)}")
        kept = {name: value for name, value in node.items() if name in _KEPT}
        for name, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if name in node:
                kept |= {bound: node[name], name: True}
        if "description" in kept:
            kept["description"] = kept["description"].replace("``", "`")
        if self._defaults and (default := _without_nulls(node.get("default"))) is not None:
            kept["default"] = default
        if node["type"] == "object":
            kept |= self._object(node, path)
        elif node["type"] == "array":
            kept |= self._array(node, path)
        return kept

    def _resolved(self, node: Schema, path: str) -> Schema:
        """``node`` with its reference followed, without null, and a constant as its only word."""
        if "$ref" in node:
            beside = {name: value for name, value in node.items() if name != "$ref"}
            node = {**self._definitions[node["$ref"].removeprefix("#/$defs/")], **beside}
        if "anyOf" in node:
            ways = [way for way in node["anyOf"] if way != {"type": "null"}]
            if len(ways) != 1:
                raise ValueError(f"{path} may be of {len(ways)} types")
            beside = {name: value for name, value in node.items() if name != "anyOf"}
            return self._resolved({**ways[0], **beside}, path)
        if "const" in node:
            node = {**node, "enum": [node["const"]]}
        return node

    def _object(self, node: Schema, path: str) -> Schema:
        if "properties" in node:
            found: Schema = {
                "properties": {
                    name: self.convert(child, f"{path}.{name}")
                    for name, child in node["properties"].items()
                }
            }
            return found | ({"required": node["required"]} if "required" in node else {})
        values = node.get("additionalProperties")
        if isinstance(values, dict):
            return {"additionalProperties": self.convert(values, f"{path}.*")}
        return {"x-kubernetes-preserve-unknown-fields": True}

    def _array(self, node: Schema, path: str) -> Schema:
        if "prefixItems" not in node:
            return {"items": self.convert(node["items"], f"{path}[]")}
        first, *others = (self.convert(item, f"{path}[]") for item in node["prefixItems"])
        if any(other != first for other in others):
            raise ValueError(f"{path} is a tuple of several types")
        return {"items": first}


def _without_nulls(value: Any) -> Any:
    """A default as a person would write it: what is null is left out."""
    if isinstance(value, dict):
        return {name: _without_nulls(child) for name, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value
