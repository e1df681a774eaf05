"""The table of values in a chart's README, between two marks; the rest is written by hand."""

import json
from collections.abc import Iterator
from typing import Any

from scripts.charts.values_file import Field, Value

BEGIN = "<!-- values: written by make generate from values.yaml -->"
END = "<!-- end of values -->"


class NoMarks(Exception):
    """A README without the two marks between which the table goes."""


def with_table(readme: str, values: list[Value]) -> str:
    """``readme`` with the table of ``values`` between its marks. Raises ``NoMarks``."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarks(f"the README lacks {BEGIN} and, after it, {END}")
    return f"{before}{BEGIN}\n{_table(values)}\n{END}{after}"


def _table(values: list[Value]) -> str:
    rows = ["", "| value | type | default | meaning |", "|---|---|---|---|"]
    rows += [f"| {' | '.join(row)} |" for row in _rows(values)]
    return "\n".join([*rows, ""])


def _rows(values: list[Value]) -> Iterator[tuple[str, str, str, str]]:
    for value in values:
        if value.children:
            yield f"**`{value.path}`**", "", "", _cell(value.meaning)
            yield from _rows(value.children)
            continue
        yield f"`{value.path}`", _type(value), _default(value.default), _cell(value.meaning)
        yield from _entries(f"{value.path}[]", value.fields)


def _entries(path: str, fields: tuple[Field, ...]) -> Iterator[tuple[str, str, str, str]]:
    for key in fields:
        kind = "list" if key.fields else key.type
        yield (
            f"`{path}.{key.name}`",
            f"{kind}, required" if key.required else kind,
            "",
            _cell(key.meaning),
        )
        yield from _entries(f"{path}.{key.name}[]", key.fields)


def _type(value: Value) -> str:
    if value.values:
        return f"map of {value.values}"
    if value.items:
        return f"list of {value.items}"
    if value.enum:
        return ", ".join(f"`{word}`" for word in (*value.enum, *value.types[1:]))
    words = " or ".join({"array": "list", "object": "map"}.get(name, name) for name in value.types)
    if value.minimum is not None and value.maximum is not None:
        return f"{words}, {value.minimum} to {value.maximum}"
    if value.minimum is not None:
        return f"{words}, from {value.minimum}"
    return words


def _default(default: Any) -> str:
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
