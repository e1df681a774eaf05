"""Reads a chart's ``values.yaml``: each value with what its comment declares of it.

A comment right above a key speaks of it. Lines from ``# --`` on are its meaning; the rest declare,
one a line:

- ``@type integer null``: the types, where the default does not show them (``duration`` and
  ``quantity`` are strings of those forms);
- ``@enum a b``, ``@pattern REGEX``, ``@minimum N``, ``@maximum N``: what it may be;
- ``@values TYPE``: a map of any keys to that type; ``@items TYPE``: a list of that type;
- ``@field NAME TYPE [required] [/REGEX/] -- MEANING``: a key of each entry of a list; where that is
  itself a list of entries, ``@field NAME[].KEY ...`` are theirs;
- ``@open``: handed on to Kubernetes, which checks it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from dataclasses import field as made
from pathlib import Path
from typing import Any

import yaml

#: What ``@type``, ``@values``, ``@items`` and ``@field`` may name.
TYPES = frozenset(
    ["string", "integer", "number", "boolean", "array", "object", "null", "duration", "quantity"]
)
_DECLARATIONS = frozenset(
    ["type", "enum", "pattern", "minimum", "maximum", "values", "items", "field", "open"]
)
_FIELD = re.compile(
    r"(?P<name>\S+) (?P<type>\S+)(?P<required> required)?(?: /(?P<pattern>.+)/)? -- (?P<meaning>.+)"
)
_OF_DEFAULTS: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}


class BadValues(Exception):
    """A ``values.yaml`` that does not say enough of a value; the message names file and line."""


@dataclass(frozen=True)
class Field:
    """A key that each entry of a list may have."""

    name: str
    type: str
    required: bool
    pattern: str | None
    meaning: str
    fields: tuple["Field", ...] = ()


@dataclass
class Value:
    """One key of ``values.yaml``; ``children`` are those of a section with keys of its own."""

    path: str
    default: Any
    meaning: str
    types: tuple[str, ...]
    enum: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    values: str | None = None
    items: str | None = None
    fields: tuple[Field, ...] = ()
    is_open: bool = False
    children: list["Value"] = made(default_factory=list)

    @property
    def name(self) -> str:
        """The key itself."""
        return self.path.rsplit(".", 1)[-1]


def read_values(file: Path) -> list[Value]:
    """The values of a chart, in the file's order. Raises ``BadValues`` where a value has no
    meaning, declares what is unknown, or leaves open what it may be.
    """
    text = file.read_text("utf-8")
    return list(_section(yaml.compose(text), text.splitlines(), file.name, ()))


def _section(
    node: yaml.Node | None, lines: list[str], file: str, path: tuple[str, ...]
) -> Iterator[Value]:
    if not isinstance(node, yaml.MappingNode):
        raise BadValues(f"{file}: {'.'.join(path) or 'the file'} is no map")
    for key, content in node.value:
        line = key.start_mark.line
        here = (*path, key.value)
        comment = _comment_above(lines, line)
        value = _value(here, yaml.safe_load(yaml.serialize(content)), comment, f"{file}:{line + 1}")
        is_section = isinstance(value.default, dict) and not (value.values or value.is_open)
        if is_section and not value.default:
            raise BadValues(f"{file}:{line + 1}: {value.path} is empty: say @values or @open")
        if is_section:
            value.children = list(_section(content, lines, file, here))
        yield value


def _comment_above(lines: list[str], line: int) -> list[str]:
    above: list[str] = []
    while line and (text := lines[line - 1].strip()).startswith("#"):
        above.insert(0, text.lstrip("#").strip())
        line -= 1
    return above


def _value(path: tuple[str, ...], default: Any, comment: list[str], where: str) -> Value:
    name = ".".join(path)
    meaning = " ".join(line for line in comment if not line.startswith("@"))
    if not meaning.startswith("-- "):
        raise BadValues(f"{where}: {name} has no comment that starts with `# --` right above it")
    value = Value(name, default, meaning.removeprefix("-- "), (_OF_DEFAULTS[type(default)],))
    for line in comment:
        if line.startswith("@"):
            _declare(value, line[1:], where)
    if value.types == ("null",):
        raise BadValues(f"{where}: {name} is null: say @type")
    if value.types == ("array",) and not (value.items or value.fields or value.is_open):
        raise BadValues(f"{where}: {name} is a list: say @items, @field or @open")
    return value


def _declare(value: Value, declaration: str, where: str) -> None:
    word, _, rest = declaration.partition(" ")
    if word not in _DECLARATIONS:
        known = ", ".join(f"@{known}" for known in sorted(_DECLARATIONS))
        raise BadValues(f"{where}: @{word} is unknown; there are {known}")
    match word:
        case "type":
            value.types = tuple(_type(name, where) for name in rest.split())
        case "enum":
            value.enum = tuple(rest.split())
        case "pattern":
            value.pattern = rest
        case "minimum":
            value.minimum = int(rest)
        case "maximum":
            value.maximum = int(rest)
        case "values":
            value.values = _type(rest, where)
        case "items":
            value.items = _type(rest, where)
        case "field":
            value.fields = _with(value.fields, _field(rest, where), where)
        case _:
            value.is_open = True


def _type(name: str, where: str) -> str:
    if name not in TYPES:
        raise BadValues(f"{where}: type {name!r} is unknown; there are {', '.join(sorted(TYPES))}")
    return name


def _field(text: str, where: str) -> Field:
    if (match := _FIELD.fullmatch(text)) is None:
        raise BadValues(f"{where}: @field is not NAME TYPE [required] [/REGEX/] -- MEANING: {text}")
    return Field(
        match["name"],
        _type(match["type"], where),
        match["required"] is not None,
        match["pattern"],
        match["meaning"],
    )


def _with(fields: tuple[Field, ...], new: Field, where: str) -> tuple[Field, ...]:
    """``fields`` and a new one, at the end or, where its name is ``LIST[].NAME``, in that list."""
    outer, inside, name = new.name.partition("[].")
    if not inside:
        return (*fields, new)
    if all(field.name != outer or field.type != "array" for field in fields):
        raise BadValues(f"{where}: @field {new.name} comes before a @field {outer} array")
    return tuple(
        replace(field, fields=_with(field.fields, replace(new, name=name), where))
        if field.name == outer
        else field
        for field in fields
    )
