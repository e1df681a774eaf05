"""The JSON Schema of a chart's values: every key that is not declared is refused."""

import json
from typing import Any

from scripts.charts.values_file import Field, Value

#: As Go reads a duration, in the whole seconds that Knative asks for, and as Kubernetes does a quantity.
DURATION = r"^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"


def schema_text(title: str, values: list[Value]) -> str:
    """The file ``values.schema.json``."""
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        **_section(values),
    }
    # Helm hands these to every chart that is part of another one.
    document["properties"]["global"] = {"type": "object"}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _section(values: list[Value]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {value.name: _value(value) for value in values},
    }


def _value(value: Value) -> dict[str, Any]:
    schema = {"description": value.meaning, **_shape(value)}
    if value.enum:
        schema["enum"] = [*value.enum, *([None] if "null" in value.types else [])]
    if value.pattern is not None:
        schema["pattern"] = value.pattern
    if value.minimum is not None:
        schema["minimum"] = value.minimum
    if value.maximum is not None:
        schema["maximum"] = value.maximum
    return schema


def _shape(value: Value) -> dict[str, Any]:
    if value.children:
        return _section(value.children)
    if value.values:
        return {"type": "object", "additionalProperties": _type(value.values)}
    if value.items:
        return {"type": "array", "items": _type(value.items)}
    if value.fields:
        return {"type": "array", "items": _entry(value.fields)}
    if len(value.types) == 1:
        return _type(value.types[0])
    return {"type": list(value.types)}


def _type(name: str) -> dict[str, Any]:
    match name:
        case "duration":
            return {"type": "string", "pattern": DURATION}
        case "quantity":
            return {"type": ["string", "integer"], "pattern": QUANTITY}
        case _:
            return {"type": name}


def _entry(fields: tuple[Field, ...]) -> dict[str, Any]:
    properties = {}
    for key in fields:
        properties[key.name] = {"description": key.meaning, **_type(key.type)}
        if key.pattern:
            properties[key.name]["pattern"] = key.pattern
        if key.fields:
            properties[key.name] |= {"items": _entry(key.fields), "minItems": 1}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [key.name for key in fields if key.required],
        "properties": properties,
    }
