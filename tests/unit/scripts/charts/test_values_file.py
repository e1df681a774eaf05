from pathlib import Path

import pytest

from scripts.charts.values_file import BadValues, Value, read_values


def read(folder: Path, text: str) -> list[Value]:
    file = folder / "values.yaml"
    file.write_text(text)
    return read_values(file)


def test_a_value_has_default_meaning_and_declarations(tmp_path: Path) -> None:
    (value,) = read(
        tmp_path,
        "# A heading, apart.\n\n"
        "# -- How many,\n# as a number.\n# @type integer null\n# @minimum 1\n# @maximum 9\n"
        "count: null\n",
    )
    assert value.path == "count"
    assert value.meaning == "How many, as a number."
    assert value.types == ("integer", "null")
    assert (value.minimum, value.maximum, value.default) == (1, 9, None)


@pytest.mark.parametrize(
    ("default", "kind"),
    [('""', "string"), ("true", "boolean"), ("1", "integer"), ("0.5", "number")],
)
def test_the_default_shows_the_type(tmp_path: Path, default: str, kind: str) -> None:
    (value,) = read(tmp_path, f"# -- A thing.\nthing: {default}\n")
    assert value.types == (kind,)


def test_a_section_has_its_keys_below_it(tmp_path: Path) -> None:
    (section,) = read(
        tmp_path,
        "# -- Outer.\nouter:\n  # -- Inner.\n  # @enum a b\n  inner: a\n"
        "  # -- Free.\n  # @values string\n  free: {k: v}\n",
    )
    assert [child.path for child in section.children] == ["outer.inner", "outer.free"]
    assert section.children[0].enum == ("a", "b")
    assert (section.children[1].values, section.children[1].children) == ("string", [])


def test_the_entries_of_a_list_have_declared_keys(tmp_path: Path) -> None:
    (value,) = read(
        tmp_path,
        "# -- All.\n# @field name string required /^[a-z ]+$/ -- what it is called\n"
        "# @field size integer -- how large\nall: []\n",
    )
    name, size = value.fields
    assert (name.name, name.type, name.required, name.pattern) == (
        "name",
        "string",
        True,
        "^[a-z ]+$",
    )
    assert (size.required, size.pattern, size.meaning) == (False, None, "how large")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("count: 1\n", "values.yaml:1: count has no comment that starts with `# --`"),
        ("# How many.\ncount: 1\n", "count has no comment"),
        ("# -- Far away.\n\ncount: 1\n", "values.yaml:3: count has no comment"),
        ("# -- Any.\ncount: null\n", "count is null: say @type"),
        ("# -- Any.\ncounts: []\n", "counts is a list: say @items, @field or @open"),
        ("# -- Any.\nmap: {}\n", "map is empty: say @values or @open"),
        ("# -- Any.\n# @typ integer\ncount: 1\n", "@typ is unknown; there are @enum"),
        ("# -- Any.\n# @type int\ncount: 1\n", "type 'int' is unknown; there are array"),
        ("# -- Any.\n# @field name string\nall: []\n", "@field is not NAME TYPE"),
        ("# -- Any.\n# @field a[].b string -- b\nall: []\n", "before a @field a array"),
        ("# -- Outer.\nouter:\n  inner: 1\n", "values.yaml:3: outer.inner has no comment"),
        ("- 1\n", "the file is no map"),
    ],
)
def test_what_is_not_said_is_told_by_file_line_and_name(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(BadValues) as refused:
        read(tmp_path, text)
    assert words in str(refused.value)
