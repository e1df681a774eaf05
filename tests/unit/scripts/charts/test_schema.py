import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scripts.charts.schema import schema_text
from scripts.charts.values_file import read_values

VALUES = """
# -- Word.
# @pattern ^[a-z]+$
word: a
# -- Count.
# @type integer null
# @minimum 0
# @maximum 9
count: null
# -- Choice.
# @type string null
# @enum a b
choice: null
# -- Share.
# @type integer string null
# @pattern ^[0-9]+%$
# @minimum 1
share: null
# -- Time.
# @type duration
time: 1s
# -- Section.
section:
  # -- Free.
  # @values quantity
  free: {}
  # -- Words.
  # @items string
  words: []
  # -- Anything.
  # @open
  anything: {}
# -- Entries.
# @field name string required /^[a-z]+$/ -- its name
# @field size integer -- its size
# @field parts array -- its parts
# @field parts[].name string required -- the part's name
entries: []
"""


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file: Path = tmp_path_factory.mktemp("chart") / "values.yaml"
    file.write_text(VALUES)
    document: dict[str, Any] = json.loads(schema_text("Values", read_values(file)))
    jsonschema.Draft7Validator.check_schema(document)
    return document


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"word": "b", "count": 9, "choice": "b", "share": "50%", "time": "1m30s"},
        {"count": None, "choice": None, "share": 1, "time": ""},
        {"section": {"free": {"cpu": 1, "memory": "1.5Gi"}, "words": ["a"]}},
        {"section": {"anything": {"a": [1]}}},
        {"entries": [{"name": "a", "size": 1}, {"name": "b"}]},
        {"entries": [{"name": "a", "parts": [{"name": "b"}]}]},
        {"global": {"anything": 1}},
    ],
)
def test_what_is_declared_passes(schema: dict[str, Any], values: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(schema).validate(values)


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"wort": "b"}, ""),
        ({"word": "B"}, "word"),
        ({"word": None}, "word"),
        ({"count": 10}, "count"),
        ({"count": -1}, "count"),
        ({"count": "1"}, "count"),
        ({"choice": "c"}, "choice"),
        ({"share": "half"}, "share"),
        ({"share": 0}, "share"),
        ({"time": "1 s"}, "time"),
        ({"time": "500ms"}, "time"),
        ({"time": "1.5s"}, "time"),
        ({"section": {"more": 1}}, "section"),
        ({"section": {"free": {"cpu": "much"}}}, "section/free/cpu"),
        ({"section": {"words": [1]}}, "section/words/0"),
        ({"entries": [{}]}, "entries/0"),
        ({"entries": [{"name": "A"}]}, "entries/0/name"),
        ({"entries": [{"name": "a", "weight": 1}]}, "entries/0"),
        ({"entries": [{"name": "a", "parts": [{}]}]}, "entries/0/parts/0"),
        ({"entries": [{"name": "a", "parts": [{"name": "b", "size": 1}]}]}, "entries/0/parts/0"),
        ({"entries": [{"name": "a", "parts": []}]}, "entries/0/parts"),
    ],
)
def test_what_is_not_declared_is_refused_where_it_stands(
    schema: dict[str, Any], values: dict[str, Any], path: str
) -> None:
    (error,) = jsonschema.Draft7Validator(schema).iter_errors(values)
    assert "/".join(str(part) for part in error.absolute_path) == path
